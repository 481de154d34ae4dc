//! Callers who are not Alipay+, or who wish harm.

mod strangers;
mod tricks;

pub(super) use strangers::STRANGERS;
pub(super) use tricks::TRICKS;
