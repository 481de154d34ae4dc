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
mod tls;
mod wallet;

pub use alipayplus::{
    Callback, CancelPayment, Inquiries, InquiryPayment, Message, PaymentIds, result_codes, serve_callback, signature_header,
};
pub use ops::{Readiness, RenderedMetrics};
pub use server::Listening;
pub use tls::ServerTls;
pub use wallet::{Tokens, WalletApi, openapi, serve_wallet_api};
