//! What the rules say in words: names, spellings, timelines, and why a text was not taken.

use std::fmt::Debug;

use domain::{
    AcquirerId, Action, Answer, CancelReply, CancellationState, ClearingDay, ClearingDayError, CommandReply, Currency,
    DeferReason, Disposition, EventKind, FundsKind, IdentifierError, LeaseReply, Money, MoneyError, PaymentStatus,
    PaymentStatusName, RefundState, RefundStateName, RefundedElsewhere, Refusal, RefusalCode, RefusalName, Reply,
    ReplyMismatchError, ReversalOutcome, ReversalRequest, Rule, Settlement, Taken,
};

use crate::fixtures::{
    ACQUIRER, IN_TIME, NOON, PROCEED, S, STANDS, announced, at, cancel_by, closing, closing_of, day, jpy, leased, nothing, paid,
    park, payment, refund_ended, refund_id, refund_of, retry, success,
};

const CORE: FundsKind = FundsKind::Http;
const LEDGER: FundsKind = FundsKind::Ledger;

fn refused<T: Debug, E: ToString>(parsed: Result<T, E>) -> String {
    parsed.map_err(|error| error.to_string()).expect_err("the text is not taken")
}

#[test]
fn a_text_that_is_not_taken_is_told_what_it_must_be() {
    assert_eq!(refused(ClearingDay::parse("2026-02-30")), "must be a day in the form YYYY-MM-DD, such as 2026-03-01");
    assert_eq!(refused(AcquirerId::parse("..")), "must be 1 to 64 visible ASCII characters, and neither \".\" nor \"..\"");
    let value = "value must be an integer of 1 to 9223372036854775807 in the smallest unit, as plain digits in a string";
    assert_eq!(refused(Money::parse("0", "JPY")), value);
    assert_eq!(refused(Money::parse("1", "yen")), "currency must be an ISO 4217 code of three capital letters");
    let errors = (ClearingDay::parse("today"), AcquirerId::parse(""), Currency::parse("YEN+"));
    assert_eq!(errors, (Err(ClearingDayError), Err(IdentifierError), Err(MoneyError::Currency)));
}

#[test]
fn a_spelling_means_what_it_was_written_for_and_no_other_text_means_anything() {
    for known in Disposition::ALL {
        assert_eq!(Disposition::parse(known.as_str()), Some(*known));
    }
    for known in RefusalCode::ALL {
        assert_eq!(RefusalCode::parse(known.as_str()), Some(*known));
    }
    for unknown in ["", "Proceed", "proceed ", "PROCEED"] {
        assert_eq!(Disposition::parse(unknown), None, "{unknown:?}");
    }
}

#[test]
fn a_reply_is_taken_only_as_the_kind_it_is() {
    let replies = [
        Reply::Cancel(CancelReply::Answered(Answer::Pending)),
        Reply::Command(CommandReply::Done(Disposition::Proceed)),
        Reply::Lease(LeaseReply::NotDue),
        Reply::Attempt(Answer::Cancelled),
    ];
    fn takes<T: TryFrom<Reply, Error = ReplyMismatchError> + Into<Reply>>(replies: &[Reply; 4]) -> [bool; 4] {
        replies.map(|reply| T::try_from(reply).is_ok_and(|taken| taken.into() == reply))
    }
    assert_eq!(takes::<CancelReply>(&replies), [true, false, false, false]);
    assert_eq!(takes::<CommandReply>(&replies), [false, true, false, false]);
    assert_eq!(takes::<LeaseReply>(&replies), [false, false, true, false]);
    assert_eq!(takes::<Answer>(&replies), [false, false, false, true]);
    assert_eq!(refused(LeaseReply::try_from(replies[0])), "the store replied to another kind of command");
}

