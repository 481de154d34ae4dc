//! The rule table of a cancel. `docs/develop/decisions.md` shows the same table, and a test compares the two.

/// A row of the rule table. The order is the precedence.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum Rule {
    /// Row 1.
    DifferentRequest = 1,
    /// Row 2.
    AnswerRecorded,
    /// Row 3.
    MoneyOnItsWay,
    /// Row 4.
    NeverReceived,
    /// Row 5.
    PeriodOver,
    /// Row 6.
    NotDecidable,
    /// Row 7.
    NothingTaken,
    /// Row 8.
    FullyRefunded,
    /// Row 9.
    PartlyRefunded,
    /// Row 10.
    Succeeded,
}

impl Rule {
    /// All rows in order of precedence.
    pub const ALL: [Self; 10] = [
        Self::DifferentRequest,
        Self::AnswerRecorded,
        Self::MoneyOnItsWay,
        Self::NeverReceived,
        Self::PeriodOver,
        Self::NotDecidable,
        Self::NothingTaken,
        Self::FullyRefunded,
        Self::PartlyRefunded,
        Self::Succeeded,
    ];

    /// The row's number.
    #[must_use]
    pub fn number(self) -> u8 {
        self as u8
    }

    /// The row of that number.
    #[must_use]
    pub fn numbered(number: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|rule| rule.number() == number)
    }

    /// The row in words: when it applies, what is decided, what is answered.
    #[must_use]
    pub fn row(self) -> [&'static str; 3] {
        match self {
            Self::DifferentRequest => [
                "another acquirer asks than the recorded one",
                "refused, nothing recorded (setting: the acquirer is not compared)",
                "F PARAM_ILLEGAL",
            ],
            Self::AnswerRecorded => ["a final answer is recorded", "repeated, nothing written", "the recorded code"],
            Self::MoneyOnItsWay => [
                "cancelled, and the money is not back yet",
                "an open reversal is tried at once, a parked one stays parked",
                "U, S once it is back",
            ],
            Self::NeverReceived => [
                "no payment is recorded",
                "cancelled without knowing what was taken: the fence",
                "S (setting: F ORDER_NOT_EXIST); with a wallet core, once it has answered",
            ],
            Self::PeriodOver => [
                "received outside of the payment's cancellable period, or its day is closed",
                "refused and recorded",
                "F PROCESS_FAIL (setting: CANCEL_WINDOW_EXCEED)",
            ],
            Self::NotDecidable => [
                "a refund of the wallet's own is running, or the payment could not be looked up",
                "deferred: the receipt is recorded, new refunds are refused",
                "U",
            ],
            Self::NothingTaken => [
                "the payment is in progress or failed",
                "cancelled without knowing what was taken",
                "S; with a wallet core, once it has answered",
            ],
            Self::FullyRefunded => ["refunds gave everything back", "answered and recorded, not cancelled", "S"],
            Self::PartlyRefunded => ["refunds gave a part back", "refused and recorded", "F PROCESS_FAIL"],
            Self::Succeeded => {
                ["the payment succeeded", "cancelled, the full amount goes back", "S once it is back, U until then"]
            }
        }
    }
}
