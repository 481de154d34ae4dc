//! What the socket and the answers of one connection tell each other.

use std::cell::Cell;
use std::future::{pending, poll_fn};
use std::rc::Rc;
use std::task::Poll;

/// How many requests wait at most before the server looks for no more of them.
const MANY: u32 = 16;

/// The state of one connection; both of its sides are on one thread.
#[derive(Default)]
pub(crate) struct ConnectionState {
    /// Requests that were begun since the connection had nothing to do.
    begun: Cell<u32>,
    /// Whether a request was begun whose answer is not written yet.
    is_unwritten: Cell<bool>,
    /// Whether the request in hand waits until the answer before it is written.
    awaits_turn: Cell<bool>,
    /// Whether a request is being answered; HTTP/1.1 answers one after another.
    in_hand: Cell<bool>,
    /// Whether the request in hand has a body that was not read to its end.
    awaits_body: Cell<bool>,
    /// Whether an answer has announced the connection's end.
    is_closing: Cell<bool>,
}

impl ConnectionState {
    /// Begins to answer a request. Nothing more is answered once the connection's end was announced: `None`.
    pub(super) fn begin(self: &Rc<Self>, has_body: bool) -> Option<InHand> {
        if self.is_closing.get() {
            return None;
        }
        self.begun.set(self.begun.get().saturating_add(1));
        self.awaits_turn.set(self.is_unwritten.replace(true));
        self.in_hand.set(true);
        self.awaits_body.set(has_body);
        Some(InHand { state: Rc::clone(self), closes: false })
    }

    /// Waits until the answer before is written: others have their turn meanwhile, and it may have been the last one. The socket wakes
    /// the connection for it.
    pub(super) async fn turn(&self) {
        poll_fn(|_| if self.awaits_turn.get() { Poll::Pending } else { Poll::Ready(()) }).await;
        if self.is_closing() {
            pending().await
        }
    }

    /// An answer announces the connection's end.
    pub(super) fn announce_close(&self) {
        self.is_closing.set(true);
    }

    /// The body of the request in hand was read to its end: what comes next is another request.
    pub(crate) fn body_is_read(&self) {
        self.awaits_body.set(false);
    }

    pub(super) fn awaits_body(&self) -> bool {
        self.awaits_body.get()
    }

    pub(super) fn is_in_hand(&self) -> bool {
        self.in_hand.get()
    }

    pub(super) fn is_closing(&self) -> bool {
        self.is_closing.get()
    }

    pub(super) fn begun(&self) -> u32 {
        self.begun.get()
    }

    /// Everything that was answered is written. Whether a request waited for that.
    pub(super) fn flushed(&self) -> bool {
        self.is_unwritten.set(self.in_hand.get());
        self.awaits_turn.replace(false)
    }

    /// Nothing is in hand. Whether so much was that something that came meanwhile may not have been looked at.
    pub(super) fn idle(&self) -> bool {
        self.begun.replace(0) >= MANY
    }
}

/// A request that is being answered. Dropped, its answer is complete, or nobody waits for it any more.
pub(super) struct InHand {
    state: Rc<ConnectionState>,
    /// Whether the answer announces the connection's end.
    pub(super) closes: bool,
}

impl Drop for InHand {
    fn drop(&mut self) {
        self.state.in_hand.set(false);
        if self.closes {
            self.state.announce_close();
        }
    }
}
