//! Every result code of Alipay+ that Rescind sends or shows, and every message beside one.

use std::fmt;

use domain::{Answer, FailureReason, Inquiry, InquiryRule, Refusal};

/// A result's final word.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ResultStatus {
    /// Succeeded, for good.
    S,
    /// Failed, for good.
    F,
    /// Not known: Alipay+ asks again.
    U,
}

/// A code with the status that it always has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ResultCode {
    /// `resultCode`, at most 64 characters.
    pub name: &'static str,
    /// `resultStatus`
    pub status: ResultStatus,
}

/// The object `result` of a response.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ApiResult {
    /// `resultCode` and `resultStatus`.
    pub code: ResultCode,
    /// `resultMessage`, for people; never repeats anything of the request.
    pub message: &'static str,
}

const SUCCESS: ResultCode = ResultCode { name: "SUCCESS", status: ResultStatus::S };
const UNKNOWN_EXCEPTION: ResultCode = ResultCode { name: "UNKNOWN_EXCEPTION", status: ResultStatus::U };
const REQUEST_TRAFFIC_EXCEED_LIMIT: ResultCode = ResultCode { name: "REQUEST_TRAFFIC_EXCEED_LIMIT", status: ResultStatus::U };
const PAYMENT_IN_PROCESS: ResultCode = ResultCode { name: "PAYMENT_IN_PROCESS", status: ResultStatus::U };
const METHOD_NOT_SUPPORTED: ResultCode = failed("METHOD_NOT_SUPPORTED");
const MEDIA_TYPE_NOT_ACCEPTABLE: ResultCode = failed("MEDIA_TYPE_NOT_ACCEPTABLE");
const INVALID_CLIENT: ResultCode = failed("INVALID_CLIENT");
const INVALID_SIGNATURE: ResultCode = failed("INVALID_SIGNATURE");
const KEY_NOT_FOUND: ResultCode = failed("KEY_NOT_FOUND");
const PARAM_ILLEGAL: ResultCode = failed("PARAM_ILLEGAL");
const ACCESS_DENIED: ResultCode = failed("ACCESS_DENIED");
const PROCESS_FAIL: ResultCode = failed("PROCESS_FAIL");
const ORDER_NOT_EXIST: ResultCode = failed("ORDER_NOT_EXIST");
const ORDER_IS_CLOSED: ResultCode = failed("ORDER_IS_CLOSED");

/// Every code that an answer to Alipay+ can have: what they are counted by begins with 0 for each, so that an alert sees the first.
pub const ANSWERED: [ResultCode; 13] = [
    SUCCESS,
    UNKNOWN_EXCEPTION,
    REQUEST_TRAFFIC_EXCEED_LIMIT,
    METHOD_NOT_SUPPORTED,
    MEDIA_TYPE_NOT_ACCEPTABLE,
    INVALID_CLIENT,
    INVALID_SIGNATURE,
    KEY_NOT_FOUND,
    PARAM_ILLEGAL,
    ACCESS_DENIED,
    PROCESS_FAIL,
    failed("CANCEL_WINDOW_EXCEED"),
    ORDER_NOT_EXIST,
];

/// Every code that an answer to an inquiry can have: the payment's, or the call's where nothing is said of a payment.
pub const INQUIRED: [ResultCode; 7 + FailureReason::ALL.len()] = {
    let mut codes = [SUCCESS; 7 + FailureReason::ALL.len()];
    codes[1] = UNKNOWN_EXCEPTION;
    codes[2] = REQUEST_TRAFFIC_EXCEED_LIMIT;
    codes[3] = PAYMENT_IN_PROCESS;
    codes[4] = ORDER_NOT_EXIST;
    codes[5] = ORDER_IS_CLOSED;
    codes[6] = PROCESS_FAIL;
    let mut place = 0;
    while place < FailureReason::ALL.len() {
        codes[7 + place] = failed(FailureReason::ALL[place].as_str());
        place += 1;
    }
    codes
};

