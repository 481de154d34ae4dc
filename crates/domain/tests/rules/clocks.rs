//! What a cancel is answered where clocks contradict each other, and when a lease of a clock that was set back is over.

use chrono::{DateTime, TimeDelta, Utc};
use domain::{
    Action, Cancel, CancelReply, CancellationState, Case, CommandReply, DeferReason, Disposition, FundsKind, LeaseReply, Lookup,
    PaymentStatus, Refusal, RefusalCode, Reply, ReversalOutcome, Settlement, Witness,
};

use crate::fixtures::{
    ACQUIRER, PROCEED, S, STANDS, Story, U, acquirer, announced, at, closing_of, day, f, leased, nothing, paid,
};

/// The end of the period of the payment of these stories.
const END: &str = "2026-03-01T16:30:00Z";
/// Well in time, and well too late.
const IN_TIME: &str = "2026-03-01T06:00:00Z";
const TOO_LATE: &str = "2026-03-02T07:00:00Z";

const OVER: Refusal = Refusal::PeriodOver(RefusalCode::ProcessFail);
const DOUBTFUL: CancellationState = CancellationState::Deferred(DeferReason::ClocksDisagree);

fn asked(witness: Witness, lookup: Lookup) -> Action {
    Action::Cancel(Cancel { witness, ..Cancel::now(acquirer(ACQUIRER), lookup) })
}

impl Story {
    /// A cancel that comes at `own` by our clock, and at `requested` by its `Request-Time`.
    fn is_asked(&mut self, own: &str, requested: &str) -> Reply {
        self.moment(own).decides(asked(Witness::RequestTime(at(requested)), Lookup::Recorded))
    }

    fn is_judged(&mut self, own: &str) -> Reply {
        self.moment(own).decides(asked(Witness::TrustedClocks, Lookup::Recorded))
    }

    fn first_received_at(&self) -> DateTime<Utc> {
        self.case.cancellation.as_ref().expect("a cancellation").first_received_at
    }
}

fn milliseconds_after(moment: &str, by: i64) -> String {
    (at(moment) + TimeDelta::milliseconds(by)).to_rfc3339()
}

#[test]
fn f63_a_request_time_up_to_five_minutes_earlier_is_when_the_cancel_came() {
    let five_minutes = 300_000;
    for (late_by, earlier_by, answer) in [
        (0, 1, S),
        (299_999, five_minutes, S),
        (five_minutes - 1, five_minutes, S),
        (0, 0, f(OVER)),
        (five_minutes, five_minutes, f(OVER)),
        (1_000, 1_000, f(OVER)),
    ] {
        let own = milliseconds_after(END, late_by);
        let mut story = paid(FundsKind::Ledger);
        let requested = milliseconds_after(&own, -earlier_by);
        assert_eq!(story.is_asked(&own, &requested), answer, "{late_by} ms late, {earlier_by} ms earlier");
    }
}

#[test]
fn f63_a_request_time_that_is_later_than_ours_changes_nothing_within_five_minutes() {
    let mut story = paid(FundsKind::Ledger);
    let last = milliseconds_after(END, -1);
    assert_eq!(story.is_asked(&last, &milliseconds_after(&last, 300_000)), S);
    assert_eq!(story.first_received_at(), at(&last));
}

/// Our clock is fast: the payment is inside its period and must not be refused.
#[test]
fn f63_a_fast_clock_refuses_nobody_whom_request_time_shows_in_time() {
    for by in [TimeDelta::hours(1), TimeDelta::hours(25)] {
        for funds in [FundsKind::Ledger, FundsKind::Http] {
            let mut story = paid(funds);
            let requested = milliseconds_after(END, -1_000);
            let own = (at(&requested) + by).to_rfc3339();
            assert_eq!(story.is_asked(&own, &requested), U, "{by}");
            assert_eq!(story.state(), Some(DOUBTFUL));
            assert_eq!(story.booked().len(), usize::from(funds == FundsKind::Ledger), "nothing is given back yet");
            assert_eq!(story.timeline().last(), Some(&"clocks-disagree"));
            let details = story.events.last().unwrap().kind.details();
            assert_eq!(details.iter().map(|(name, _)| *name).collect::<Vec<_>>(), ["receivedAt", "requestTime"]);
        }
    }
}

#[test]
fn f63_a_repeat_that_is_in_time_beyond_doubt_settles_it() {
    let mut story = paid(FundsKind::Ledger);
    assert_eq!(story.is_asked(TOO_LATE, IN_TIME), U);
    // The clock is right again.
    assert_eq!(story.is_asked(IN_TIME, IN_TIME), S);
    assert_eq!(story.first_received_at(), at(IN_TIME), "the fast clock's moment counts no more");
}

