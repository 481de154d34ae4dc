//! A cancel as it came in.

use std::time::Instant;

use chrono::{DateTime, Utc};
use domain::{AcquirerId, PaymentRequestId};

/// A cancel whose signature is verified.
#[derive(Debug, Clone)]
pub struct ReceivedCancel {
    /// The case.
    pub id: PaymentRequestId,
    /// The acquirer that asks.
    pub acquirer_id: AcquirerId,
    /// When the head of the HTTP request had arrived.
    pub received_at: DateTime<Utc>,
    /// The same moment on the monotonic clock.
    pub arrived: Instant,
}
