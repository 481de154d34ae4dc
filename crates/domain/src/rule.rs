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

impl Rule {
    /// Every rule in words, in order of precedence.
    pub const TABLE: [RuleRow; 10] = [
        RuleRow {
            name: "different-acquirer",
            when: "another acquirer than the recorded one asks",
            decision: "refused, and its cancel is not recorded (setting: not compared)",
            answer: "F PARAM_ILLEGAL",
        },
        RuleRow {
            name: "answer-recorded",
            when: "a final answer is recorded",
            decision: "repeated, nothing written",
            answer: "the recorded code",
        },
        RuleRow {
            name: "reversal-pending",
            when: "cancelled, and the money is not back yet",
            decision: "an open reversal is tried at once, a parked one stays parked; a lookup that contradicts the record parks it",
            answer: "U, S once the money is back",
        },
        RuleRow {
            name: "never-received",
            when: "no payment is recorded",
            decision: "cancelled without a payment: the fence",
            answer: "S (setting: F ORDER_NOT_EXIST); with a wallet core, once the core has confirmed",
        },
        RuleRow {
            name: "period-over",
            when: "received outside of the payment's cancellable period, or its day is closed",
            decision: "refused and recorded",
            answer: "F PROCESS_FAIL (setting: CANCEL_WINDOW_EXCEED)",
        },
        RuleRow {
            name: "deferred",
            when: "a refund by the wallet has no result yet, the payment could not be looked up, the lookup contradicts the record, or the clocks disagree about the period",
            decision: "deferred: the receipt is recorded, new refunds are refused",
            answer: "U",
        },
        RuleRow {
            name: "nothing-taken",
            when: "the payment is in progress or failed",
            decision: "cancelled, and anything taken goes back",
            answer: "S; with a wallet core, once the core has confirmed",
        },
        RuleRow {
            name: "fully-refunded",
            when: "refunds gave everything back",
            decision: "answered and recorded, not cancelled",
            answer: "S",
        },
        RuleRow {
            name: "partly-refunded",
            when: "refunds gave a part back",
            decision: "refused and recorded",
            answer: "F PROCESS_FAIL",
        },
        RuleRow {
            name: "money-taken",
            when: "the payment succeeded",
            decision: "cancelled, the full amount goes back",
            answer: "S once the money is back, U until then",
        },
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
