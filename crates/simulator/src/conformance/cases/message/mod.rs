//! The message itself, and what carries it.

mod body;
mod http;

pub(super) use body::BODY;
pub(super) use http::HTTP;
