//! The words in which the tests tell what happened to a case.

use std::fmt::Debug;

use chrono::{DateTime, NaiveTime, TimeDelta, Utc};
use chrono_tz::Asia;
use domain::{
    AccountId, AcquirerId, Action, Answer, Cancel, CancellablePeriod, CancellationState, Case, ClearingDay, Closing, Command,
    Decision, Disposition, Entry, EntryKind, Event, FinalAnswer, FundsKind, GiveBack, Jitter, Lookup, Money, NeverReceived,
    OtherAcquirer, Outcome, PayResult, Payment, PaymentId, PaymentKind, PaymentRequestId, PaymentStatus, PeriodOver,
    RefundRequest, RefundRequestId, RefundResult, ReportedResult, Results, ReversalState, Settlement, Terms, decide,
};

pub(crate) const NOON: &str = "2026-03-01T12:00:00Z";
pub(crate) const IN_TIME: &str = "2026-03-01T12:01:00Z";
pub(crate) const TOO_LATE: &str = "2026-03-02T16:30:00Z";
pub(crate) const ACQUIRER: &str = "1022188000000000001";
pub(crate) const OTHER_ACQUIRER: &str = "1022188000000000002";

pub(crate) const PROCEED: Outcome = Outcome::Disposed(Disposition::Proceed);
pub(crate) const CLOSED: Outcome = Outcome::Disposed(Disposition::Closed);
pub(crate) const STANDS: Outcome = Outcome::Disposed(Disposition::Stands);
pub(crate) const REVERSED: Outcome = Outcome::Disposed(Disposition::Reversed);
pub(crate) const REFUSED: Outcome = Outcome::Disposed(Disposition::Refused);
pub(crate) const S: Outcome = Outcome::Answered(Answer::Cancelled);
pub(crate) const U: Outcome = Outcome::Answered(Answer::Pending);
/// U, and nobody was given the right to an attempt.
pub(crate) const OWED: Outcome = Outcome::MoneyOwed { attempt: None };

pub(crate) fn leased(attempt: u32) -> Outcome {
    Outcome::MoneyOwed { attempt: Some(attempt) }
}

pub(crate) fn f(refusal: domain::Refusal) -> Outcome {
    Outcome::Answered(Answer::Refused(refusal))
}

/// The value of a parse that the test knows to be good.
pub(crate) fn good<T, E: Debug>(parsed: Result<T, E>) -> T {
    parsed.expect("the test's own text is good")
}

pub(crate) fn at(text: &str) -> DateTime<Utc> {
    good(DateTime::parse_from_rfc3339(text)).to_utc()
}

pub(crate) fn jpy(minor: i64) -> Money {
    good(Money::parse(&minor.to_string(), "JPY"))
}

pub(crate) fn acquirer(id: &str) -> AcquirerId {
    good(AcquirerId::parse(id))
}

pub(crate) fn refund_id(id: &str) -> RefundRequestId {
    good(RefundRequestId::parse(id))
}

pub(crate) fn the_contract_period() -> CancellablePeriod {
    let closes_next_day_at = NaiveTime::from_hms_opt(0, 30, 0).expect("a time of day");
    CancellablePeriod { closes_next_day_at, zone: Asia::Shanghai, grace: TimeDelta::zero() }
}

pub(crate) fn terms(funds: FundsKind) -> Terms {
    let results = Results {
        never_received: NeverReceived::Success,
        period_over: PeriodOver::ProcessFail,
        other_acquirer: OtherAcquirer::ParamIllegal,
    };
    Terms { period: the_contract_period(), funds, lease: TimeDelta::seconds(3), results }
}

/// A payment of 1,000 JPY, announced at noon.
pub(crate) fn payment() -> Payment {
    Payment {
        acquirer_id: acquirer(ACQUIRER),
        account: good(AccountId::parse("user-1")),
        amount: jpy(1_000),
        settlement_amount: None,
        kind: PaymentKind::Payment,
        initiated_at: at(NOON),
        payment_id: None,
        status: PaymentStatus::InProgress,
    }
}

pub(crate) fn authorization() -> Payment {
    Payment { kind: PaymentKind::Authorization, ..payment() }
}

pub(crate) fn cancel_by(id: &str) -> Action {
    Action::Cancel(Cancel::now(acquirer(id), Lookup::Recorded))
}

/// A cancel for which the wallet core was asked in vain.
pub(crate) fn cancel_without_lookup() -> Action {
    Action::Cancel(Cancel::now(acquirer(ACQUIRER), Lookup::Failed))
}

pub(crate) fn success() -> PayResult {
    let payment_id = Some(good(PaymentId::parse("P-1")));
    PayResult { result: ReportedResult::Succeeded, completed_at: at(NOON), payment_id, fee: Some(jpy(7)) }
}

pub(crate) fn failure() -> PayResult {
    PayResult { result: ReportedResult::Failed, completed_at: at(NOON), payment_id: None, fee: None }
}

pub(crate) fn refund_of(id: &str, minor: i64) -> Action {
    Action::Refund(RefundRequest { id: refund_id(id), amount: jpy(minor) })
}

pub(crate) fn refund_ended(id: &str, result: ReportedResult) -> Action {
    Action::RefundResult(RefundResult { id: refund_id(id), result, completed_at: at(NOON) })
}

