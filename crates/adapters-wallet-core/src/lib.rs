//! Outbound: the wallet core over HTTP, as `docs/integrate/wallet-core.md` states it for the wallet's engineers.
//!
//! [`WalletCore`] is both ports: [`ports::FundsGateway`] gives money back (`reversals.rs`), [`ports::Payments`] asks for a payment
//! (`payments.rs`). The rule for both: only an answer that is whole and in the contract is taken for what it says. Whatever else
//! is met (a timeout, a closed connection, another status, half an answer) is not known, and is asked again later under the same
//! id.

mod answer;
mod connection;
mod payments;
mod reversals;

pub use connection::{CoreError, CoreSettings, WalletCore};
