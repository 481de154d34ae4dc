//! `cancelPayment`: message, handler and result.

use std::time::Duration;

use actix_web::HttpResponse;
use actix_web::web::Data;
use domain::{PspId, Rule};
use metrics::histogram;
use ports::MessageSigner;
use tracing::info;
use use_cases::{CancelAnswer, OverloadedError, ReceivedCancel, cancel};

use super::payment_ids::PaymentIds;
use crate::alipayplus::callback::{Callback, CallbackEndpoint};
use crate::alipayplus::result_codes::{self, ApiResult, MALFORMED_CANCEL, OVERLOADED};
use crate::alipayplus::signed::{Message, Signed};

/// The body of a `cancelPayment` request.
#[derive(Debug, PartialEq, Eq)]
pub struct CancelPayment(pub PaymentIds);

impl Message for CancelPayment {
    const MALFORMED: ApiResult = MALFORMED_CANCEL;

    fn parse(body: &[u8]) -> Option<Self> {
        PaymentIds::parse(body).map(Self)
    }

    fn psp_id(&self) -> &PspId {
        &self.0.psp_id
    }

    fn answer_budget(callback: &Callback) -> Duration {
        callback.answer_budget
    }

    fn signer(callback: &Callback) -> &dyn MessageSigner {
        callback.signer.as_ref()
    }
}

pub(super) async fn answer(endpoint: Data<CallbackEndpoint>, signed: Signed<CancelPayment>) -> HttpResponse {
    let Signed { message, arrival, request_time, deadline, context } = signed;
    let PaymentIds { acquirer_id, payment_request_id: id, psp_id: _ } = message.0;
    let (received_at, arrived) = (arrival.at, arrival.instant);
    let received = ReceivedCancel { id: id.clone(), acquirer_id, received_at, request_time, arrived };
    let ports = &endpoint.callback().ports;
    let answer = cancel(ports, received, deadline).await;
    let rule = answer.ok().and_then(|known| known.rule).map(Rule::name);
    let result = result_of(answer);
    info!(payment_request_id = %id, result_code = result.code.name, rule, "a cancel is answered");
    let signer = CancelPayment::signer(endpoint.callback());
    let response = endpoint.answer(result, signer, &context).await;
    histogram!("rescind_answer_seconds").record(ports.clock.instant().saturating_duration_since(arrival.instant));
    response
}

fn result_of(answer: Result<CancelAnswer, OverloadedError>) -> ApiResult {
    match answer {
        Ok(known) => result_codes::of_answer(known.answer),
        Err(OverloadedError) => OVERLOADED,
    }
}
