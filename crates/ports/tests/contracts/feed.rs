//! Feeds that break a promise.

use std::sync::Arc;
use std::time::Duration;

use domain::{FeedEventType, PaymentRequestId, Policy};
use ports::testing::contracts::feed::FeedSubject;
use ports::testing::{Damage, MemoryStore, Subject, async_trait, ledger_policy};
use ports::{CancellationStore, EventFeed, FeedCursor, FeedError, FeedPage, SettlementStore, UnavailableError};

/// What is wrong with a feed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Lie {
    TellsBackwards,
    ForgetsWhatCameBefore,
    SkipsBetweenPages,
    GivesEachEventTheCursorOfThePage,
    TellsTheLastOneAgain,
    LosesTheEndOfABatch,
    IgnoresGenerations,
}

/// Cases whose feed tells a lie.
#[derive(Clone)]
pub(crate) struct Feed {
    store: MemoryStore,
    lie: Lie,
}

impl Feed {
    pub(crate) fn that(lie: Lie) -> Self {
        Self { store: MemoryStore::new(ledger_policy()), lie }
    }
}

#[async_trait]
impl Subject for Feed {
    fn open(&self, policy: Policy) -> Arc<dyn CancellationStore> {
        Arc::new(self.store.under(policy))
    }

    fn open_days(&self, policy: Policy) -> Arc<dyn SettlementStore> {
        Arc::new(self.store.under(policy))
    }

    async fn damage(&self, id: &PaymentRequestId, _: Damage) {
        self.store.damage(id);
    }
}

#[async_trait]
impl FeedSubject for Feed {
    fn open_feed(&self) -> Arc<dyn EventFeed> {
        Arc::new(self.clone())
    }

    async fn raise_generation(&self) {
        self.store.raise_generation();
    }

    async fn catch_up(&self) {}
}

#[async_trait]
impl EventFeed for Feed {
    async fn read(&self, after: Option<&FeedCursor>, limit: u32) -> Result<FeedPage, FeedError> {
        let mut from = after.cloned();
        if self.lie == Lie::TellsTheLastOneAgain {
            for position in from.iter_mut().flat_map(|from| &mut from.positions) {
                position.told = position.told.saturating_sub(1);
            }
        }
        let read = self.store.read(from.as_ref(), limit).await;
        let mut page = match read {
            Err(FeedError::Foreign { .. }) if self.lie == Lie::IgnoresGenerations => self.store.read(None, limit).await?,
            read => read?,
        };
        match self.lie {
            Lie::TellsBackwards => page.events.reverse(),
            Lie::ForgetsWhatCameBefore => {
                page.events.retain(|event| event.event.event_type != FeedEventType::PaymentClosedLate);
            }
            Lie::SkipsBetweenPages if after.is_some() && !page.events.is_empty() => drop(page.events.remove(0)),
            Lie::GivesEachEventTheCursorOfThePage => {
                page.events.iter_mut().for_each(|event| event.cursor = page.cursor.clone());
            }
            Lie::LosesTheEndOfABatch => page.events.retain(|event| event.payment_request_id.as_str() != "many-59"),
            Lie::SkipsBetweenPages | Lie::TellsTheLastOneAgain | Lie::IgnoresGenerations => {}
        }
        Ok(page)
    }

    async fn oldest_writer(&self) -> Result<Duration, UnavailableError> {
        self.store.oldest_writer().await
    }
}