pub(super) const OVERLOADED: ApiResult = REQUEST_TRAFFIC_EXCEED_LIMIT.saying("Too many requests are waiting");
pub(super) const WRONG_METHOD: ApiResult = METHOD_NOT_SUPPORTED.saying("The method must be POST");
pub(super) const WRONG_MEDIA_TYPE: ApiResult =
    MEDIA_TYPE_NOT_ACCEPTABLE.saying("The media type must be application/json in UTF-8");
pub(super) const UNKNOWN_CLIENT: ApiResult = INVALID_CLIENT.saying("The client is not known");
pub(super) const MALFORMED_SIGNATURE: ApiResult = INVALID_SIGNATURE.saying("The Signature header is missing or malformed");
pub(super) const UNKNOWN_KEY: ApiResult = KEY_NOT_FOUND.saying("The client has no such key in force");
pub(super) const MALFORMED_HEADERS: ApiResult = PARAM_ILLEGAL.saying("A required header is missing or doubled");
pub(super) const WRONG_SIGNATURE: ApiResult = INVALID_SIGNATURE.saying("The signature is wrong");
pub(super) const NOT_FRESH: ApiResult = UNKNOWN_EXCEPTION.saying("The request time is too far away");
pub(super) const MALFORMED_CANCEL: ApiResult = PARAM_ILLEGAL.saying("The body is not a valid cancelPayment request");
pub(super) const MALFORMED_INQUIRY: ApiResult = PARAM_ILLEGAL.saying("The body is not a valid inquiryPayment request");
pub(super) const NOT_READ: ApiResult = UNKNOWN_EXCEPTION.saying("The payment could not be read");
pub(super) const OTHER_PSP: ApiResult = ACCESS_DENIED.saying("The pspId is not served here");

impl ResultStatus {
    /// The letter.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::S => "S",
            Self::F => "F",
            Self::U => "U",
        }
    }
}

impl ResultCode {
    const fn saying(self, message: &'static str) -> ApiResult {
        ApiResult { code: self, message }
    }
}

impl ApiResult {
    /// The body of a response that says nothing else, byte for byte what is signed.
    pub(super) fn body(self) -> String {
        format!(r#"{{"result":{self}}}"#)
    }
}

/// The object in JSON. No member needs escaping.
impl fmt::Display for ApiResult {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { code: ResultCode { name, status }, message } = self;
        let status = status.as_str();
        write!(f, r#"{{"resultCode":"{name}","resultStatus":"{status}","resultMessage":"{message}"}}"#)
    }
}

const fn failed(name: &'static str) -> ResultCode {
    ResultCode { name, status: ResultStatus::F }
}

/// The result of a cancel that was decided, or that no decision came for in time.
pub(crate) fn of_answer(answer: Answer) -> ApiResult {
    match answer {
        Answer::Cancelled => SUCCESS.saying("Success"),
        Answer::Refused(refusal) => of_refusal(refusal),
        Answer::Pending => UNKNOWN_EXCEPTION.saying("The result is not known yet"),
    }
}

fn of_refusal(refusal: Refusal) -> ApiResult {
    failed(refusal.code().as_str()).saying(match refusal {
        Refusal::DifferentRequest => "The payment belongs to another acquirer",
        Refusal::PeriodOver(_) => "The cancellable period is over",
        Refusal::PartlyRefunded => "The payment is partly refunded",
        Refusal::NeverReceived => "The payment was never received",
    })
}

/// What `inquiryPayment` has to say of a payment.
pub(crate) fn of_inquiry(inquiry: Inquiry) -> ResultCode {
    match inquiry {
        Inquiry::Closed => ORDER_IS_CLOSED,
        Inquiry::Paid => SUCCESS,
        Inquiry::InProcess => PAYMENT_IN_PROCESS,
        Inquiry::Failed(reason) => reason.map_or(PROCESS_FAIL, |reason| failed(reason.as_str())),
        Inquiry::Unknown => ORDER_NOT_EXIST,
    }
}

/// The result of an inquiry's call, and of the payment where there is one.
pub(super) fn of_inquiry_rule(rule: &InquiryRule) -> (ApiResult, Option<ApiResult>) {
    let inquiry = rule.inquiry();
    let (code, success) = (of_inquiry(inquiry), SUCCESS.saying("Success"));
    match inquiry {
        Inquiry::Unknown => (code.saying("There is no such payment"), None),
        Inquiry::Closed => (success, Some(code.saying("The payment is closed"))),
        Inquiry::Paid => (success, Some(success)),
        Inquiry::InProcess => (success, Some(code.saying("The payment has no final result yet"))),
        Inquiry::Failed(_) => (success, Some(code.saying("The payment failed"))),
    }
}

#[cfg(test)]
mod tests {
    use domain::RefusalCode;

