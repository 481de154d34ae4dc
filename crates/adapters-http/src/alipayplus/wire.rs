//! Answers as they stand on the wire. Every code that leaves the callback is in this file.

use chrono::{DateTime, FixedOffset, SecondsFormat, Utc};
use domain::{Answer, Refusal};
use use_cases::{CancelAnswer, OverloadedError};

/// The three members of `result`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct WireResult {
    /// At most 64 characters.
    pub(super) code: &'static str,
    /// `S`, `F` or `U`.
    pub(super) status: &'static str,
    /// For people; never repeats anything of the request.
    pub(super) message: &'static str,
}

impl WireResult {
    /// The response's body, byte for byte what is signed. No member needs escaping.
    pub(super) fn body(self) -> String {
        let Self { code, status, message } = self;
        format!(r#"{{"result":{{"resultCode":"{code}","resultStatus":"{status}","resultMessage":"{message}"}}}}"#)
    }
}

fn success() -> WireResult {
    WireResult { code: "SUCCESS", status: "S", message: "Success" }
}

fn failure(code: &'static str, message: &'static str) -> WireResult {
    WireResult { code, status: "F", message }
}

fn unknown(code: &'static str, message: &'static str) -> WireResult {
    WireResult { code, status: "U", message }
}

/// What a verified cancel is answered.
pub(super) fn of_answer(answer: Result<CancelAnswer, OverloadedError>) -> WireResult {
    match answer.map(|known| known.answer) {
        Ok(Answer::Cancelled) => success(),
        Ok(Answer::Refused(refusal)) => failure(refusal.code().as_str(), why(refusal)),
        Ok(Answer::Pending) => unknown("UNKNOWN_EXCEPTION", "The result is not known yet"),
        Err(OverloadedError) => unknown("REQUEST_TRAFFIC_EXCEED_LIMIT", "Too many requests are waiting"),
    }
}

fn why(refusal: Refusal) -> &'static str {
    match refusal {
        Refusal::DifferentRequest => "The payment belongs to another acquirer",
        Refusal::PeriodOver(_) => "The cancellable period is over",
        Refusal::PartlyRefunded => "The payment is partly refunded",
        Refusal::NeverReceived => "The payment was never received",
    }
}

/// Why a request is refused at the door, in order of precedence.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum DoorRefusal {
    /// Not POST.
    Method,
    /// A body that does not say it is JSON in UTF-8.
    MediaType,
    /// `Client-Id` is missing or unknown.
    Client,
    /// `Signature` is missing, malformed or of another algorithm.
    SignatureHeader,
    /// The client has no such key, or none in force.
    Key,
    /// `Request-Time` is missing, or one of the three headers stands there twice.
    Headers,
    /// The signature is not the client's over this request.
    Signature,
    /// `Request-Time` is too far away.
    NotFresh,
    /// The body is not what the API asks for.
    Message,
    /// `pspId` is another wallet's.
    Psp,
}

impl DoorRefusal {
    /// Whether the signature was good, so that it is known who asks.
    pub(super) fn is_verified(self) -> bool {
        match self {
            Self::NotFresh | Self::Message | Self::Psp => true,
            Self::Method | Self::MediaType | Self::Client | Self::SignatureHeader => false,
            Self::Key | Self::Headers | Self::Signature => false,
        }
    }
}

/// What a request that is refused at the door is answered.
pub(super) fn of_refusal(refusal: DoorRefusal) -> WireResult {
    match refusal {
        DoorRefusal::Method => failure("METHOD_NOT_SUPPORTED", "The method must be POST"),
        DoorRefusal::MediaType => failure("MEDIA_TYPE_NOT_ACCEPTABLE", "The media type must be application/json in UTF-8"),
        DoorRefusal::Client => failure("INVALID_CLIENT", "The client is not known"),
        DoorRefusal::SignatureHeader => failure("INVALID_SIGNATURE", "The Signature header is missing or malformed"),
        DoorRefusal::Key => failure("KEY_NOT_FOUND", "The client has no such key in force"),
        DoorRefusal::Headers => failure("PARAM_ILLEGAL", "A required header is missing or doubled"),
        DoorRefusal::Signature => failure("INVALID_SIGNATURE", "The signature is wrong"),
        DoorRefusal::NotFresh => unknown("UNKNOWN_EXCEPTION", "The request time is too far away"),
        DoorRefusal::Message => failure("PARAM_ILLEGAL", "The body is not a valid cancelPayment request"),
        DoorRefusal::Psp => failure("ACCESS_DENIED", "The pspId is not served here"),
    }
}

/// UTC+8, the zone of all of Alipay+'s samples.
const ZONE: FixedOffset = match FixedOffset::east_opt(8 * 3600) {
    Some(zone) => zone,
    None => unreachable!(),
};

/// `Response-Time`, in whole seconds: the answers of one second are the same text, so that one signature serves them all.
pub(super) fn response_time(now: DateTime<Utc>) -> String {
    now.with_timezone(&ZONE).to_rfc3339_opts(SecondsFormat::Secs, false)
}

#[cfg(test)]
mod tests {
    use domain::RefusalCode;

    use super::*;

    #[test]
    fn a_success_has_exactly_these_bytes() {
        let body = of_answer(Ok(CancelAnswer { answer: Answer::Cancelled, rule: None })).body();
        assert_eq!(body, r#"{"result":{"resultCode":"SUCCESS","resultStatus":"S","resultMessage":"Success"}}"#);
    }

    #[test]
    fn doubt_is_u_and_every_refusal_is_f_with_its_recorded_code() {
        let answered = |answer| of_answer(Ok(CancelAnswer { answer, rule: None }));
        let short = |WireResult { code, status, .. }| (code, status);
        assert_eq!(short(answered(Answer::Pending)), ("UNKNOWN_EXCEPTION", "U"));
        assert_eq!(short(of_answer(Err(OverloadedError))), ("REQUEST_TRAFFIC_EXCEED_LIMIT", "U"));
        for (refusal, code) in [
            (Refusal::DifferentRequest, "PARAM_ILLEGAL"),
            (Refusal::PeriodOver(RefusalCode::ProcessFail), "PROCESS_FAIL"),
            (Refusal::PeriodOver(RefusalCode::CancelWindowExceed), "CANCEL_WINDOW_EXCEED"),
            (Refusal::PartlyRefunded, "PROCESS_FAIL"),
            (Refusal::NeverReceived, "ORDER_NOT_EXIST"),
        ] {
            assert_eq!(short(answered(Answer::Refused(refusal))), (code, "F"));
        }
    }

    #[test]
    fn the_response_time_is_told_in_whole_seconds_at_utc_plus_8() {
        let at = |text: &str| response_time(text.parse().unwrap());
        assert_eq!(at("2026-01-01T19:04:06.999Z"), "2026-01-02T03:04:06+08:00");
        assert_eq!(at("2024-02-28T16:00:00Z"), "2024-02-29T00:00:00+08:00");
    }
}
