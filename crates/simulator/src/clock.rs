//! The only clock.

use chrono::{DateTime, FixedOffset, SecondsFormat, Utc};

/// Alipay+'s zone, which has no summer time.
pub(crate) const ZONE: FixedOffset = match FixedOffset::east_opt(8 * 3600) {
    Some(zone) => zone,
    None => unreachable!(),
};

/// The machine's clock.
#[expect(clippy::disallowed_methods, reason = "this is the program's only clock")]
pub(crate) fn now() -> DateTime<Utc> {
    Utc::now()
}

/// A moment as `Request-Time` has it, such as `2026-03-01T12:00:00+08:00`.
pub(crate) fn request_time(at: DateTime<Utc>) -> String {
    at.with_timezone(&ZONE).to_rfc3339_opts(SecondsFormat::Secs, false)
}
