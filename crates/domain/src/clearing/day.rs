//! The clearing cycle of Alipay+: a day at UTC+8, whatever zone the cancellable period or the host has.

use std::fmt;

use chrono::{DateTime, NaiveDate, NaiveTime, SecondsFormat, TimeDelta, Utc};
use chrono_tz::Etc;

use crate::Policy;

/// One clearing cycle: from 00:00:00 to 23:59:59 at UTC+8. A payment or a refund is cleared by the moment it completed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ClearingDay(NaiveDate);

/// The text is not a day of the calendar.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClearingDayError;

impl fmt::Display for ClearingDayError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("must be a day in the form YYYY-MM-DD, such as 2026-03-01")
    }
}

impl std::error::Error for ClearingDayError {}

/// How far the cycle's days are ahead of UTC.
const AHEAD: TimeDelta = TimeDelta::hours(8);

impl ClearingDay {
    /// Takes a date in the form YYYY-MM-DD.
    ///
    /// # Errors
    /// [`ClearingDayError`] for any other text, and for a date that no calendar has.
    pub fn parse(text: &str) -> Result<Self, ClearingDayError> {
        let plain = text.len() == 10 && text.bytes().all(|b| b.is_ascii_digit() || b == b'-');
        let date = if plain { NaiveDate::parse_from_str(text, "%Y-%m-%d").ok() } else { None };
        date.map(Self).ok_or(ClearingDayError)
    }

    /// The day that a moment belongs to.
    #[must_use]
    pub fn of(at: DateTime<Utc>) -> Self {
        Self(at.checked_add_signed(AHEAD).unwrap_or(at).date_naive())
    }

    /// A moment as the cycle's clock shows it, in RFC 3339 at UTC+8, to the microsecond where it is not a whole second.
    #[must_use]
    pub fn cycle_time(at: DateTime<Utc>) -> String {
        let precision = if at.timestamp_subsec_micros() == 0 { SecondsFormat::Secs } else { SecondsFormat::Micros };
        at.with_timezone(&Etc::GMTMinus8).to_rfc3339_opts(precision, false)
    }

    /// Its first moment.
    #[must_use]
    pub fn begins(&self) -> DateTime<Utc> {
        let midnight = self.0.and_time(NaiveTime::MIN).and_utc();
        midnight.checked_sub_signed(AHEAD).unwrap_or(midnight)
    }

    /// The first moment of the day after it.
    #[must_use]
    pub fn ends(&self) -> DateTime<Utc> {
        let begins = self.begins();
        begins.checked_add_signed(TimeDelta::days(1)).unwrap_or(begins)
    }

    /// The day after it.
    #[must_use]
    pub fn next(&self) -> Self {
        Self::of(self.ends())
    }

    /// The day before it; the first day of the calendar has none.
    #[must_use]
    pub fn previous(&self) -> Option<Self> {
        self.0.pred_opt().map(Self)
    }
}

impl fmt::Display for ClearingDay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.format("%Y-%m-%d").fmt(f)
    }
}

/// What the closing of a day takes in: what completed on that day, and what completed on closed days before it without their
/// statements knowing of it. Of those only the ones that the day follows without an open day in between, because what a closed day
/// missed settles in the next open one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DayClosing {
    /// The first of the days that are taken in; the same as `day` where the day before it is open.
    pub first: ClearingDay,
    /// The day that is closed.
    pub day: ClearingDay,
}

impl DayClosing {
    /// The closing of `day`, where `closed` are the days before it that are closed, the latest first.
    #[must_use]
    pub fn following(day: ClearingDay, closed: impl IntoIterator<Item = ClearingDay>) -> Self {
        let mut first = day;
        for known in closed {
            if first.previous() != Some(known) {
                break;
            }
            first = known;
        }
        Self { first, day }
    }

    /// Whether something that completed at that moment is taken in, unless a day has accounted for it already.
    #[must_use]
    pub fn takes(&self, completed_at: DateTime<Utc>) -> bool {
        (self.first..=self.day).contains(&ClearingDay::of(completed_at))
    }
}

