//! `inquiryPayment`: message, handler and result.

use std::time::Duration;

use actix_web::HttpResponse;
use actix_web::web::Data;
use domain::{InquiryRule, PaidPayment, PspId};
use metrics::histogram;
use ports::MessageSigner;
use serde_json::Value;
use tracing::info;
use use_cases::{NoInquiryError, ReceivedInquiry, inquire};

use super::payment_ids::PaymentIds;
use crate::alipayplus::callback::{Callback, CallbackEndpoint, Outgoing, alipayplus_time};
use crate::alipayplus::result_codes::{self, ApiResult, MALFORMED_INQUIRY, NOT_READ, OVERLOADED};
use crate::alipayplus::signed::{Message, Signed};

/// How long an inquiry may take from its head's arrival until its answer is known, where `answer_budget` is not less; Alipay+
/// waits 5 s.
const BUDGET: Duration = Duration::from_secs(4);

/// The body of an `inquiryPayment` request.
#[derive(Debug, PartialEq, Eq)]
pub struct InquiryPayment(pub PaymentIds);

impl Message for InquiryPayment {
    const MALFORMED: ApiResult = MALFORMED_INQUIRY;

    fn parse(body: &[u8]) -> Option<Self> {
        PaymentIds::parse(body).map(Self)
    }

    fn psp_id(&self) -> &PspId {
        &self.0.psp_id
    }

    fn answer_budget(callback: &Callback) -> Duration {
        BUDGET.min(callback.answer_budget)
    }

    fn signer(callback: &Callback) -> &dyn MessageSigner {
        callback.inquiries.as_ref().map_or(callback.signer.as_ref(), |inquiries| inquiries.signer.as_ref())
    }
}

pub(super) async fn answer(endpoint: Data<CallbackEndpoint>, signed: Signed<InquiryPayment>) -> HttpResponse {
    let Signed { message, arrival, request_time: _, deadline, context } = signed;
    let PaymentIds { acquirer_id, payment_request_id: id, psp_id: _ } = message.0;
    let received = ReceivedInquiry { id, acquirer_id, received_at: arrival.at };
    let ports = &endpoint.callback().ports;
    let answered = inquire(ports, &received, deadline).await;
    let outgoing = outgoing(endpoint.callback(), &answered);
    let (id, result_code) = (&received.id, outgoing.code.name);
    let rule = answered.as_ref().ok().map(InquiryRule::name);
    info!(payment_request_id = %id, result_code, rule, "an inquiry is answered");
    let response = endpoint.send(outgoing, &context).await;
    histogram!("rescind_inquiry_seconds").record(ports.clock.instant().saturating_duration_since(arrival.instant));
    response
}

/// What is signed and sent. A body with the members of a payment is a text of its own, and leaves the memo to those that repeat.
fn outgoing<'a>(callback: &'a Callback, answered: &Result<InquiryRule, NoInquiryError>) -> Outgoing<'a> {
    let signer = InquiryPayment::signer(callback);
    let counter = "rescind_inquiry_answers_total";
    let (result, payment_result) = match answered {
        Ok(rule) => result_codes::of_inquiry_rule(rule),
        Err(NoInquiryError::Overloaded) => (OVERLOADED, None),
        Err(NoInquiryError::NotRead) => (NOT_READ, None),
    };
    let Some(payment_result) = payment_result else {
        return Outgoing { body: result.body(), code: result.code, counter, signer };
    };
    let (results, code) = (format!(r#""result":{result},"paymentResult":{payment_result}"#), payment_result.code);
    if let (Ok(InquiryRule::Paid(paid)), Some(inquiries)) = (answered, &callback.inquiries) {
        let body = format!("{{{results},{}}}", members(paid));
        return Outgoing { body, code, counter, signer: inquiries.signer_of_paid.as_ref() };
    }
    Outgoing { body: format!("{{{results}}}"), code, counter, signer }
}

/// The members of a payment that succeeded. Only the wallet's own id can need escaping.
fn members(PaidPayment { payment_id, paid_at, amount }: &PaidPayment) -> String {
    let payment_id = payment_id.as_ref().map(|id| format!(r#""paymentId":{},"#, Value::from(id.as_str()))).unwrap_or_default();
    let (time, value, currency) = (alipayplus_time(*paid_at), amount.minor(), amount.currency());
    format!(r#"{payment_id}"paymentTime":"{time}","paymentAmount":{{"value":"{value}","currency":"{currency}"}}"#)
}
