//! Times in JSON: RFC 3339.

use chrono::{DateTime, Datelike, SecondsFormat, Timelike, Utc};

/// In UTC; with microseconds unless they are zero.
pub(crate) fn format(at: DateTime<Utc>) -> String {
    let precision = if at.nanosecond() < 1_000 { SecondsFormat::Secs } else { SecondsFormat::Micros };
    at.to_rfc3339_opts(precision, true)
}

/// A time with an offset, of the years 0 to 9999. It is cut to microseconds, as the database does: a repeat of the same text has to be
/// the same moment.
pub(crate) fn parse(text: &str) -> Option<DateTime<Utc>> {
    let at = DateTime::parse_from_rfc3339(text).ok()?;
    DateTime::from_timestamp_micros(at.timestamp_micros()).filter(|at| (0..=9999).contains(&at.year()))
}
