//! The endpoints of the callback: each has its message, its handler and its results in one file.
//!
//! A new endpoint is such a file, its path in [`Callback`] and an entry in [`endpoints`].

mod cancel_payment;
mod inquiry_payment;
mod payment_ids;

use actix_web::Route;
use actix_web::web;

pub use cancel_payment::CancelPayment;
pub use inquiry_payment::InquiryPayment;
pub use payment_ids::PaymentIds;

use super::callback::Callback;

/// Every endpoint that is served: the path that a request must have, byte for byte, and what answers it.
pub(super) fn endpoints(callback: &Callback) -> Vec<(String, Route)> {
    let cancels = (callback.cancel_payment_path.clone(), web::to(cancel_payment::answer));
    let inquiries = callback.inquiries.as_ref().map(|inquiries| (inquiries.path.clone(), web::to(inquiry_payment::answer)));
    [cancels].into_iter().chain(inquiries).collect()
}
