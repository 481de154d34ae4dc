//! What holds for every connection, before anything is known of its caller.
//!
//! [`PatientSocket`] is around each accepted socket: it reads no further ahead than it is read from, waits for a reader and for a request
//! only so long, and reads nothing after an announced close. [`take_turns`] is around each answer, and tells the socket by an [`ConnectionState`]
//! what is in hand. [`ConnectionCounts`] says how many there are, and why those that ended did.

mod counts;
mod socket;
mod state;
mod turns;

pub(crate) use counts::{CloseReason, ConnectionCounts, OpenConnection};
pub(crate) use socket::{Limits, PatientSocket};
pub(crate) use state::ConnectionState;
pub(crate) use turns::take_turns;