#[test]
fn f63_a_repeat_that_is_too_late_does_not_settle_it() {
    let mut story = paid(FundsKind::Ledger);
    assert_eq!(story.is_asked(TOO_LATE, IN_TIME), U);
    let before = story.case.clone();
    let later = "2026-03-02T08:00:00Z";
    assert_eq!(story.is_asked(later, later), U, "the first one may have come in time");
    assert_eq!(story.case, before, "and the repeat writes nothing");
    assert_eq!(story.decides(asked(Witness::OurClocks, Lookup::Recorded)), U, "nor does one that nobody witnesses");
}

/// Once our clock is known to be right, it says when the cancel that was in doubt came.
#[test]
fn f63_a_trusted_clock_judges_what_was_in_doubt() {
    let mut odd = paid(FundsKind::Ledger);
    assert_eq!(odd.is_asked(TOO_LATE, IN_TIME), U);
    assert_eq!(odd.is_judged(TOO_LATE), f(OVER), "our clock was right, and the header odd");
    let mut fast = paid(FundsKind::Ledger);
    assert_eq!(fast.is_asked(TOO_LATE, IN_TIME), U);
    assert_eq!(fast.is_judged(IN_TIME), S, "our clock was fast, and says now when it was");
    assert_eq!(fast.is_asked(TOO_LATE, TOO_LATE), S, "which is the answer for ever");
}

/// Our clock is behind: it would say in time for ever.
#[test]
fn f63_a_clock_behind_cancels_nothing_that_request_time_shows_too_late() {
    let mut story = paid(FundsKind::Ledger);
    assert_eq!(story.is_asked(IN_TIME, TOO_LATE), U);
    assert_eq!(story.state(), Some(DOUBTFUL));
    assert_eq!(story.is_asked(IN_TIME, TOO_LATE), U);
    assert_eq!(story.clone().is_judged(TOO_LATE), f(OVER));
    assert_eq!(story.clone().is_judged(IN_TIME), S);
}

#[test]
fn f63_clocks_that_differ_but_agree_about_the_period_decide() {
    let mut in_time = paid(FundsKind::Ledger);
    assert_eq!(in_time.is_asked("2026-03-01T06:00:00Z", "2026-03-01T05:00:00Z"), S);
    let mut late = paid(FundsKind::Ledger);
    assert_eq!(late.is_asked("2026-03-02T07:00:00Z", "2026-03-03T05:00:00Z"), f(OVER));
    let mut unknown = nothing(FundsKind::Ledger);
    assert_eq!(unknown.is_asked(TOO_LATE, IN_TIME), S, "a fence has no period");
}

#[test]
fn f63_a_receipt_in_time_that_nobody_doubted_stays_one() {
    let mut story = paid(FundsKind::Ledger);
    assert_eq!(story.refunds("r-1", 400), PROCEED);
    assert_eq!(story.is_asked(IN_TIME, IN_TIME), U);
    assert_eq!(story.state(), Some(CancellationState::Deferred(DeferReason::RefundRunning)));
    assert_eq!(story.is_asked(TOO_LATE, IN_TIME), U);
    assert_eq!(story.state(), Some(CancellationState::Deferred(DeferReason::RefundRunning)));
    assert_eq!(story.refund_fails("r-1"), STANDS);
    assert_eq!(story.cancels(), S);
}

/// The lookup failed, so that nobody knows the period. The doubt outlives the lookup.
#[test]
fn f63_a_doubt_is_kept_until_the_payment_is_looked_up() {
    let mut story = nothing(FundsKind::Http);
    assert_eq!(
        story.moment(TOO_LATE).decides(asked(Witness::RequestTime(at(IN_TIME)), Lookup::Failed("the core is away".to_owned()))),
        U
    );
    assert_eq!(story.state(), Some(DOUBTFUL));
    let payment = domain::Payment {
        status: PaymentStatus::Succeeded { completed_at: at(IN_TIME), fee: None },
        ..crate::fixtures::payment()
    };
    let found = domain::CorePayment { payment, refunded: 0, refund_running: false };
    let found = || Lookup::Found(Box::new(found.clone()));
    assert_eq!(story.decides(asked(Witness::OurClocks, found())), U);
    assert_eq!(story.state(), Some(DOUBTFUL));
    let judged = story.moment("2026-03-01T13:00:00Z").decides(asked(Witness::TrustedClocks, found()));
    assert_eq!(judged, Reply::Cancel(CancelReply::ReversalPending { attempt: Some(1) }));
}

fn closed_at(story: &mut Story, when: &str) -> Reply {
    story.moment(when).decides(Action::Settle(closing_of("2026-03-01")))
}