pub(crate) fn closing(attempt: u32, outcome: GiveBack) -> Action {
    Action::Close { attempt, outcome, jitter: Jitter(0) }
}

pub(crate) fn day(text: &str) -> ClearingDay {
    good(ClearingDay::parse(text))
}

/// The closing of one day that follows an open one.
pub(crate) fn closing_of(text: &str) -> Closing {
    Closing { first: day(text), day: day(text) }
}

/// What a payment is whose day was closed at that moment.
pub(crate) fn on_closed_day(when: &str) -> Settlement {
    Settlement::Settled { day: day("2026-03-01"), at: at(when) }
}

/// One case, the terms it is decided under, and all that was written about it.
#[derive(Debug, Clone)]
pub(crate) struct Told {
    pub(crate) terms: Terms,
    pub(crate) case: Case,
    pub(crate) events: Vec<Event>,
    pub(crate) entries: Vec<Entry>,
    now: DateTime<Utc>,
}

/// A case of which nothing is known, in the middle of its day.
pub(crate) fn nothing(funds: FundsKind) -> Told {
    let id = good(PaymentRequestId::parse("20200101234567890132"));
    Told { terms: terms(funds), case: Case::unknown(id), events: vec![], entries: vec![], now: at(IN_TIME) }
}

/// A payment in progress.
pub(crate) fn announced(funds: FundsKind) -> Told {
    let mut told = nothing(funds);
    assert_eq!(told.pays(), PROCEED);
    told
}

/// A payment that succeeded.
pub(crate) fn paid(funds: FundsKind) -> Told {
    let mut told = announced(funds);
    assert_eq!(told.succeeds(), STANDS);
    told
}

impl Told {
    pub(crate) fn moment(&mut self, text: &str) -> &mut Self {
        self.now = at(text);
        self
    }

    pub(crate) fn later(&mut self, by: TimeDelta) -> &mut Self {
        self.now += by;
        self
    }

    /// Decides, records, and says what was answered.
    pub(crate) fn told(&mut self, action: Action) -> Outcome {
        let Decision { outcome, change } = self.would_be_told(action);
        if let Some(change) = change {
            self.case = change.case;
            self.events.extend(change.events);
            self.entries.extend(change.entries);
        }
        outcome
    }

    /// Decides without recording.
    pub(crate) fn would_be_told(&self, action: Action) -> Decision {
        decide(&self.terms, &self.case, &Command { id: self.case.id.clone(), at: self.now, action })
    }

    /// The answer to a command that must not change anything.
    pub(crate) fn unmoved_by(&self, action: Action) -> Outcome {
        let decision = self.would_be_told(action.clone());
        assert_eq!(decision.change, None, "{action:?}");
        decision.outcome
    }

    pub(crate) fn pays(&mut self) -> Outcome {
        self.told(Action::Pay(payment()))
    }

    pub(crate) fn succeeds(&mut self) -> Outcome {
        self.told(Action::Result(success()))
    }

    pub(crate) fn fails(&mut self) -> Outcome {
        self.told(Action::Result(failure()))
    }

    pub(crate) fn cancels(&mut self) -> Outcome {
        self.told(cancel_by(ACQUIRER))
    }

    pub(crate) fn refunds(&mut self, id: &str, minor: i64) -> Outcome {
        self.told(refund_of(id, minor))
    }

    pub(crate) fn refund_succeeds(&mut self, id: &str) -> Outcome {
        self.told(refund_ended(id, ReportedResult::Succeeded))
    }

    pub(crate) fn refund_fails(&mut self, id: &str) -> Outcome {
        self.told(refund_ended(id, ReportedResult::Failed))
    }

    pub(crate) fn closes(&mut self, attempt: u32, outcome: GiveBack) -> Outcome {
        self.told(closing(attempt, outcome))
    }

    /// The worker takes the next attempt, as the store does for it.
    pub(crate) fn worker_begins(&mut self) -> Option<u32> {
        let begun = self.case.reversal.as_ref()?.begin_attempt(self.now, self.terms.lease)?;
        let attempt = begun.attempts;
        self.case.reversal = Some(begun);
        Some(attempt)
    }

    pub(crate) fn state(&self) -> Option<CancellationState> {
        self.case.cancellation.as_ref().map(|cancellation| cancellation.state)
    }

    pub(crate) fn final_answer(&self) -> Option<FinalAnswer> {
        self.case.cancellation.as_ref().and_then(domain::Cancellation::final_answer)
    }

    pub(crate) fn reversal_state(&self) -> Option<&ReversalState> {
        self.case.reversal.as_ref().map(|reversal| &reversal.state)
    }

    pub(crate) fn fee(&self) -> Option<Money> {
        match self.case.payment.as_ref().map(|payment| &payment.status) {
            Some(PaymentStatus::Succeeded { fee, .. }) => *fee,
            Some(PaymentStatus::InProgress | PaymentStatus::Failed { .. }) | None => None,
        }
    }

    pub(crate) fn timeline(&self) -> Vec<&'static str> {
        self.events.iter().map(|event| event.what.name()).collect()
    }

    /// What was booked, as direction and amount.
    pub(crate) fn booked(&self) -> Vec<(EntryKind, i64)> {
        self.entries.iter().map(|entry| (entry.kind, entry.amount.minor())).collect()
    }
}
