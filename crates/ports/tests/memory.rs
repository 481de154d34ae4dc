//! The store in memory keeps the promises of a store.

use std::sync::Arc;

use async_trait::async_trait;
use domain::{PaymentRequestId, Terms};
use ports::testing::{Damage, MemoryStore, Subject, ledger_terms};
use ports::{CancellationStore, SettlementStore};

struct InMemory(MemoryStore);

#[async_trait]
impl Subject for InMemory {
    fn open(&self, terms: Terms) -> Arc<dyn CancellationStore> {
        Arc::new(self.0.under(terms))
    }

    fn open_days(&self, terms: Terms) -> Arc<dyn SettlementStore> {
        Arc::new(self.0.under(terms))
    }

    async fn damage(&self, id: &PaymentRequestId, how: Damage) {
        match how {
            Damage::Unreadable | Damage::Unwritable => self.0.damage(id),
        }
    }
}

ports::store_contract!(InMemory(MemoryStore::new(ledger_terms())));

mod settlement {
    use super::*;

    ports::settlement_contract!(InMemory(MemoryStore::new(ledger_terms())));
}
