//! What the protocol says, line by line, with the public page that says it. The pages' addresses begin with
//! docs.alipayplus.com/alipayplus/alipayplus/ or, for those of `hk`, with docs.alipay.hk/alipayhkdocs/; another host is written out.

use crate::suite::case::{Basis, Rule};

const fn documented(page: &'static str, says: &'static str) -> Rule {
    Rule { basis: Basis::Documented, page, says }
}

const fn measured(page: &'static str, says: &'static str) -> Rule {
    Rule { basis: Basis::Measured, page, says }
}

const fn inferred(page: &'static str, says: &'static str) -> Rule {
    Rule { basis: Basis::Inferred, page, says }
}

const SIGNATURE: &str = "api_mpp/signature";
const OVERVIEW: &str = "api_mpp/api_overview";
const CANCEL: &str = "api_mpp/cancel_payment";
const GUIDE: &str = "pos_tap_mpp/cancel_a_payment";
const INQUIRY: &str = "api_mpp/inquiry_payment";
const RESPOND: &str = "integration_merchant_mode_mpp/respond_to_payment_inquiry";
const TIMEOUTS: &str = "api_mpp/timeout";
const IDEMPOTENCY: &str = "api_mpp/idempotency";
const AUTO_DEBIT: &str = "integration_auto_debit_mpp/cancel_payment";
const LATE: &str = "refund";
const CODES_HK: &str = "hk/amsapi/cancelPayment";
const HEADERS_HK: &str = "hk/gcmc/apifund";

// ---- Signature ----

pub(super) static SIGNED_ANSWER: Rule = documented(
    SIGNATURE,
    "the wallet signs its answer over the request's method and URI and the answer's client id, time and body",
);
pub(super) static SIGNED_REFUSAL: Rule =
    inferred(CANCEL, "an answer that has a result is signed, whatever the result is; an unsigned one is no answer to Alipay+");
pub(super) static ANSWER_HEADERS: Rule =
    documented(HEADERS_HK, "an answer carries Client-Id, Signature, Response-Time and Content-Type");
pub(super) static LOWER_CASE: Rule =
    measured(SIGNATURE, "some client libraries look for the answer's headers in lower case only");
pub(super) static EXACT_HEADER: Rule = measured(
    SIGNATURE,
    "some client libraries take the header's third member for the signature and skip the check unless it is one name and one value",
);
pub(super) static TIME_FORM: Rule = documented(SIGNATURE, "times are in ISO 8601 with their zone");
pub(super) static TIME_OPAQUE: Rule =
    measured(SIGNATURE, "client libraries write Request-Time in several forms, and each signs the form that it writes");
pub(super) static ENCODINGS: Rule = measured(
    SIGNATURE,
    "the signature is seen as percent-encoded standard base64, as that without the percent-encoding, and in the URL-safe alphabet",
);
pub(super) static HEADER_LIST: Rule =
    documented(OVERVIEW, "the Signature header is a list of members, written with and without spaces behind its commas");
pub(super) static ALGORITHM: Rule = documented(HEADERS_HK, "the algorithm's name is not case-sensitive");
pub(super) static ONLY_RSA: Rule = documented("release_mpp/release_note_mpp", "RSA256 is the only algorithm");
pub(super) static DEFAULT_KEY: Rule = documented(HEADERS_HK, "without keyVersion the client's newest key is meant");
pub(super) static KEY_NOT_FOUND: Rule = documented(CODES_HK, "KEY_NOT_FOUND, F: there is no such key");
pub(super) static INVALID_SIGNATURE: Rule = documented(CODES_HK, "INVALID_SIGNATURE, F: the signature is wrong");
pub(super) static SIGNED_TEXT: Rule = documented(
    SIGNATURE,
    "signed are method, space, URI, line feed, client id, full stop, time as in the header, full stop and body, and nothing else",
);
pub(super) static EXACT_BYTES: Rule = documented(
    SIGNATURE,
    "the body is signed byte for byte, whatever its layout: samples are compact, indented or over several lines",
);
pub(super) static QUERY_SIGNED: Rule = measured(SIGNATURE, "the signed URI includes the query, if there is one");
pub(super) static ABSOLUTE_FORM: Rule =
    measured(SIGNATURE, "some client libraries send the target in absolute form and sign its path");
