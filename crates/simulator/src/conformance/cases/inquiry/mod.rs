//! `inquiryPayment`: what it says of each payment, what a cancel changes about that, and whom it tells.

mod answers;
mod cancels;
mod door;

pub(super) use answers::ANSWERS;
pub(super) use cancels::CANCELS;
pub(super) use door::DOOR;

const PAID: &str = "S SUCCESS";
const RUNNING: &str = "U PAYMENT_IN_PROCESS";
const CLOSED: &str = "F ORDER_IS_CLOSED";
const NOT_EXIST: &str = "no payment: F ORDER_NOT_EXIST";
