//! The wallet API: what the wallet's pay flow and its operators send and ask.
//!
//! Every command goes through the same lanes as `cancelPayment` and so meets the same row lock.

mod amounts;
mod callers;
mod commands;
mod examples;
mod extractors;
mod feed;
mod fields;
mod listener;
mod openapi;
mod operator_commands;
mod problem;
mod queries;
mod requests;
mod responses;
mod schemas;
mod state;

/// How long a request's body may be, in bytes.
const LONGEST_BODY: usize = 64 * 1024;

pub(crate) use callers::Caller;
pub use callers::Tokens;
pub use listener::serve_wallet_api;
pub use openapi::openapi;
pub use state::WalletApi;