#[test]
fn a_state_has_the_name_that_is_stored_and_shown() {
    let completed_at = at(NOON);
    let of_payment = [
        (PaymentStatus::InProgress, PaymentStatusName::InProgress),
        (PaymentStatus::Succeeded { completed_at, fee: None }, PaymentStatusName::Succeeded),
        (PaymentStatus::Failed { completed_at }, PaymentStatusName::Failed),
    ];
    of_payment.into_iter().for_each(|(state, name)| assert_eq!(state.name(), name));
    let of_refund = [
        (RefundState::Reserved, RefundStateName::Reserved),
        (RefundState::Succeeded { completed_at }, RefundStateName::Succeeded),
        (RefundState::Failed { completed_at }, RefundStateName::Failed),
    ];
    of_refund.into_iter().for_each(|(state, name)| assert_eq!(state.name(), name));
    let of_refusal = [
        (Refusal::DifferentRequest, RefusalName::DifferentRequest),
        (Refusal::PeriodOver(RefusalCode::CancelWindowExceed), RefusalName::PeriodOver),
        (Refusal::PartlyRefunded, RefusalName::PartlyRefunded),
        (Refusal::NeverReceived, RefusalName::NeverReceived),
    ];
    of_refusal.into_iter().for_each(|(refusal, name)| assert_eq!(refusal.name(), name));
}

#[test]
fn only_a_deferred_cancel_has_a_reason_for_it() {
    for reason in DeferReason::ALL {
        assert_eq!(CancellationState::Deferred(*reason).defer_reason(), Some(*reason));
    }
    assert_eq!(CancellationState::Open { cancelled_at: at(NOON) }.defer_reason(), None);
    assert_eq!(CancellationState::AlreadyRefunded { never_seen: false }.defer_reason(), None);
}

#[test]
fn a_day_accounts_for_what_settles_and_for_what_does_not() {
    let (first, second) = (day("2026-03-01"), day("2026-03-02"));
    assert_eq!(Settlement::Settled { day: first, at: at(NOON) }.day(), first);
    assert_eq!(Settlement::Excluded { day: second }.day(), second);
}

#[test]
fn only_a_cancel_and_an_announced_payment_open_a_case() {
    let opening = [cancel_by(ACQUIRER), Action::Pay(payment())];
    assert!(opening.iter().all(Action::opens_case));
    let (note, by) = ("paid in cash".to_owned(), "someone".to_owned());
    let others = [
        Action::Result(success()),
        refund_of("r1", 1),
        refund_ended("r1", domain::ReportedResult::Failed),
        Action::LeaseAttempt,
        closing(1, ReversalOutcome::Done),
        Action::LeaseLookup,
        retry(),
        park(),
        Action::Resolve { note, by },
        Action::Approve { by: "someone".to_owned() },
        Action::Settle(closing_of("2026-03-01")),
    ];
    for other in others {
        assert!(!other.opens_case(), "{other:?}");
        let decision = nothing(CORE).decide(other.clone());
        assert_eq!(decision.change, None, "{other:?} leaves no trace of a case that nobody knows");
    }
}

