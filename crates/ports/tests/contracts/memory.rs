//! The store in memory, held to both suites that it has to pass.

use std::sync::Arc;

use domain::{PaymentRequestId, Policy};
use ports::testing::{Damage, MemoryStore, Subject, async_trait, ledger_policy};
use ports::{CancellationStore, CaseSearch, SettlementStore};

struct InMemory(MemoryStore);

impl InMemory {
    fn empty() -> Self {
        Self(MemoryStore::new(ledger_policy()))
    }
}

#[async_trait]
impl Subject for InMemory {
    fn open(&self, policy: Policy) -> Arc<dyn CancellationStore> {
        Arc::new(self.0.under(policy))
    }

    fn open_days(&self, policy: Policy) -> Arc<dyn SettlementStore> {
        Arc::new(self.0.under(policy))
    }

    fn open_search(&self, policy: Policy) -> Arc<dyn CaseSearch> {
        Arc::new(self.0.under(policy))
    }

    async fn damage(&self, id: &PaymentRequestId, how: Damage) {
        match how {
            Damage::Unreadable | Damage::Unwritable => self.0.damage(id),
        }
    }
}

mod cases {
    ports::cases_contract!(super::InMemory::empty());
}

mod search {
    ports::search_contract!(super::InMemory::empty());
}

mod days {
    ports::days_contract!(super::InMemory::empty());
}
