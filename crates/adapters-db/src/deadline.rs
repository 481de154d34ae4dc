//! The end of a piece of work, for those who cannot wait any longer than that.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use ports::{UnavailableError, UnavailableKind};

use crate::socket::Socket;

/// Shared by the thread that works and by whom it works for. When it has passed, the connection that the work holds is ended, and the
/// work gets no other.
#[derive(Debug, Clone, Default)]
pub(crate) struct Deadline(Arc<Mutex<Reach>>);

#[derive(Debug, Default)]
struct Reach {
    has_passed: bool,
    held: Option<Held>,
}

/// What is known of the connection that the work holds.
#[derive(Debug)]
pub(crate) struct Held {
    /// `None` where it leads to no server, or could not be told from others.
    pub(crate) socket: Option<Socket>,
    /// Connections of an earlier generation than this are not used again.
    pub(crate) generation: Arc<AtomicU64>,
}

impl Deadline {
    /// The work holds a connection from now on.
    ///
    /// # Errors
    /// [`UnavailableError`] where it has passed: nobody waits for the work any more.
    pub(crate) fn hold(&self, held: Held) -> Result<(), UnavailableError> {
        let mut reach = self.reach();
        if reach.has_passed {
            return Err(passed());
        }
        reach.held = Some(held);
        Ok(())
    }

    /// The work gives its connection back. Whether the deadline had passed by then: the connection is of no use to anybody.
    pub(crate) fn let_go(&self) -> bool {
        let mut reach = self.reach();
        reach.held = None;
        reach.has_passed
    }

    /// Ends the work's connection. One server that is silent is silent to all: the connections of the same time are not used again.
    pub(crate) fn pass(&self) {
        let mut reach = self.reach();
        reach.has_passed = true;
        if let Some(Held { socket, generation }) = &reach.held {
            generation.fetch_add(1, Ordering::Relaxed);
            // Under the lock: until it is given back nobody closes the socket, and no other file has its number.
            socket.iter().for_each(Socket::end);
        }
    }

    fn reach(&self) -> std::sync::MutexGuard<'_, Reach> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Nobody knows what became of the work.
pub(crate) fn passed() -> UnavailableError {
    UnavailableError::because("database: no answer within the time that there is").of_kind(UnavailableKind::Store)
}
