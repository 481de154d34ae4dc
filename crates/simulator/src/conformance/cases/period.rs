//! The cancellable period. Cases choose when a payment was initiated so that what is right does not depend on the time of day; the
//! one that does depend on it computes what is right now.

use chrono::{DateTime, Datelike, Days, FixedOffset, NaiveTime, TimeDelta, Utc};
use tokio::time::sleep;

use crate::clock::ZONE;
use crate::conformance::bench::{Bench, Staged};
use crate::conformance::case::{Case, Needs, Running};
use crate::conformance::rules;
use crate::suite::verdict::{CaseError, check};

/// How far two clocks may differ, so that nothing is asked closer than that to a moment at which the right answer changes.
const CLOCKS_DIFFER_BY: TimeDelta = TimeDelta::seconds(10);

/// The beginning of a day at UTC+8, so many days ago by the wallet's clock.
fn day(t: &Bench, days_ago: u64) -> DateTime<FixedOffset> {
    let today = t.now().with_timezone(&ZONE).date_naive();
    let date = today.checked_sub_days(Days::new(days_ago)).unwrap_or(today);
    // At a fixed offset every local time exists once.
    date.and_time(NaiveTime::MIN).and_local_timezone(ZONE).earliest().unwrap_or_default()
}

/// Noon of that day at UTC+8.
fn end_of_month_before_last(t: &Bench) -> DateTime<FixedOffset> {
    let today = t.now().with_timezone(&ZONE).date_naive();
    let before_this_month = u64::from(today.day());
    let of_last_month = today.checked_sub_days(Days::new(before_this_month)).unwrap_or(today);
    day(t, before_this_month + u64::from(of_last_month.day())) + TimeDelta::hours(12)
}

/// The last millisecond of a day.
fn end_of_day(t: &Bench, days_ago: u64) -> DateTime<FixedOffset> {
    day(t, days_ago) + TimeDelta::days(1) - TimeDelta::milliseconds(1)
}

/// When a payment can no longer be cancelled.
fn closes(initiated_at: DateTime<FixedOffset>) -> DateTime<Utc> {
    let midnight = initiated_at.with_timezone(&ZONE).date_naive().and_time(NaiveTime::MIN) + TimeDelta::days(1);
    (midnight + TimeDelta::minutes(30) - TimeDelta::hours(8)).and_utc()
}

/// A payment that is yet to be announced, initiated then.
fn initiated(t: &Bench, at: DateTime<FixedOffset>) -> Staged {
    t.payment().with(|payment| payment.initiated_at = at.to_rfc3339())
}

/// A paid payment that was initiated then has to be cancelled, or not any more, as of now.
fn judged_now(t: Bench, initiated_at: fn(&Bench) -> DateTime<FixedOffset>) -> Running {
    Box::pin(async move {
        let at = initiated_at(&t);
        let payment = initiated(&t, at).paid().await?;
        let left = closes(at) - t.now();
        if left.abs() < CLOCKS_DIFFER_BY {
            sleep((left + CLOCKS_DIFFER_BY).to_std().unwrap_or_default()).await;
        }
        if t.now() < closes(at) {
            payment.cancelled().await?;
            payment.is_back_once().await
        } else {
            payment.cancel_is(&t.terms().period_over).await?;
            payment.is_kept().await
        }
    })
}

/// What the contract says, as long as it is F.
fn period_over(t: &Bench) -> Result<String, CaseError> {
    let brief = t.terms().period_over.clone();
    check(brief.starts_with("F "), || format!("{brief} is no refusal"))?;
    Ok(brief)
}