pub(super) static HEADER_CASE: Rule = documented(OVERVIEW, "names of headers are not case-sensitive");
pub(super) static REQUIRED_HEADERS: Rule = documented(OVERVIEW, "Signature, Client-Id and Request-Time are required");
pub(super) static INVALID_CLIENT: Rule = documented(CODES_HK, "INVALID_CLIENT, F: the client is not known");
pub(super) static UNKNOWN_HEADERS: Rule =
    measured(OVERVIEW, "client libraries send more headers, such as Agent-Token, Key-Version and SDK-VERSION");

// ---- Message ----

pub(super) static POST: Rule = documented(OVERVIEW, "the method is POST; METHOD_NOT_SUPPORTED, F, answers any other");
pub(super) static MEDIA_TYPE: Rule =
    documented(OVERVIEW, "Content-Type is optional, and JSON in UTF-8; MEDIA_TYPE_NOT_ACCEPTABLE, F, answers any other");
pub(super) static ACCEPT: Rule =
    measured(OVERVIEW, "some client libraries send an Accept header that does not list JSON, and read JSON");
pub(super) static REQUIRED_MEMBERS: Rule =
    documented(CANCEL, "acquirerId, pspId and paymentRequestId are required; PARAM_ILLEGAL, F, answers what is illegal");
pub(super) static LENGTH: Rule = documented(CANCEL, "each of the three ids has at most 64 characters");
pub(super) static STRINGS: Rule = documented(CANCEL, "every scalar is a JSON string, and an empty string is not allowed");
pub(super) static RESULT: Rule = documented(
    CANCEL,
    "an answer is the member result with resultCode of at most 64 characters, resultStatus S, F or U, and resultMessage, and nothing else",
);
pub(super) static UNKNOWN_MEMBERS: Rule =
    inferred(CANCEL, "members that are not known yet are passed over, so that the message can grow");
pub(super) static ONE_READING: Rule =
    inferred(CANCEL, "a body that two parsers read in two ways is illegal: what is signed has to be what is done");
pub(super) static ACCESS_DENIED: Rule = inferred(CANCEL, "a pspId that is not this wallet's is answered ACCESS_DENIED, F");
pub(super) static TOO_LARGE: Rule = inferred(OVERVIEW, "a body that no cancel can have is refused before it is read: HTTP 413");
pub(super) static HTTP: Rule = inferred(OVERVIEW, "messages go over HTTP/1.1, and all that it allows a client to do");

// ---- Idempotency ----

pub(super) static SAME_RESULT: Rule = documented(CANCEL, "the same paymentRequestId gets the same result");
pub(super) static NO_TIME_LIMIT: Rule =
    documented(IDEMPOTENCY, "cancelPayment is idempotent by paymentRequestId alone, which is unique without a limit in time");
pub(super) static OTHER_ACQUIRER: Rule =
    inferred(IDEMPOTENCY, "an acquirerId that is not the payment's is answered PARAM_ILLEGAL, F, and changes nothing");
pub(super) static REFUSALS_FORGOTTEN: Rule = inferred(
    CANCEL,
    "a refusal at the door says something about the message and nothing about the payment, so it is not remembered",
);

// ---- States ----

pub(super) static DUTY: Rule = documented(
    GUIDE,
    "whatever the payment's status is, the cancellation has to succeed, timeouts and temporary trouble apart, and the full amount goes back",
);
pub(super) static NEVER_RECEIVED: Rule = documented(
    "docs.antom.com/ac/hk_auto_debit/paycancel",
    "SUCCESS is returned also where the transaction was never created, which is only true if it is not made afterwards",
);
pub(super) static LATE_SUCCESS: Rule =
    documented(LATE, "a success that is reported after the payment was closed or failed is cancelled, and the money goes back");