/// The day cannot wait any longer than that for the clocks.
#[test]
fn f63_a_day_that_closes_decides_by_our_clocks() {
    let stands = Reply::Command(CommandReply::Done(Disposition::Stands));
    let mut late = paid(FundsKind::Ledger);
    assert_eq!(late.is_asked(TOO_LATE, IN_TIME), U);
    assert!(!late.case.prevents_closing(&closing_of("2026-03-01")));
    assert_eq!(closed_at(&mut late, "2026-03-02T09:00:00Z"), stands);
    assert_eq!(late.state(), Some(CancellationState::Refused { refusal: OVER }));
    assert!(matches!(late.case.settlement, Some(Settlement::Settled { .. })));

    for funds in [FundsKind::Ledger, FundsKind::Http] {
        let mut behind = paid(funds);
        assert_eq!(behind.is_asked(IN_TIME, TOO_LATE), U);
        assert_eq!(closed_at(&mut behind, "2026-03-02T09:00:00Z"), stands);
        assert!(behind.case.is_cancelled());
        assert_eq!(behind.case.settlement, Some(Settlement::Excluded { day: day("2026-03-01") }));
    }
}

#[test]
fn f63_while_clocks_disagree_no_refund_begins_and_results_are_taken() {
    let mut story = announced(FundsKind::Ledger);
    assert_eq!(story.is_asked(TOO_LATE, IN_TIME), U);
    assert_eq!(story.succeeds(), STANDS);
    assert_eq!(story.refunds("r-1", 1), Reply::Command(CommandReply::Done(Disposition::Refused)));
    assert_eq!(story.is_asked(IN_TIME, IN_TIME), S);
    assert_eq!(story.case.refunded(), 0);
}

fn leased_case(taken: &str) -> (Story, Case) {
    let mut story = paid(FundsKind::Http);
    assert_eq!(story.moment(taken).cancels(), leased(1));
    let case = story.case.clone();
    (story, case)
}

#[test]
fn f56_a_lease_is_over_at_its_end_or_where_it_lasts_longer_than_its_term() {
    let taken = at(IN_TIME);
    let (mut story, _) = leased_case(IN_TIME);
    for (at_ms, holds) in [(0, true), (2_999, true), (3_000, false), (-5_000, true), (-5_001, false), (-3_600_000, false)] {
        let now = taken + TimeDelta::milliseconds(at_ms);
        story.moment(&now.to_rfc3339());
        let leased = matches!(story.decide(Action::LeaseAttempt).reply, Reply::Lease(LeaseReply::Leased(2)));
        assert_eq!(leased, !holds && !(-65_000..0).contains(&at_ms), "{at_ms} ms after it was taken");
        let by_cancel = story.decide(asked(Witness::OurClocks, Lookup::Recorded)).reply;
        let attempt = if holds { None } else { Some(2) };
        assert_eq!(by_cancel, Reply::Cancel(CancelReply::ReversalPending { attempt }), "{at_ms} ms after it was taken");
    }
}

#[test]
fn f56_a_wait_longer_than_any_is_over() {
    let (mut story, _) = leased_case("2026-03-01T07:00:00Z");
    assert_eq!(story.closes(1, ReversalOutcome::Unknown("timeout".to_owned())), U);
    // It waits for 100 ms, from 07:00:00 on by a clock that was fast.
    for (now, is_due) in [
        ("2026-03-01T07:00:00.099Z", false),
        ("2026-03-01T07:00:00.100Z", true),
        ("2026-03-01T06:58:55.100Z", false),
        ("2026-03-01T06:58:55.099Z", true),
        ("2026-03-01T06:00:00Z", true),
    ] {
        let reply = story.moment(now).decide(Action::LeaseAttempt).reply;
        assert_eq!(reply == Reply::Lease(LeaseReply::Leased(2)), is_due, "{now}");
    }
}

/// Every moment around the end, every clock, and a header that is right: F says a proven fact, and S is for those who came in time. A clock
/// that is up to five minutes behind is the only one that says S a little too late.
#[test]
fn f63_no_clock_refuses_what_came_in_time_or_cancels_what_came_too_late() {
    let seconds = [-90_000, -3_600, -301, -300, -299, -60, -1, 0, 1, 60, 299, 300, 301, 3_600, 90_000];
    let clocks = [-90_000, -3_600, -301, -300, -60, -1, 0, 1, 60, 300, 301, 3_600, 90_000];
    let mut doubtful = 0;
    for came in seconds {
        for ahead in clocks {
            let moment = |offset: i64| (at(END) + TimeDelta::seconds(offset)).to_rfc3339();
            let mut story = paid(FundsKind::Ledger);
            let answer = story.is_asked(&moment(came + ahead), &moment(came));
            let in_time = came < 0;
            assert!(answer == U || in_time || answer == f(OVER) || (-300..0).contains(&ahead), "S, {came} by a clock {ahead}");
            assert!(answer == U || !in_time || answer == S, "{answer:?}, {came} by a clock {ahead}");
            doubtful += usize::from(answer == U);
            // Once the clock is right, each has the answer of its moment.
            let right = if in_time { S } else { f(OVER) };
            let judged = story.is_judged(&moment(came));
            assert!(judged == right || judged == answer && answer == S, "{judged:?}, {came} by a clock {ahead}");
        }
    }
    assert!(doubtful > 0);
}
