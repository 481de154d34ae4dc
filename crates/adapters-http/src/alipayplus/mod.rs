//! The callback: what Alipay+ calls.
//!
//! [`listener`] sends a request by its path to one of the [`endpoints`]. Each endpoint takes [`signed::Signed`] of its message, the one
//! extractor, which refuses in a fixed order everything that is not a verified request for this wallet.

mod callback;
mod endpoints;
mod freshness;
mod listener;
mod rejection;
pub mod result_codes;
pub mod signature_header;
mod signed;

pub use callback::{Callback, Inquiries};
pub use endpoints::{CancelPayment, InquiryPayment, PaymentIds};
pub use listener::serve_callback;
pub use signed::Message;
