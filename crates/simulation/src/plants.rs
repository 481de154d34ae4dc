//! Bugs that are planted to see that they are found. Each is a store, or a core, that does one thing wrong.

macro_rules! plants {
    ($($(#[$doc:meta])* $plant:ident = $name:literal,)+) => {
        /// A planted bug.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum Plant {
            $($(#[$doc])* $plant,)+
        }

        impl Plant {
            /// Every planted bug.
            pub const ALL: &'static [Self] = &[$(Self::$plant,)+];

            /// Its name, as `--plant` takes it.
            #[must_use]
            pub fn name(self) -> &'static str {
                match self { $(Self::$plant => $name,)+ }
            }
        }
    };
}

plants! {
    /// A command is decided on what was read before another one's commit.
    LockDropped = "lock-dropped",
    /// A reversal that somebody holds is leased again.
    LeaseNotChecked = "lease-not-checked",
    /// An attempt whose end is not known counts as done.
    UnknownIsDone = "unknown-is-done",
    /// A deferred cancel is answered and not recorded.
    ReceiptLost = "receipt-lost",
    /// The cancel of a payment that was never received leaves nothing behind.
    FenceForgotten = "fence-forgotten",
    /// A cancelled payment keeps its fee.
    FeeKept = "fee-kept",
    /// A reply is given before its commit.
    EarlyReply = "early-reply",
    /// The core gives back again when it is asked again.
    CoreGivesTwice = "core-gives-twice",
    /// The ledger books a cancellation twice.
    CreditTwice = "credit-twice",
    /// A statement takes a cancelled payment for one that settles.
    StatesCancelled = "states-cancelled",
    /// A reversal is not tried again after three attempts.
    RetryForgotten = "retry-forgotten",
    /// A repeated cancel after its period is refused, whatever was answered before.
    AnswerOverwritten = "answer-overwritten",
    /// A success that is reported after the cancel stands.
    LateSuccessStands = "late-success-stands",
    /// An inquiry is answered from a copy that does not have the cancel yet.
    InquiryLags = "inquiry-lags",
    /// Another acquirer may cancel.
    AcquirerIgnored = "acquirer-ignored",
}

impl Plant {
    /// The planted bug of this name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|plant| plant.name() == name)
    }
}
