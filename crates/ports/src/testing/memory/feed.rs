//! The feed in memory.

use std::time::Duration;

use async_trait::async_trait;

use super::store::MemoryStore;
use crate::{EventFeed, FeedCursor, FeedError, FeedPage, FeedPosition, UnavailableError, page_of};

/// How many commits one call looks at.
const COMMITS_AT_ONCE: usize = 1000;

#[async_trait]
impl EventFeed for MemoryStore {
    async fn read(&self, after: Option<&FeedCursor>, limit: u32) -> Result<FeedPage, FeedError> {
        let kept = self.kept();
        let generation = kept.raised + 1;
        let after = after.cloned().unwrap_or_else(|| FeedCursor::beginning(generation));
        let from = after.of_one_node(generation)?.cloned().unwrap_or_else(|| FeedPosition::before(0));
        // The commit itself once more: it may not be told to its end.
        let before = usize::try_from(from.commit.saturating_sub(1)).unwrap_or(usize::MAX);
        let Some(rest) = kept.recorded.get(before..).filter(|_| from.commit <= kept.recorded.len() as u64) else {
            return Err(FeedError::Foreign { generation });
        };
        let window = &rest[..rest.len().min(COMMITS_AT_ONCE)];
        let until = window.last().map_or(from, |last| FeedPosition { told: FeedPosition::ALL, ..last.position.clone() });
        let recorded = window.iter().map(|recorded| {
            let timeline = kept.cases.get(&recorded.payment_request_id).map_or(&[][..], |file| file.timeline.as_slice());
            let number = usize::try_from(recorded.position.number).unwrap_or_default().saturating_sub(1);
            (recorded, timeline.iter().take(number).collect())
        });
        Ok(page_of(recorded, (&after, until), (limit, window.len() == rest.len())))
    }

    async fn oldest_writer(&self) -> Result<Duration, UnavailableError> {
        Ok(Duration::ZERO)
    }
}
