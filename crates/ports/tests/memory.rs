//! The store in memory keeps the promises of a store.

use std::sync::Arc;

use async_trait::async_trait;
use domain::{PaymentRequestId, Policy};
use ports::testing::{Damage, MemoryStore, Subject, ledger_policy};
use ports::{CancellationStore, SettlementStore};

struct InMemory(MemoryStore);

#[async_trait]
impl Subject for InMemory {
    fn open(&self, policy: Policy) -> Arc<dyn CancellationStore> {
        Arc::new(self.0.under(policy))
    }

    fn open_days(&self, policy: Policy) -> Arc<dyn SettlementStore> {
        Arc::new(self.0.under(policy))
    }

    async fn damage(&self, id: &PaymentRequestId, how: Damage) {
        match how {
            Damage::Unreadable | Damage::Unwritable => self.0.damage(id),
        }
    }
}

ports::store_contract!(InMemory(MemoryStore::new(ledger_policy())));

mod settlement {
    use super::*;

    ports::settlement_contract!(InMemory(MemoryStore::new(ledger_policy())));
}
