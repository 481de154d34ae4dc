//! What the wallet's pay flow reports. The wallet repeats each call until it is answered.

use actix_web::{post, put, web};
use domain::{PaymentRequestId, RefundRequestId};

use super::callers::RecordingCaller;
use super::extractors::{Body, InPath};
use super::problem::{CommandProblems, NotFoundProblem, RecorderProblem};
use super::requests::{Announcement, PaymentResult, RefundAnnouncement, RefundReport};
use super::responses::DispositionBody;
use super::schemas::Identifier;
use super::state::{CommandResponse, WalletApi};

/// Announces a payment, before it is debited.
///
/// `proceed`: debit. `closed`: the payment is cancelled; do not debit.
#[utoipa::path(
    tag = "payments",
    params(("paymentRequestId" = Identifier, Path, description = "Alipay+'s id of the payment request, percent-encoded")),
    request_body = Announcement,
    responses((status = 200, body = DispositionBody, description = "Recorded, now or before"), RecorderProblem, CommandProblems)
)]
#[put("/wallet/v1/payments/{paymentRequestId}")]
pub(super) async fn announce_payment(
    RecordingCaller(caller): RecordingCaller,
    id: InPath<PaymentRequestId>,
    body: Body<Announcement>,
    api: web::Data<WalletApi>,
) -> CommandResponse {
    let action = body.0.into_action(&api.psp_id, api.ports.clock.now())?;
    api.record(&caller, id.0, action).await
}

/// Reports how a payment ended.
///
/// `stands`: nothing more to do. `reversed`: the payment is cancelled, and the reversal gives the money back.
#[utoipa::path(
    tag = "payments",
    params(("paymentRequestId" = Identifier, Path, description = "Alipay+'s id of the payment request, percent-encoded")),
    request_body = PaymentResult,
    responses((status = 200, body = DispositionBody, description = "Recorded, now or before"), RecorderProblem, NotFoundProblem, CommandProblems)
)]
#[post("/wallet/v1/payments/{paymentRequestId}/result")]
pub(super) async fn report_payment(
    RecordingCaller(caller): RecordingCaller,
    id: InPath<PaymentRequestId>,
    body: Body<PaymentResult>,
    api: web::Data<WalletApi>,
) -> CommandResponse {
    let action = body.0.into_action(api.ports.clock.now())?;
    api.record(&caller, id.0, action).await
}

/// Announces a refund by the wallet, before it is made.
///
/// `proceed`: refund. `refused`: do not refund.
#[utoipa::path(
    tag = "refunds",
    params(("paymentRequestId" = Identifier, Path, description = "Alipay+'s id of the payment request, percent-encoded")),
    request_body = RefundAnnouncement,
    responses((status = 200, body = DispositionBody, description = "Reserved, now or before, or refused"), RecorderProblem, NotFoundProblem, CommandProblems)
)]
#[post("/wallet/v1/payments/{paymentRequestId}/refunds")]
pub(super) async fn announce_refund(
    RecordingCaller(caller): RecordingCaller,
    id: InPath<PaymentRequestId>,
    body: Body<RefundAnnouncement>,
    api: web::Data<WalletApi>,
) -> CommandResponse {
    let action = body.0.into_action()?;
    api.record(&caller, id.0, action).await
}

/// Reports how a refund ended.
///
/// `stands`: nothing more to do.
#[utoipa::path(
    tag = "refunds",
    params(
        ("paymentRequestId" = Identifier, Path, description = "Alipay+'s id of the payment request, percent-encoded"),
        ("refundRequestId" = Identifier, Path, description = "The refund's id, percent-encoded")
    ),
    request_body = RefundReport,
    responses((status = 200, body = DispositionBody, description = "Recorded, now or before"), RecorderProblem, NotFoundProblem, CommandProblems)
)]
#[post("/wallet/v1/payments/{paymentRequestId}/refunds/{refundRequestId}/result")]
pub(super) async fn report_refund(
    RecordingCaller(caller): RecordingCaller,
    ids: InPath<(PaymentRequestId, RefundRequestId)>,
    body: Body<RefundReport>,
    api: web::Data<WalletApi>,
) -> CommandResponse {
    let (id, refund) = ids.0;
    let action = body.0.into_action(refund, api.ports.clock.now())?;
    api.record(&caller, id, action).await
}
