//! When a message was sent, by its signed `Request-Time`, and the optional check that it is not an old one.

use chrono::{DateTime, TimeDelta, Utc};

/// Whether `Request-Time` is at most `tolerance` away from `now`, on either side. A time that cannot be read is not fresh.
pub(super) fn is_fresh(request_time: Option<DateTime<Utc>>, now: DateTime<Utc>, tolerance: TimeDelta) -> bool {
    request_time.is_some_and(|claimed| claimed.signed_duration_since(now).abs() <= tolerance)
}

/// Every form that client libraries of Alipay+ send: RFC 3339 with any fraction, an offset without a colon, and milliseconds since
/// 1970 as plain digits.
pub(super) fn read(time: &[u8]) -> Option<DateTime<Utc>> {
    let text = std::str::from_utf8(time).ok()?;
    if !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit()) {
        return DateTime::from_timestamp_millis(text.parse().ok()?);
    }
    let rfc3339 = DateTime::parse_from_rfc3339(text);
    let read = rfc3339.or_else(|_| DateTime::parse_from_str(text, "%Y-%m-%dT%H:%M:%S%.f%z"));
    read.ok().map(|time| time.to_utc())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_that_clients_send_can_be_read() {
        for (form, milliseconds) in [
            ("2019-05-28T12:12:12+08:00", 1_559_016_732_000),
            ("2025-02-20T08:51:49.09Z", 1_740_041_509_090),
            ("2024-05-22T06:42:21+05:30", 1_716_340_341_000),
            ("2026-11-23T02:02:07+00:00", 1_795_399_327_000),
            ("2026-11-23T02:02:07.1234567Z", 1_795_399_327_123),
            ("2026-11-23T02:02:07.123456789123Z", 1_795_399_327_123),
            ("2026-11-23T10:02:07+0800", 1_795_399_327_000),
            ("2026-11-23T10:02:07.5+0800", 1_795_399_327_500),
            ("1795399327123", 1_795_399_327_123),
        ] {
            assert_eq!(read(form.as_bytes()).map(|time| time.timestamp_millis()), Some(milliseconds), "{form}");
        }
    }

    #[test]
    fn a_text_that_is_not_a_time_is_not_fresh() {
        let now = DateTime::from_timestamp_millis(0).unwrap();
        let forms = [
            "",
            "-1",
            "2026-11-23",
            "2026-11-23T02:02:07",
            "2026-02-30T00:00:00Z",
            "99999999999999999999",
            "9223372036854775807",
        ];
        for form in forms.map(str::as_bytes).into_iter().chain([b"\xff".as_slice()]) {
            assert!(!is_fresh(read(form), now, TimeDelta::MAX), "{form:?}");
        }
    }

    #[test]
    fn a_message_is_fresh_up_to_the_tolerance_on_either_side() {
        let now = DateTime::from_timestamp_millis(1_000_000).unwrap();
        let tolerance = TimeDelta::milliseconds(500);
        for (time, fresh) in [("999499", false), ("999500", true), ("1000000", true), ("1000500", true), ("1000501", false)] {
            assert_eq!(is_fresh(read(time.as_bytes()), now, tolerance), fresh, "{time}");
        }
    }
}
