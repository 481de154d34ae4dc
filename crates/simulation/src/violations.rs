//! What a checker found to be wrong.

use std::collections::BTreeMap;

macro_rules! violations {
    ($($(#[$doc:meta])* $kind:ident = $name:literal, $known:expr;)+) => {
        /// A kind of violation.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
        pub enum ViolationKind {
            $($(#[$doc])* $kind,)+
        }

        impl ViolationKind {
            /// Every kind.
            pub const ALL: &'static [Self] = &[$(Self::$kind,)+];

            /// Its name.
            #[must_use]
            pub fn name(self) -> &'static str {
                match self { $(Self::$kind => $name,)+ }
            }

            /// The failure that makes it known until it is mended. Any other kind makes a run fail.
            #[must_use]
            pub fn known(self) -> Option<&'static str> {
                match self { $(Self::$kind => $known,)+ }
            }
        }
    };
}

violations! {
    /// A command had another reply than the rule book says.
    RuleBook = "rule-book", None;
    /// A final answer to Alipay+ was followed by another one.
    AnswerChanged = "answer-changed", None;
    /// S was answered, and money of the payment is still with the merchant's side.
    MoneyKept = "money-kept", None;
    /// More was given back than was taken.
    MoneyTwice = "money-twice", None;
    /// A cancelled payment is in a statement.
    StatementHasCancelled = "statement-has-cancelled", None;
    /// A payment or a refund is in two statements.
    StatedTwice = "stated-twice", None;
    /// A payment that succeeded, or a refund, is in no statement.
    NotStated = "not-stated", None;
    /// The statement of a closed day has other bytes than before.
    StatementChanged = "statement-changed", None;
    /// A fee is kept for a payment that is cancelled.
    FeeKept = "fee-kept", None;
    /// Minutes after the last fault something is neither final nor on an operator's list.
    NotFinal = "not-final", None;
    /// More commands in a batch, or more calls at once, than the bounds allow.
    Unbounded = "unbounded", None;
    /// A window has more log lines about one thing than the bound allows.
    LogFloods = "log-floods", None;
    /// Alipay+ was told S, and an inquiry does not say that the payment is closed.
    SuccessUntrue = "success-untrue", None;
    /// A day could not be closed.
    DayNotClosed = "day-not-closed", None;
    /// A signature of ours is wrong.
    SignatureWrong = "signature-wrong", None;
    /// What contradicts an answered S is taken as the reversal's end.
    ContradictionClosed = "contradiction-closed", Some("F48");
    /// A refund goes on that exceeds what the core left of the payment.
    RefundTooMuch = "refund-too-much", None;
    /// The acquirer whose payment it is, or who asked first, is refused for another one's sake.
    AcquirerSwapped = "acquirer-swapped", Some("F51");
    /// A deferred cancel is looked up again and again, and can never be decided.
    AsksForEver = "asks-for-ever", None;
    /// An inquiry denies a payment that the core has, or that it cannot be asked for.
    InquiryDenies = "inquiry-denies", None;
    /// An inquiry says paid of a payment that has not succeeded, or closed where no cancel is answered for good.
    InquiryUntrue = "inquiry-untrue", None;
    /// The wallet or an inquiry heard that a payment is closed, and hears later that it is not.
    PromiseTakenBack = "promise-taken-back", None;
    /// Something can not end by itself, and no operator can end it.
    NoDoor = "no-door", None;
    /// A cancel that came in time was refused as too late.
    InTimeRefused = "in-time-refused", None;
    /// S stands on a core's word that contradicts what the wallet reported.
    TwoBooks = "two-books", None;
    /// A final answer stands on one of two amounts that the core named.
    AmountChanged = "amount-changed", Some("F58");
    /// The lookups of one deferred cancel fill the log.
    LookupsFlood = "lookups-flood", None;
}

/// One finding.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// Its kind.
    pub kind: ViolationKind,
    /// The day of the run, counted from 1.
    pub day: u32,
    /// What it is about: a payment request or a day of settlement.
    pub about: String,
    /// What was found and what would be right.
    pub text: String,
}

/// The findings of a run: the first of each kind, and how many there are.
#[derive(Debug, Default)]
pub(crate) struct Violations {
    first: BTreeMap<ViolationKind, Violation>,
    counts: BTreeMap<ViolationKind, u64>,
    seen: std::collections::BTreeSet<(ViolationKind, String)>,
}

impl Violations {
    /// Whether it is new: one about one thing counts once.
    pub(crate) fn add(&mut self, violation: Violation) -> bool {
        if !self.seen.insert((violation.kind, violation.about.clone())) {
            return false;
        }
        *self.counts.entry(violation.kind).or_default() += 1;
        self.first.entry(violation.kind).or_insert(violation);
        true
    }

    /// The first of each kind with how many there are.
    pub(crate) fn found(&self) -> Vec<(Violation, u64)> {
        self.first.iter().map(|(kind, first)| (first.clone(), self.counts[kind])).collect()
    }
}