    use super::*;

    #[test]
    fn a_success_has_exactly_these_bytes() {
        let body = of_answer(Answer::Cancelled).body();
        assert_eq!(body, r#"{"result":{"resultCode":"SUCCESS","resultStatus":"S","resultMessage":"Success"}}"#);
    }

    #[test]
    fn doubt_is_u_and_every_refusal_is_f_with_its_recorded_code() {
        let short = |ApiResult { code, .. }| (code.name, code.status);
        assert_eq!(short(of_answer(Answer::Pending)), ("UNKNOWN_EXCEPTION", ResultStatus::U));
        assert_eq!(short(OVERLOADED), ("REQUEST_TRAFFIC_EXCEED_LIMIT", ResultStatus::U));
        for (refusal, code) in [
            (Refusal::DifferentRequest, "PARAM_ILLEGAL"),
            (Refusal::PeriodOver(RefusalCode::ProcessFail), "PROCESS_FAIL"),
            (Refusal::PeriodOver(RefusalCode::CancelWindowExceed), "CANCEL_WINDOW_EXCEED"),
            (Refusal::PartlyRefunded, "PROCESS_FAIL"),
            (Refusal::NeverReceived, "ORDER_NOT_EXIST"),
        ] {
            assert_eq!(short(of_answer(Answer::Refused(refusal))), (code, ResultStatus::F));
        }
    }

    #[test]
    fn f92_every_code_of_an_inquiry_is_counted_from_0() {
        let reasons = FailureReason::ALL.iter().map(|reason| Some(*reason)).chain([None]);
        let inquiries = [Inquiry::Closed, Inquiry::Paid, Inquiry::InProcess, Inquiry::Unknown];
        let given = inquiries.into_iter().chain(reasons.map(Inquiry::Failed)).map(of_inquiry);
        let given: Vec<_> = given.chain([OVERLOADED.code, NOT_READ.code]).collect();
        assert!(given.iter().all(|code| INQUIRED.contains(code)), "{given:?}");
        assert!(INQUIRED.iter().all(|code| given.contains(code)), "{given:?}");
        let each: std::collections::BTreeSet<_> = INQUIRED.iter().map(|code| code.name).collect();
        assert_eq!(each.len(), INQUIRED.len());
    }

    #[test]
    fn f92_every_code_of_an_answer_is_counted_from_0() {
        let refusals = [
            Refusal::DifferentRequest,
            Refusal::PeriodOver(RefusalCode::ProcessFail),
            Refusal::PeriodOver(RefusalCode::CancelWindowExceed),
            Refusal::PartlyRefunded,
            Refusal::NeverReceived,
        ];
        let answers = refusals.map(Answer::Refused).into_iter().chain([Answer::Cancelled, Answer::Pending]).map(of_answer);
        let rejections = [
            OVERLOADED,
            WRONG_METHOD,
            WRONG_MEDIA_TYPE,
            UNKNOWN_CLIENT,
            MALFORMED_SIGNATURE,
            UNKNOWN_KEY,
            MALFORMED_HEADERS,
            WRONG_SIGNATURE,
            NOT_FRESH,
            MALFORMED_CANCEL,
            OTHER_PSP,
        ];
        let given: Vec<_> = answers.chain(rejections).map(|result| result.code).collect();
        assert!(given.iter().all(|code| ANSWERED.contains(code)), "{given:?}");
        assert!(ANSWERED.iter().all(|code| given.contains(code)), "{given:?}");
    }
}