/// The moment from which a day can be closed: it is over, and so is the cancellable period, with its grace, of everything that was
/// initiated until its end.
#[must_use]
pub fn cutoff(policy: &Policy, day: ClearingDay) -> DateTime<Utc> {
    let last = day.ends() - TimeDelta::microseconds(1);
    policy.period.end(last).max(day.ends())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(text: &str) -> ClearingDay {
        ClearingDay::parse(text).unwrap()
    }

    fn at(text: &str) -> DateTime<Utc> {
        DateTime::parse_from_rfc3339(text).unwrap().to_utc()
    }

    #[test]
    fn f27_a_cycle_goes_from_midnight_to_midnight_at_utc_plus_8() {
        let march = day("2026-03-01");
        assert_eq!((march.begins(), march.ends()), (at("2026-02-28T16:00:00Z"), at("2026-03-01T16:00:00Z")));
        for (moment, of) in [
            ("2026-03-01T00:00:00+08:00", "2026-03-01"),
            ("2026-03-01T23:59:59.999999+08:00", "2026-03-01"),
            ("2026-03-02T00:00:00+08:00", "2026-03-02"),
            ("2026-03-01T23:30:00-05:00", "2026-03-02"),
            ("2024-02-29T15:59:59Z", "2024-02-29"),
            ("2024-12-31T16:00:00Z", "2025-01-01"),
        ] {
            assert_eq!(ClearingDay::of(at(moment)), day(of), "{moment}");
        }
        assert_eq!((day("2026-03-01").previous(), day("2026-02-28").next()), (Some(day("2026-02-28")), day("2026-03-01")));
    }

    #[test]
    fn the_cycles_clock_is_at_utc_plus_8() {
        for (moment, shown) in [
            ("2026-02-28T16:00:00Z", "2026-03-01T00:00:00+08:00"),
            ("2026-03-01T10:00:00.000001+01:00", "2026-03-01T17:00:00.000001+08:00"),
            ("2026-03-01T15:59:59.5Z", "2026-03-01T23:59:59.500000+08:00"),
        ] {
            assert_eq!(ClearingDay::cycle_time(at(moment)), shown);
        }
    }

    #[test]
    fn a_day_has_one_spelling_only() {
        assert_eq!(ClearingDay::parse("2026-03-01").map(|day| day.to_string()).as_deref(), Ok("2026-03-01"));
        for bad in ["", "2026-3-1", "20260301", "2026-02-29", "2026-03-01 ", "+026-03-01", "2026-03-01T00:00", "２026-03-01"] {
            assert_eq!(ClearingDay::parse(bad), Err(ClearingDayError), "{bad:?}");
        }
    }

    #[test]
    fn a_closing_reaches_back_over_closed_days_to_the_first_open_one() {
        let first_after = |closed: &[&str]| DayClosing::following(day("2026-03-03"), closed.iter().map(|text| day(text))).first;
        assert_eq!(first_after(&[]), day("2026-03-03"));
        assert_eq!(first_after(&["2026-03-01", "2026-02-28"]), day("2026-03-03"), "the day before is open");
        assert_eq!(first_after(&["2026-03-02"]), day("2026-03-02"));
        assert_eq!(first_after(&["2026-03-02", "2026-03-01", "2026-02-27"]), day("2026-03-01"));
    }

    #[test]
    fn a_closing_takes_in_its_days_to_the_microsecond() {
        let closing = DayClosing { first: day("2026-02-27"), day: day("2026-03-01") };
        for (moment, taken) in [
            ("2026-02-26T15:59:59.999999Z", false),
            ("2026-02-26T16:00:00Z", true),
            ("2026-03-01T15:59:59.999999Z", true),
            ("2026-03-01T16:00:00Z", false),
        ] {
            assert_eq!(closing.takes(at(moment)), taken, "{moment}");
        }
    }
}
