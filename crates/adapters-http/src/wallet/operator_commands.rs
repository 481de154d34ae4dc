//! What an operator does about a reversal that the wallet core called impossible.

use actix_web::{post, web};
use domain::{Action, PaymentRequestId};

use super::body::Body;
use super::extractors::InPath;
use super::problem::{Commanded, Forbidden, Missing};
use super::requests::Resolution;
use super::responses::DispositionBody;
use super::tokens::Operator;
use super::{Disposing, WalletApi};

/// Has a parked reversal tried again; `reopened`.
#[utoipa::path(
    tag = "reversals",
    params(("paymentRequestId" = String, Path, description = "The reversal's id, which is the payment request's, percent-encoded")),
    responses((status = 200, body = DispositionBody, description = "It is open again and due at once"), Forbidden, Missing, Commanded)
)]
#[post("/wallet/v1/reversals/{paymentRequestId}/retry")]
pub(super) async fn retry_reversal(
    Operator(caller): Operator,
    id: InPath<PaymentRequestId>,
    api: web::Data<WalletApi>,
) -> Disposing {
    api.record(&caller, id.0, Action::Retry).await
}

/// Ends a parked reversal whose money went back by hand; `resolved`.
///
/// The timeline names the caller and what was noted. The cancel is answered S from then on.
#[utoipa::path(
    tag = "reversals",
    params(("paymentRequestId" = String, Path, description = "The reversal's id, which is the payment request's, percent-encoded")),
    request_body = Resolution,
    responses((status = 200, body = DispositionBody, description = "It is done"), Forbidden, Missing, Commanded)
)]
#[post("/wallet/v1/reversals/{paymentRequestId}/resolve")]
pub(super) async fn resolve_reversal(
    Operator(caller): Operator,
    id: InPath<PaymentRequestId>,
    body: Body<Resolution>,
    api: web::Data<WalletApi>,
) -> Disposing {
    let action = body.0.into_action(caller.name.clone())?;
    api.record(&caller, id.0, action).await
}
