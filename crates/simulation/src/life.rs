//! Whether a process lives.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// A process's life; clones are the same one. A process that is killed does nothing any more: all it does to the world goes through
/// ports, and those let its tasks wait for ever.
#[derive(Debug, Clone)]
pub(crate) struct Life(Arc<AtomicBool>);

impl Life {
    pub(crate) fn begin() -> Self {
        Self(Arc::new(AtomicBool::new(true)))
    }

    pub(crate) fn is_over(&self) -> bool {
        !self.0.load(Ordering::Relaxed)
    }

    pub(crate) fn end(&self) {
        self.0.store(false, Ordering::Relaxed);
    }

    /// Goes on while the process lives, and never where it does not.
    pub(crate) async fn goes_on(&self) {
        if self.is_over() {
            std::future::pending::<()>().await;
        }
    }
}
