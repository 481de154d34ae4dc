//! Until when a payment can be cancelled.

use chrono::{DateTime, Days, NaiveDateTime, NaiveTime, Offset, TimeDelta, TimeZone, Utc};
use chrono_tz::Tz;

/// Settings allow seven days of grace; beyond this many nobody looks for payments.
const LONGEST_GRACE_IN_DAYS: u32 = 30;

/// The cancellable period: from the payment's initiation until a time of the next day, in a zone of its own (00:30 at UTC+8 in
/// the Alipay+ contract). The host's zone plays no part.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CancellablePeriod {
    /// The local time of the next day at which it ends.
    pub closes_next_day_at: NaiveTime,
    /// The zone in which days begin.
    pub zone: Tz,
    /// Added to the end, where a contract says "at least until" or after an outage.
    pub grace: TimeDelta,
}

impl CancellablePeriod {
    /// The first moment that is too late for a payment initiated at `initiated_at`.
    #[must_use]
    pub fn end(&self, initiated_at: DateTime<Utc>) -> DateTime<Utc> {
        let day = initiated_at.with_timezone(&self.zone).date_naive();
        let next = day.checked_add_days(Days::new(1)).unwrap_or(day);
        self.instant(next.and_time(self.closes_next_day_at)) + self.grace
    }

    /// The first moment of a day whose payments can still be cancelled at `now`. Those of every later moment can be, too.
    #[must_use]
    pub fn oldest_cancellable(&self, now: DateTime<Utc>) -> DateTime<Utc> {
        let mut day = now.with_timezone(&self.zone).date_naive();
        // A day ends no earlier than the day before it. So many days are longer than any grace.
        for _ in 0..LONGEST_GRACE_IN_DAYS {
            let Some(before) = day.pred_opt() else { break };
            if self.end(self.instant(before.and_time(NaiveTime::MIN))) <= now {
                break;
            }
            day = before;
        }
        self.instant(day.and_time(NaiveTime::MIN))
    }

    /// Whether a cancel received at `received_at` is in time. The end is exclusive and there is no lower bound: a cancel that
    /// comes before the payment's own clock says so is not the user's fault.
    #[must_use]
    pub fn includes(&self, initiated_at: DateTime<Utc>, received_at: DateTime<Utc>) -> bool {
        received_at < self.end(initiated_at)
    }

    /// The later reading where a clock change repeats a local time, and the offset of the day before where it skips one: both
    /// err on the user's side.
    fn instant(&self, local: NaiveDateTime) -> DateTime<Utc> {
        self.zone.from_local_datetime(&local).latest().map_or_else(
            || {
                let before = self.zone.offset_from_utc_datetime(&(local - TimeDelta::days(1))).fix();
                (local - before).and_utc()
            },
            |at| at.to_utc(),
        )
    }
}
