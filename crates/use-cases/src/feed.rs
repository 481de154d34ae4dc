//! Reading the feed of events: at once, or waiting for what comes next.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use ::ports::{Clock, EventFeed, FeedCursor, FeedError, FeedPage};
use tokio::sync::{Semaphore, watch};

/// How often the feed is looked at for one who waits.
const LOOK_EVERY: Duration = Duration::from_millis(200);
/// How many may wait at once. Each of them looks for itself.
const WAITERS: usize = 32;

/// The readers of the feed in one process.
pub struct FeedReaders {
    feed: Arc<dyn EventFeed>,
    clock: Arc<dyn Clock>,
    waiters: Semaphore,
    stopping: watch::Sender<bool>,
}

/// Why nothing was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ReadFeedError {
    /// The feed says so.
    Feed(FeedError),
    /// As many wait as may.
    TooManyWaiters,
}

impl From<FeedError> for ReadFeedError {
    fn from(error: FeedError) -> Self {
        Self::Feed(error)
    }
}

impl fmt::Display for ReadFeedError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Feed(error) => error.fmt(f),
            Self::TooManyWaiters => write!(f, "{WAITERS} callers wait for events already"),
        }
    }
}

impl std::error::Error for ReadFeedError {}

impl FeedReaders {
    /// The readers of a feed, who wait by this clock.
    #[must_use]
    pub fn new(feed: Arc<dyn EventFeed>, clock: Arc<dyn Clock>) -> Self {
        Self { feed, clock, waiters: Semaphore::new(WAITERS), stopping: watch::Sender::new(false) }
    }

    /// The feed itself, for its health.
    #[must_use]
    pub fn feed(&self) -> &Arc<dyn EventFeed> {
        &self.feed
    }

    /// At most `limit` of the events after a cursor. Where there are none, it waits for some for as long as `wait`, or until the process
    /// stops, and then gives an empty page.
    ///
    /// # Errors
    /// [`ReadFeedError`], where the feed cannot be read from there, or too many wait.
    pub async fn read(&self, after: Option<FeedCursor>, limit: u32, wait: Duration) -> Result<FeedPage, ReadFeedError> {
        let (begun, mut stopping) = (self.clock.instant(), self.stopping.subscribe());
        let mut page = self.feed.read(after.as_ref(), limit).await?;
        let mut permit = None;
        loop {
            let left = wait.saturating_sub(self.clock.instant().saturating_duration_since(begun));
            if !page.events.is_empty() || left.is_zero() || *stopping.borrow() {
                return Ok(page);
            }
            if page.is_end {
                // Who only passes over what tells nothing does not wait.
                if permit.is_none() {
                    permit = Some(self.waiters.try_acquire().map_err(|_| ReadFeedError::TooManyWaiters)?);
                }
                // The sender lives as long as this call, so that only a stop ends the pause early.
                let _ = tokio::time::timeout(left.min(LOOK_EVERY), stopping.changed()).await;
            }
            page = self.feed.read(Some(&page.cursor), limit).await?;
        }
    }

    /// Nobody waits any more from now on.
    pub fn stop(&self) {
        self.stopping.send_replace(true);
    }
}
