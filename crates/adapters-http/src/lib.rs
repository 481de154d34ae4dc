//! Inbound: the Alipay+ callback, the wallet API and the operations' endpoints.

mod alipayplus;
mod body;
mod connection;
mod json;
mod ops;
mod quiet;
mod rejection_budget;
mod server;
mod timestamps;
mod wallet;

pub use alipayplus::{Callback, CancelPayment, Message, result_codes, serve_callback, signature_header};
pub use ops::{Readiness, RenderedMetrics};
pub use server::{Listening, tls_config};
pub use wallet::{
    Tokens, WalletApi, json_of_case, json_of_deferred, json_of_reversal, json_of_summary, openapi, serve_wallet_api,
};
