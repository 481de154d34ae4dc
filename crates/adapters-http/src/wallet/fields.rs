//! Checks of single members and parameters.

use chrono::{DateTime, Utc};
use domain::{IdentifierError, Payment};

use super::problem::ApiError;
use crate::timestamps;

/// The identifier, or an error that names the member it came in.
pub(super) fn identifier<T>(member: &str, parsed: Result<T, IdentifierError>) -> Result<T, ApiError> {
    parsed.map_err(|invalid| ApiError::not_acceptable(format!("{member}: {invalid}")))
}

/// A moment that is not in the future, as far as clocks agree: a result of the future would settle on a day that is far off.
pub(super) fn past(member: &str, text: &str, now: DateTime<Utc>) -> Result<DateTime<Utc>, ApiError> {
    let example = "such as 2026-03-01T09:15:00+08:00";
    let malformed = || ApiError::not_acceptable(format!("{member}: must be an RFC 3339 time with an offset, {example}"));
    let at = timestamps::parse(text).ok_or_else(malformed)?;
    if at - now > Payment::FURTHEST_AHEAD {
        return Err(ApiError::not_acceptable(format!("{member}: must not be more than 5 minutes ahead")));
    }
    Ok(at)
}

/// The moment at which a payment was initiated. One that is long ago is a zero of a programming language or a wrong clock, and every
/// cancel of it would come too late for good.
pub(super) fn initiated(member: &str, text: &str, now: DateTime<Utc>) -> Result<DateTime<Utc>, ApiError> {
    let at = past(member, text, now)?;
    if !Payment::can_be_initiated(at, now) {
        let days = Payment::OLDEST.num_days();
        return Err(ApiError::not_acceptable(format!("{member}: must not be more than {days} days back")));
    }
    Ok(at)
}
