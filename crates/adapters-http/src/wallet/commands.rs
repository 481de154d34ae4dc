//! What the wallet's pay flow tells: each call is repeated until it is answered.

use actix_web::{post, put, web};
use domain::{PaymentRequestId, RefundRequestId};

use super::body::Body;
use super::extractors::InPath;
use super::problem::{Commanded, Missing};
use super::requests::{Announcement, PaymentResult, RefundAnnouncement, RefundEnded};
use super::responses::DispositionBody;
use super::tokens::Caller;
use super::{Disposing, WalletApi};

/// Announces a payment, before it is debited.
///
/// `proceed`: debit. `closed`: the payment is cancelled; do not debit.
#[utoipa::path(
    tag = "payments",
    params(("paymentRequestId" = String, Path, description = "Alipay+'s id of the payment request, percent-encoded")),
    request_body = Announcement,
    responses((status = 200, body = DispositionBody, description = "Recorded, now or before"), Commanded)
)]
#[put("/wallet/v1/payments/{paymentRequestId}")]
pub(super) async fn announce_payment(
    caller: Caller,
    id: InPath<PaymentRequestId>,
    body: Body<Announcement>,
    api: web::Data<WalletApi>,
) -> Disposing {
    let action = body.0.into_action(&api.psp_id, api.ports.clock.now())?;
    api.record(&caller, id.0, action).await
}

/// Reports how a payment ended.
///
/// `stands`: nothing more to do. `reversed`: the payment is cancelled and the money goes back by the cancellation.
#[utoipa::path(
    tag = "payments",
    params(("paymentRequestId" = String, Path, description = "Alipay+'s id of the payment request, percent-encoded")),
    request_body = PaymentResult,
    responses((status = 200, body = DispositionBody, description = "Recorded, now or before"), Missing, Commanded)
)]
#[post("/wallet/v1/payments/{paymentRequestId}/result")]
pub(super) async fn report_payment(
    caller: Caller,
    id: InPath<PaymentRequestId>,
    body: Body<PaymentResult>,
    api: web::Data<WalletApi>,
) -> Disposing {
    let action = body.0.into_action(api.ports.clock.now())?;
    api.record(&caller, id.0, action).await
}

/// Announces a refund of the wallet's own, before it is made.
///
/// `proceed`: refund. `refused`: do not.
#[utoipa::path(
    tag = "refunds",
    params(("paymentRequestId" = String, Path, description = "Alipay+'s id of the payment request, percent-encoded")),
    request_body = RefundAnnouncement,
    responses((status = 200, body = DispositionBody, description = "Reserved, now or before, or refused"), Missing, Commanded)
)]
#[post("/wallet/v1/payments/{paymentRequestId}/refunds")]
pub(super) async fn announce_refund(
    caller: Caller,
    id: InPath<PaymentRequestId>,
    body: Body<RefundAnnouncement>,
    api: web::Data<WalletApi>,
) -> Disposing {
    let action = body.0.into_action()?;
    api.record(&caller, id.0, action).await
}

/// Reports how a refund ended; `stands`.
#[utoipa::path(
    tag = "refunds",
    params(
        ("paymentRequestId" = String, Path, description = "Alipay+'s id of the payment request, percent-encoded"),
        ("refundRequestId" = String, Path, description = "The refund's id, percent-encoded")
    ),
    request_body = RefundEnded,
    responses((status = 200, body = DispositionBody, description = "Recorded, now or before"), Missing, Commanded)
)]
#[post("/wallet/v1/payments/{paymentRequestId}/refunds/{refundRequestId}/result")]
pub(super) async fn report_refund(
    caller: Caller,
    ids: InPath<(PaymentRequestId, RefundRequestId)>,
    body: Body<RefundEnded>,
    api: web::Data<WalletApi>,
) -> Disposing {
    let (id, refund) = ids.0;
    let action = body.0.into_action(refund, api.ports.clock.now())?;
    api.record(&caller, id, action).await
}
