//! A cancel as it came in, and as it is asked for.

use std::time::Instant;

use chrono::{DateTime, Utc};
use domain::{AcquirerId, PaymentRequestId, Witness};

/// A cancel whose signature is verified.
#[derive(Debug, Clone)]
pub struct ReceivedCancel {
    /// The case.
    pub id: PaymentRequestId,
    /// The acquirer that asks.
    pub acquirer_id: AcquirerId,
    /// When the head of the HTTP request had arrived.
    pub received_at: DateTime<Utc>,
    /// The signed `Request-Time`, where it can be read.
    pub request_time: Option<DateTime<Utc>>,
    /// The same moment on the monotonic clock.
    pub arrived: Instant,
}

/// A cancel of an acquirer, to be decided.
#[derive(Debug, Clone)]
pub(crate) struct AskedCancel {
    pub(crate) id: PaymentRequestId,
    pub(crate) acquirer_id: AcquirerId,
    /// When it was received, by this process's clock.
    pub(crate) at: DateTime<Utc>,
    /// The same moment on the monotonic clock.
    pub(crate) arrived: Instant,
    pub(crate) witness: Witness,
}

impl From<ReceivedCancel> for AskedCancel {
    fn from(cancel: ReceivedCancel) -> Self {
        let ReceivedCancel { id, acquirer_id, received_at, request_time, arrived } = cancel;
        let witness = request_time.map_or(Witness::OurClocks, Witness::RequestTime);
        Self { id, acquirer_id, at: received_at, arrived, witness }
    }
}
