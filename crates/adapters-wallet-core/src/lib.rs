//! Outbound: the wallet core over HTTP, as `docs/integrate/wallet-core.md` states it for the wallet's engineers.
//!
//! [`WalletCore`] is both ports: [`ports::FundsGateway`] gives money back (`reversals.rs`), [`ports::Payments`] looks up a payment
//! (`payments.rs`). Both take a reply for what it says only where it is whole and in the contract. Everything else, such as a timeout,
//! a closed connection, another status or half a reply, is not known, and Rescind calls again later with the same id.

mod connection;
mod generation;
mod payments;
mod recipe;
mod reply;
mod reversals;

pub use connection::{CoreRenewal, WalletCore};
pub use recipe::{CoreError, CoreSettings};
