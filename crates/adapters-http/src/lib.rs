//! Inbound: the Alipay+ callback, the wallet-side API and the operations' endpoints.

mod alipayplus;
mod json;
mod ops;
mod server;
mod wallet;

pub use alipayplus::{Callback, CancelPayment, Message, result_codes, serve_callback, signature_header};
pub use ops::Readiness;
pub use server::{Listening, tls_config};
pub use wallet::{RenderedMetrics, Tokens, WalletApi, openapi, serve_wallet_api};