#[test]
fn a_timeline_says_what_else_is_worth_knowing() {
    let id = || refund_id("r1");
    let unknown = ReversalOutcome::Unknown("a timeout".into());
    let details: [(EventKind, &[(&str, &str)]); 19] = [
        (EventKind::CancelReceived, &[]),
        (EventKind::ReversalOpened { amount: None, by: None }, &[]),
        (EventKind::PaymentRecorded(jpy(5)), &[("amount", "5 JPY")]),
        (EventKind::ReversalOpened { amount: Some(jpy(5)), by: Some("ann".into()) }, &[("amount", "5 JPY"), ("by", "ann")]),
        (EventKind::RefundReserved(id(), jpy(5)), &[("refundRequestId", "r1"), ("amount", "5 JPY")]),
        (EventKind::RefundSucceeded(id()), &[("refundRequestId", "r1")]),
        (EventKind::RefundFailed(id()), &[("refundRequestId", "r1")]),
        (EventKind::Cancelled(Rule::MoneyTaken), &[("rule", "money-taken")]),
        (EventKind::Refused(Refusal::PartlyRefunded), &[("reason", "partly-refunded"), ("resultCode", "PROCESS_FAIL")]),
        (EventKind::ReversalTried { attempt: 2, outcome: ReversalOutcome::Done }, &[("attempt", "2"), ("outcome", "done")]),
        (
            EventKind::ReversalTried { attempt: 3, outcome: unknown },
            &[("attempt", "3"), ("outcome", "unknown"), ("error", "a timeout")],
        ),
        (EventKind::ReversalParked { reason: "no account".into(), by: None }, &[("reason", "no account")]),
        (EventKind::ReversalParked { reason: "stopped".into(), by: Some("ann".into()) }, &[("reason", "stopped"), ("by", "ann")]),
        (
            EventKind::ReversalTried { attempt: 4, outcome: ReversalOutcome::PartlyRefunded(Some(jpy(5))) },
            &[("attempt", "4"), ("outcome", "partly-refunded"), ("refunded", "5 JPY")],
        ),
        (EventKind::RefundedElsewhere(RefundedElsewhere::All), &[("refunded", "all")]),
        (EventKind::RefundedElsewhere(RefundedElsewhere::Amount(5)), &[("refunded", "amount"), ("value", "5")]),
        (EventKind::ResolutionRequested { note: "by hand".into(), by: "ann".into() }, &[("note", "by hand"), ("by", "ann")]),
        (
            EventKind::ReversalResolved { note: "by hand".into(), by: "ann".into(), approved_by: None },
            &[("note", "by hand"), ("by", "ann")],
        ),
        (
            EventKind::ReversalResolved { note: "by hand".into(), by: "ann".into(), approved_by: Some("bob".into()) },
            &[("note", "by hand"), ("by", "ann"), ("approvedBy", "bob")],
        ),
    ];
    for (kind, expected) in details {
        let expected: Vec<_> = expected.iter().map(|(name, text)| (*name, (*text).to_owned())).collect();
        assert_eq!(kind.details(), expected, "{kind:?}");
    }
}

#[test]
fn a_timeline_names_the_day_of_a_settlement_and_the_day_it_is_late_from() {
    let settled = |late_from, refund| {
        let kind = EventKind::Settled { day: day("2026-03-02"), late_from, refund };
        kind.details().into_iter().map(|(name, text)| format!("{name}={text}")).collect::<Vec<_>>()
    };
    assert_eq!(settled(None, None), ["day=2026-03-02"]);
    let late = settled(Some(day("2026-03-01")), Some(refund_id("r1")));
    assert_eq!(late, ["day=2026-03-02", "lateFrom=2026-03-01", "refundRequestId=r1"]);
}

#[test]
fn a_core_is_asked_for_all_that_is_known_of_the_payment_and_for_nothing_without_a_reversal() {
    let mut story = paid(CORE);
    assert_eq!((story.case.reversal_request(), story.cancels()), (None, leased(1)));
    let Some(ReversalRequest { id, taken, payment_id, account, amount }) = story.case.reversal_request() else {
        panic!("a reversal is open")
    };
    assert_eq!((id, taken, amount), (story.case.id.clone(), Taken::Debit, Some(jpy(1_000))));
    assert_eq!((payment_id.map(|id| id.to_string()), account), (Some("P-1".into()), Some(payment().account)));
    let mut fence = nothing(CORE);
    assert_eq!(fence.cancels(), leased(1));
    let unknown =
        ReversalRequest { id: story.case.id, taken: Taken::NothingKnown, payment_id: None, account: None, amount: None };
    assert_eq!(fence.case.reversal_request(), Some(unknown));
}

#[test]
fn a_user_waits_since_the_cancel_or_since_the_money_was_taken_after_it() {
    let mut story = announced(CORE);
    assert_eq!((story.case.waiting_since(), story.cancels()), (None, leased(1)));
    assert_eq!(story.case.waiting_since(), Some(at(IN_TIME)));
    let completed_at = at("2026-03-01T12:02:00Z");
    let taken_later = domain::PayResult { completed_at, ..success() };
    let _ = story.moment("2026-03-01T12:03:00Z").decides(Action::Result(taken_later));
    assert_eq!(story.case.waiting_since(), Some(completed_at));
    let mut refunded = paid(LEDGER);
    assert_eq!((refunded.refunds("r1", 1_000), refunded.refund_succeeds("r1"), refunded.cancels()), (PROCEED, STANDS, S));
    assert_eq!(refunded.case.waiting_since(), None, "a cancel without a reversal keeps nobody waiting");
}
