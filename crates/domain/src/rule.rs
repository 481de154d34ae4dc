//! The rule table of a cancel. `docs/develop/decisions.md` shows the same table, and a test compares the two.

use crate::{DeferReason, FinalAnswer};

/// The rule that decided a cancel, with what it speaks of. The order is the precedence: the first rule that applies decides.
///
/// A rule is known by its [`name`](Self::name). Timelines, logs and the counter of decisions use the name, because a rule that is
/// added in the middle of the table changes the numbers of those after it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rule {
    /// Another acquirer than the recorded one asks.
    DifferentAcquirer,
    /// This final answer is recorded and is repeated.
    AnswerRecorded(FinalAnswer),
    /// The payment is cancelled, and its money is not back yet.
    ReversalPending,
    /// No payment is recorded: the cancellation is a fence.
    NeverReceived,
    /// The cancel came after the cancellable period, or after its day was closed.
    PeriodOver,
    /// The rules cannot be applied yet.
    Deferred(DeferReason),
    /// The payment is in progress or failed.
    NothingTaken,
    /// Refunds gave everything back.
    FullyRefunded,
    /// Refunds gave a part back.
    PartlyRefunded,
    /// The payment succeeded: the full amount goes back.
    MoneyTaken,
}

/// A row of the rule table in words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RuleRow {
    /// The rule's name: lower case, words joined by hyphens.
    pub name: &'static str,
    /// The condition under which the rule applies.
    pub when: &'static str,
    /// What is decided and recorded.
    pub decision: &'static str,
    /// What Alipay+ is answered.
    pub answer: &'static str,
}

const fn row(name: &'static str, when: &'static str, decision: &'static str, answer: &'static str) -> RuleRow {
    RuleRow { name, when, decision, answer }
}

impl Rule {
    /// Every rule in words, in order of precedence.
    pub const TABLE: [RuleRow; 10] = [
        row(
            "different-acquirer",
            "another acquirer than the recorded one asks",
            "refused, nothing recorded (setting: not compared)",
            "F PARAM_ILLEGAL",
        ),
        row("answer-recorded", "a final answer is recorded", "repeated, nothing written", "the recorded code"),
        row(
            "reversal-pending",
            "cancelled, and the money is not back yet",
            "an open reversal is tried at once, a parked one stays parked",
            "U, S once the money is back",
        ),
        row(
            "never-received",
            "no payment is recorded",
            "cancelled without a payment: the fence",
            "S (setting: F ORDER_NOT_EXIST); with a wallet core, once the core has confirmed",
        ),
        row(
            "period-over",
            "received outside of the payment's cancellable period, or its day is closed",
            "refused and recorded",
            "F PROCESS_FAIL (setting: CANCEL_WINDOW_EXCEED)",
        ),
        row(
            "deferred",
            "a refund by the wallet has no result yet, or the payment could not be looked up",
            "deferred: the receipt is recorded, new refunds are refused",
            "U",
        ),
        row(
            "nothing-taken",
            "the payment is in progress or failed",
            "cancelled, and anything taken goes back",
            "S; with a wallet core, once the core has confirmed",
        ),
        row("fully-refunded", "refunds gave everything back", "answered and recorded, not cancelled", "S"),
        row("partly-refunded", "refunds gave a part back", "refused and recorded", "F PROCESS_FAIL"),
        row(
            "money-taken",
            "the payment succeeded",
            "cancelled, the full amount goes back",
            "S once the money is back, U until then",
        ),
    ];

    /// The rule's name, for ever: `money-taken`.
    #[must_use]
    pub fn name(self) -> &'static str {
        self.row().name
    }

    /// The rule's row of the table.
    #[must_use]
    pub fn row(self) -> &'static RuleRow {
        &Self::TABLE[self.position()]
    }

    /// The row of the rule with this name.
    #[must_use]
    pub fn row_named(name: &str) -> Option<&'static RuleRow> {
        Self::TABLE.iter().find(|row| row.name == name)
    }

    const fn position(self) -> usize {
        match self {
            Self::DifferentAcquirer => 0,
            Self::AnswerRecorded(_) => 1,
            Self::ReversalPending => 2,
            Self::NeverReceived => 3,
            Self::PeriodOver => 4,
            Self::Deferred(_) => 5,
            Self::NothingTaken => 6,
            Self::FullyRefunded => 7,
            Self::PartlyRefunded => 8,
            Self::MoneyTaken => 9,
        }
    }
}
