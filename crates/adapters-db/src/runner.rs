//! Where the database's blocking work is done.

use std::time::{Duration, Instant};

use ports::UnavailableError;
use tokio::time::timeout;

use crate::deadline::{Deadline, passed};

/// How long work may take to notice that its connection was closed.
const ENDS_WITHIN: Duration = Duration::from_millis(250);

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

    /// Runs `work` where it may block, for as long as `within` at most. Waiting for a connection belongs there too. Past that time its
    /// connection is closed, and it is not known what became of the work.
    pub(crate) async fn blocking<T, W>(self, within: Duration, work: W) -> Result<T, UnavailableError>
    where
        T: Send + 'static,
        W: FnOnce(&Deadline) -> Result<T, UnavailableError> + Send + 'static,
    {
        let deadline = Deadline::default();
        if self.inline {
            return work(&deadline);
        }
        let of_work = deadline.clone();
        let mut done = tokio::task::spawn_blocking(move || work(&of_work));
        let ended = match timeout(within, &mut done).await {
            Ok(ended) => ended,
            Err(_) => {
                deadline.pass();
                // Its thread ends at once where the connection could be closed. What cannot be ended is left to itself.
                timeout(ENDS_WITHIN, done).await.map_err(|_| passed())?
            }
        };
        ended.unwrap_or_else(|error| Err(UnavailableError::because(format!("the database's thread ended early: {error}"))))
    }
}
