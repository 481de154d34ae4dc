//! What was done with one payment and what was answered, as the record keeps it.

use serde::{Deserialize, Serialize};

/// How a payment meets its cancel. In every shape the wallet core took the money before the cancel came.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Shape {
    /// Announced, debited, reported; then cancelled.
    Paid,
    /// The same, held instead of debited.
    Authorized,
    /// The same as paid; the cancel is repeated after its S.
    Repeated,
    /// Announced and debited; cancelled, and then the success is reported.
    LateSuccess,
    /// Announced and debited; the success is reported while it is being cancelled.
    Raced,
    /// Debited, and the wallet died before it told anybody; it announces the payment after the cancel.
    Unseen,
}

impl Shape {
    /// Half are plainly paid, the others take turns.
    pub(super) fn of(number: u64) -> Self {
        match number % 10 {
            1 => Self::Authorized,
            3 => Self::Repeated,
            5 => Self::LateSuccess,
            7 => Self::Raced,
            9 => Self::Unseen,
            _ => Self::Paid,
        }
    }
}

/// One cancel and its answer.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Call {
    /// When it was sent, RFC 3339.
    pub(crate) at: String,
    pub(crate) milliseconds: u64,
    /// The status of HTTP, where there was a response.
    pub(crate) http: Option<u16>,
    /// Status and code, such as `S SUCCESS`, where the wallet signed them.
    pub(crate) answer: Option<String>,
    /// Why there was no answer that could be used.
    pub(crate) why: Option<String>,
}

/// One inquiry and its answer.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Asked {
    /// When it was sent, RFC 3339.
    pub(crate) at: String,
    /// How many of the cancels had been answered, or given up, when it was sent. The next one may have been sent already.
    pub(crate) after: usize,
    /// The status of HTTP, where there was a response.
    pub(crate) http: Option<u16>,
    /// The payment's status and code, such as `F ORDER_IS_CLOSED`, where the wallet signed them.
    pub(crate) answer: Option<String>,
    /// Why there was no answer that could be used.
    pub(crate) why: Option<String>,
}

/// One payment's record.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Story {
    pub(crate) payment_request_id: String,
    pub(crate) shape: Shape,
    /// Whose money was taken; with the amount, in JPY.
    pub(crate) account: String,
    pub(crate) amount: i64,
    /// What the wallet was told when it announced the payment: `proceed` or `closed`.
    pub(crate) announced: Option<String>,
    /// What the wallet was told when it reported the success: `stands` or `reversed`.
    pub(crate) reported: Option<String>,
    pub(crate) cancels: Vec<Call>,
    /// Where inquiries are served.
    #[serde(default)]
    pub(crate) inquiries: Vec<Asked>,
    /// What went wrong beside the cancels.
    pub(crate) trouble: Option<String>,
}

impl Story {
    /// How many cancels were answered with this status; nothing counts those without an answer.
    pub(crate) fn answered(&self, status: Option<&str>) -> usize {
        let is_asked_for = |call: &&Call| call.answer.as_deref().map(|answer| &answer[..1]) == status;
        self.cancels.iter().filter(is_asked_for).count()
    }
}