pub(super) static AUTHORIZATION: Rule =
    documented(GUIDE, "a voided authorization arrives as cancelPayment, and what is held is released");
pub(super) static FULL_ONLY: Rule =
    documented(GUIDE, "only the full amount can be cancelled; never more than what was paid goes back");
pub(super) static RUNNING_REFUND: Rule =
    inferred(CANCEL, "what is not known yet is answered UNKNOWN_EXCEPTION, U, and Alipay+ asks again");
pub(super) static CLOSED: Rule = documented(
    "integration_auto_debit_mpp/obtain_payment_results",
    "a cancelled payment is inquired as F ORDER_IS_CLOSED, also where S was told before",
);

// ---- Inquiries ----

pub(super) static INQUIRED: Rule = documented(
    RESPOND,
    "result is that of the call, S SUCCESS for a payment that exists; paymentResult is that of the payment: S SUCCESS, U PAYMENT_IN_PROCESS, or F with its reason",
);
pub(super) static NOT_EXIST: Rule = documented(RESPOND, "a payment that does not exist is answered by result F ORDER_NOT_EXIST");
pub(super) static PAID_MEMBERS: Rule =
    documented(INQUIRY, "of a payment that succeeded the answer has paymentId, paymentTime and paymentAmount");
pub(super) static NOT_ITS_OWN: Rule =
    inferred(INQUIRY, "an acquirer hears nothing of another one's payment: to it there is no such payment");
pub(super) static ONLY_ASKS: Rule =
    inferred(INQUIRY, "an inquiry changes nothing: what is inquired about goes on as if nobody had asked");
pub(super) static NOT_BEFORE: Rule = inferred(
    RESPOND,
    "a payment is closed once its cancel is answered S, and not before: until then it is what it was, or not known",
);
pub(super) static SAME_DOOR: Rule = documented(
    SIGNATURE,
    "an inquiry is signed as every message is, over its own path; what is refused says nothing of the payment",
);

// ---- Period ----

pub(super) static PERIOD: Rule = documented(
    GUIDE,
    "a payment can be cancelled from its initiation until 00:30 (UTC+8) of the next day, regardless of its status",
);
pub(super) static PERIOD_OVER: Rule =
    inferred(GUIDE, "outside of the period nothing moves, and the answer is F: PROCESS_FAIL, or what the contract says");
pub(super) static DAY: Rule = documented(AUTO_DEBIT, "days are counted at UTC+8");
pub(super) static REFUND_LATER: Rule =
    documented("integration_auto_debit_mpp/cancel_or_refund", "after the cancellable period money goes back by a refund");

// ---- Races, faults, security ----

pub(super) static RETRIES: Rule = documented(
    TIMEOUTS,
    "Alipay+ waits 8 s, drops the call, and repeats it with identical parameters; the effect is that of one call",
);
pub(super) static IN_TIME: Rule = documented(TIMEOUTS, "an answer has to be there within 8 s");
pub(super) static ONE_EFFECT: Rule = inferred(
    CANCEL,
    "however many calls arrive at once, they have one effect, and it is the same as if they had come one by one",
);
pub(super) static HALF_A_REQUEST: Rule = inferred(SIGNATURE, "what has not arrived whole is not signed, and so has no effect");
pub(super) static NO_GOSSIP: Rule =
    inferred(CANCEL, "an answer tells nothing to a caller who is not Alipay+, and repeats nothing of the request");
pub(super) static DIRECTION: Rule =
    documented(SIGNATURE, "requests are signed with Alipay+'s key and answers with the wallet's; neither stands for the other");
pub(super) static EXACT_IDS: Rule = inferred(IDEMPOTENCY, "an id is the text that it is, to the letter");
