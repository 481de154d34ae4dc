//! Where the database's blocking work is done.

use std::time::{Duration, Instant};

use ports::UnavailableError;

/// Where blocking work is done, and the monotonic clock that its patience is measured by.
#[derive(Debug, Clone, Copy)]
pub struct Runner {
    inline: bool,
    instant: fn() -> Instant,
}

impl Runner {
    /// On threads that may block, by the machine's clock.
    #[expect(clippy::disallowed_methods, reason = "this is the only reading of the machine's monotonic clock here")]
    pub const THREADS: Self = Self { inline: false, instant: Instant::now };

    /// On the thread that asks, by any monotonic clock. It is for a simulation whose time stands still meanwhile: a server's runtime
    /// would stand still as well.
    #[must_use]
    pub const fn inline(instant: fn() -> Instant) -> Self {
        Self { inline: true, instant }
    }

    /// The present moment, for measuring how long something takes.
    pub(crate) fn instant(self) -> Instant {
        (self.instant)()
    }

    /// How long ago a moment was.
    pub(crate) fn since(self, moment: Instant) -> Duration {
        self.instant().saturating_duration_since(moment)
    }

    /// Runs `work` where it may block. Waiting for a connection belongs there too.
    pub(crate) async fn blocking<T, W>(self, work: W) -> Result<T, UnavailableError>
    where
        T: Send + 'static,
        W: FnOnce() -> Result<T, UnavailableError> + Send + 'static,
    {
        if self.inline {
            return work();
        }
        let done = tokio::task::spawn_blocking(work);
        done.await.unwrap_or_else(|error| Err(UnavailableError::because(format!("the database's thread ended early: {error}"))))
    }
}
