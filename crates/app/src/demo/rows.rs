//! What the demonstration shows: each exchange with the answer and the balances that are right.

/// The wallet's id at Alipay+.
pub(super) const PSP_ID: &str = "1022172000000000001";
/// The acquirer of every payment.
pub(super) const ACQUIRER: &str = "1022188000000000001";
/// Another acquirer.
const OTHER_ACQUIRER: &str = "1022188000000000002";
/// The currency of every payment.
pub(super) const CURRENCY: &str = "JPY";

/// One payment of one user.
pub(super) struct DemoPayment {
    pub(super) id: &'static str,
    pub(super) account: &'static str,
    /// `payment` or `authorization`
    pub(super) kind: &'static str,
    /// In yen.
    pub(super) amount: &'static str,
    pub(super) initiated_days_ago: i64,
}

/// What the wallet tells of its payment.
#[derive(Clone, Copy)]
pub(super) enum Call {
    /// It is about to debit.
    Announce,
    /// The result, S or F.
    Report(&'static str),
}

/// What is sent and answered.
#[derive(Clone, Copy)]
pub(super) enum Exchange {
    /// Alipay+ cancels for this acquirer.
    Cancel { acquirer: &'static str },
    /// The cancel's signature is over another text than the one that is sent.
    CancelSignedBadly,
    /// The wallet calls.
    Wallet(Call),
}

/// One exchange, and how it should be.
pub(super) struct Row {
    pub(super) what: &'static str,
    pub(super) payment: &'static DemoPayment,
    /// What the wallet reports before.
    pub(super) before: &'static [Call],
    pub(super) exchange: Exchange,
    pub(super) answer: &'static str,
    /// The user's balance before and after, in yen.
    pub(super) balances: [i64; 2],
}

impl Row {
    /// What should have been, where something else was.
    pub(super) fn difference(&self, answer: &str, balances: [i64; 2]) -> Option<String> {
        let [before, after] = self.balances;
        let right = answer == self.answer && balances == self.balances;
        (!right).then(|| format!("WRONG, should be {} and {before} → {after}", self.answer))
    }
}

const CANCEL: Exchange = Exchange::Cancel { acquirer: ACQUIRER };

const fn payment(id: &'static str, account: &'static str, amount: &'static str) -> DemoPayment {
    DemoPayment { id, account, kind: "payment", amount, initiated_days_ago: 0 }
}

static PAID: DemoPayment = payment("20200101234567890132", "user-1", "1500");
static HELD: DemoPayment = DemoPayment { kind: "authorization", ..payment("20200101234567890133", "user-2", "20000") };
static IN_PROGRESS: DemoPayment = payment("20200101234567890134", "user-3", "800");
static FAILED: DemoPayment = payment("20200101234567890135", "user-4", "900");
static NEVER_SEEN: DemoPayment = payment("20200101234567890136", "user-5", "1200");
static TOO_OLD: DemoPayment = DemoPayment { initiated_days_ago: 2, ..payment("20200101234567890137", "user-6", "3000") };
static NOT_SIGNED: DemoPayment = payment("20200101234567890138", "user-7", "700");
/// Paid and left alone, to be cancelled by hand.
pub(super) static TO_TRY: DemoPayment = payment("20200101234567890139", "user-8", "2500");
/// What the wallet said about it.
pub(super) const TO_TRY_CALLS: [Call; 2] = [Call::Announce, Call::Report("S")];

/// In the order in which they are played.
pub(super) static ROWS: [Row; 11] = [
    Row {
        what: "a paid payment",
        payment: &PAID,
        before: &[Call::Announce, Call::Report("S")],
        exchange: CANCEL,
        answer: "S SUCCESS",
        balances: [-1500, 0],
    },
    Row { what: "the same again", payment: &PAID, before: &[], exchange: CANCEL, answer: "S SUCCESS", balances: [0, 0] },
    Row {
        what: "the same id from another acquirer",
        payment: &PAID,
        before: &[],
        exchange: Exchange::Cancel { acquirer: OTHER_ACQUIRER },
        answer: "F PARAM_ILLEGAL",
        balances: [0, 0],
    },
    Row {
        what: "an authorization",
        payment: &HELD,
        before: &[Call::Announce, Call::Report("S")],
        exchange: CANCEL,
        answer: "S SUCCESS",
        balances: [-20_000, 0],
    },
    Row {
        what: "a payment in progress",
        payment: &IN_PROGRESS,
        before: &[Call::Announce],
        exchange: CANCEL,
        answer: "S SUCCESS",
        balances: [0, 0],
    },
    Row {
        what: "  its success comes late (wallet)",
        payment: &IN_PROGRESS,
        before: &[],
        exchange: Exchange::Wallet(Call::Report("S")),
        answer: "reversed",
        balances: [0, 0],
    },
    Row {
        what: "a failed payment",
        payment: &FAILED,
        before: &[Call::Announce, Call::Report("F")],
        exchange: CANCEL,
        answer: "S SUCCESS",
        balances: [0, 0],
    },
    Row {
        what: "a payment never seen",
        payment: &NEVER_SEEN,
        before: &[],
        exchange: CANCEL,
        answer: "S SUCCESS",
        balances: [0, 0],
    },
    Row {
        what: "  it comes late (wallet)",
        payment: &NEVER_SEEN,
        before: &[],
        exchange: Exchange::Wallet(Call::Announce),
        answer: "closed",
        balances: [0, 0],
    },
    Row {
        what: "a payment outside of the period",
        payment: &TOO_OLD,
        before: &[Call::Announce, Call::Report("S")],
        exchange: CANCEL,
        answer: "F PROCESS_FAIL",
        balances: [-3000, -3000],
    },
    Row {
        what: "a broken signature",
        payment: &NOT_SIGNED,
        before: &[Call::Announce, Call::Report("S")],
        exchange: Exchange::CancelSignedBadly,
        answer: "F INVALID_SIGNATURE",
        balances: [-700, -700],
    },
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_is_wrong_by_its_answer_or_by_either_balance() {
        let row = &ROWS[0];
        assert_eq!(row.difference("S SUCCESS", [-1500, 0]), None);
        for (answer, balances) in [("U UNKNOWN_EXCEPTION", [-1500, 0]), ("S SUCCESS", [0, 0]), ("S SUCCESS", [-1500, 1500])] {
            let told = row.difference(answer, balances);
            assert_eq!(told.as_deref(), Some("WRONG, should be S SUCCESS and -1500 → 0"));
        }
    }
}
