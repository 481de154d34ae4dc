//! The store in memory, held to both suites that it has to pass.

use std::sync::Arc;

use domain::{PaymentRequestId, Policy};
use ports::testing::contracts::feed::FeedSubject;
use ports::testing::{Damage, MemoryStore, Subject, async_trait, ledger_policy};
use ports::{CancellationStore, EventFeed, SettlementStore};

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

    async fn damage(&self, id: &PaymentRequestId, how: Damage) {
        match how {
            Damage::Unreadable | Damage::Unwritable => self.0.damage(id),
        }
    }
}

#[async_trait]
impl FeedSubject for InMemory {
    fn open_feed(&self) -> Arc<dyn EventFeed> {
        Arc::new(self.0.clone())
    }

    async fn raise_generation(&self) {
        self.0.raise_generation();
    }

    async fn catch_up(&self) {}
}

mod cases {
    ports::cases_contract!(super::InMemory::empty());
}

mod days {
    ports::days_contract!(super::InMemory::empty());
}

mod feed {
    ports::feed_contract!(super::InMemory::empty());
}
