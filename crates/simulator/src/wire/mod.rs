//! HTTP/1.1 down to the byte: what is sent is exactly what was asked for, however wrong, and what comes back is read as it is.

mod connection;
mod request;
mod response;
mod target;

pub(crate) use connection::{Connection, Dialer};
pub(crate) use request::Request;
pub(crate) use response::Response;
pub(crate) use target::Target;