pub(crate) static CASES: &[Case] = &[
    Case {
        name: "initiated-now",
        needs: Needs::Driver,
        sends: "a cancel of a payment that was initiated a moment ago",
        expects: "S, and the money is back",
        because: &rules::PERIOD,
        run: |t| {
            Box::pin(async move {
                let payment = t.paid().await?;
                payment.cancelled().await?;
                payment.is_back_once().await
            })
        },
    },
    Case {
        name: "initiated-as-the-day-began",
        needs: Needs::Driver,
        sends: "a cancel of a payment that was initiated at 00:00 of the present day at UTC+8",
        expects: "S, and the money is back",
        because: &rules::PERIOD,
        run: |t| judged_now(t, |t| day(t, 0)),
    },
    Case {
        name: "initiated-as-the-day-began-told-in-utc",
        needs: Needs::Driver,
        sends: "a cancel of the same kind of payment, its initiation told in UTC, where it is still the day before",
        expects: "S, and the money is back",
        because: &rules::DAY,
        run: |t| judged_now(t, |t| day(t, 0).with_timezone(&FixedOffset::west_opt(0).unwrap_or(ZONE))),
    },
    Case {
        name: "initiated-as-yesterday-ended",
        needs: Needs::Driver,
        sends: "a cancel of a payment that was initiated in the last millisecond of yesterday at UTC+8",
        expects: "before 00:30 S, and the money is back; from then on F, and nothing moves",
        because: &rules::PERIOD,
        run: |t| judged_now(t, |t| end_of_day(t, 1)),
    },
    Case {
        name: "initiated-as-yesterday-began",
        needs: Needs::Driver,
        sends: "a cancel of a payment that was initiated at 00:00 of yesterday at UTC+8",
        expects: "before 00:30 S, and the money is back; from then on F, and nothing moves",
        because: &rules::PERIOD,
        run: |t| judged_now(t, |t| day(t, 1)),
    },
    Case {
        name: "initiated-two-days-ago",
        needs: Needs::Driver,
        sends: "a cancel of a payment that was initiated in the last millisecond of the day before yesterday",
        expects: "F, and nothing moves",
        because: &rules::PERIOD_OVER,
        run: |t| judged_now(t, |t| end_of_day(t, 2)),
    },
    Case {
        name: "initiated-two-days-ago-told-far-in-the-east",
        needs: Needs::Driver,
        sends: "a cancel of the same kind of payment, its initiation told at UTC+14, where it was the day after",
        expects: "F, and nothing moves",
        because: &rules::DAY,
        run: |t| judged_now(t, |t| end_of_day(t, 2).with_timezone(&FixedOffset::east_opt(14 * 3600).unwrap_or(ZONE))),
    },
    Case {
        name: "initiated-at-the-end-of-a-month",
        needs: Needs::Driver,
        sends: "a cancel of a payment that was initiated on the last day of the month before last",
        expects: "F, and nothing moves",
        because: &rules::PERIOD_OVER,
        run: |t| judged_now(t, end_of_month_before_last),
    },
    Case {
        name: "initiated-in-a-moment",
        needs: Needs::Driver,
        sends: "a cancel of a payment whose initiation is two minutes ahead by the wallet's clock",
        expects: "S, and the money is back: clocks differ",
        because: &rules::DUTY,
        run: |t| {
            Box::pin(async move {
                let at = t.now().with_timezone(&ZONE) + TimeDelta::minutes(2);
                let payment = initiated(&t, at).paid().await?;
                payment.cancelled().await?;
                payment.is_back_once().await
            })
        },
    },
    Case {
        name: "period-is-over-for-an-authorization",
        needs: Needs::Driver,
        sends: "a cancel of an authorization that was initiated two days ago",
        expects: "F, and what is held stays held",
        because: &rules::PERIOD_OVER,
        run: |t| {
            Box::pin(async move {
                let payment = initiated(&t, day(&t, 2)).with(|payment| payment.authorization = true).paid().await?;
                payment.cancel_is(&period_over(&t)?).await?;
                payment.is_kept().await
            })
        },
    },
    Case {
        name: "period-is-over-for-a-payment-in-progress",
        needs: Needs::Driver,
        sends: "a cancel of a payment in progress that was initiated two days ago, and then its success",
        expects: "F; the success stands, and the money stays taken",
        because: &rules::PERIOD,
        run: |t| {
            Box::pin(async move {
                let payment = initiated(&t, day(&t, 2));
                payment.announced("proceed").await?;
                payment.cancel_is(&period_over(&t)?).await?;
                payment.reported("S", "stands").await?;
                payment.is_kept().await
            })
        },
    },
    Case {
        name: "period-is-over-for-a-failed-payment",
        needs: Needs::Driver,
        sends: "a cancel of a failed payment that was initiated two days ago",
        expects: "F, and nothing moves",
        because: &rules::PERIOD,
        run: |t| {
            Box::pin(async move {
                let payment = initiated(&t, day(&t, 2));
                payment.announced("proceed").await?;
                payment.reported("F", "stands").await?;
                payment.cancel_is(&period_over(&t)?).await?;
                payment.is_untouched().await
            })
        },
    },
    Case {
        name: "period-is-over-every-time",
        needs: Needs::Driver,
        sends: "a cancel of a payment that was initiated two days ago, three times",
        expects: "the same F three times, and nothing moves",
        because: &rules::SAME_RESULT,
        run: |t| {
            Box::pin(async move {
                let payment = initiated(&t, day(&t, 2)).paid().await?;
                let refusal = period_over(&t)?;
                for _ in 0..3 {
                    payment.cancel_is(&refusal).await?;
                }
                payment.is_kept().await
            })
        },
    },
    Case {
        name: "refund-after-the-period",
        needs: Needs::Driver,
        sends: "a cancel of a payment that was initiated two days ago, and then a full refund",
        expects: "F; the refund proceeds, and the money is back by it",
        because: &rules::REFUND_LATER,
        run: |t| {
            Box::pin(async move {
                let payment = initiated(&t, day(&t, 2)).paid().await?;
                payment.cancel_is(&period_over(&t)?).await?;
                payment.refunded(1_200).await?;
                payment.is_back_once().await
            })
        },
    },
    Case {
        name: "old-payment-that-comes-after-its-cancel",
        needs: Needs::Driver,
        sends: "a cancel, and then the announcement of a payment that was initiated two days ago",
        expects: "the wallet is told closed, and Alipay+ the same answer as before",
        because: &rules::SAME_RESULT,
        run: |t| {
            Box::pin(async move {
                let payment = initiated(&t, day(&t, 2));
                t.expect_taken(t.cancel_request(payment.id())?).await?;
                payment.announced("closed").await?;
                t.expect_taken(t.cancel_request(payment.id())?).await?;
                payment.is_untouched().await
            })
        },
    },
];
