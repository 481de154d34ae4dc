//! What an operator decides about a reversal that does not end by itself.

use actix_web::{post, web};
use domain::{Action, PaymentRequestId};

use super::callers::Operator;
use super::extractors::{Body, InPath};
use super::problem::{CommandProblems, NotFoundProblem, OperatorProblem};
use super::requests::{ParkNote, ResolveNote};
use super::responses::DispositionBody;
use super::schemas::Identifier;
use super::state::{CommandResponse, WalletApi};

/// Has a parked reversal tried again.
///
/// `reopened`: it is open again and due at once.
#[utoipa::path(
    tag = "reversals",
    params(("paymentRequestId" = Identifier, Path, description = "The reversal's id, which is the payment request's, percent-encoded")),
    responses((status = 200, body = DispositionBody, description = "It is open again and due at once"), OperatorProblem, NotFoundProblem, CommandProblems)
)]
#[post("/wallet/v1/reversals/{paymentRequestId}/retry")]
pub(super) async fn retry_reversal(
    Operator(caller): Operator,
    id: InPath<PaymentRequestId>,
    api: web::Data<WalletApi>,
) -> CommandResponse {
    api.record(&caller, id.0, Action::Retry { by: caller.name.clone() }).await
}

/// Stops an open reversal and leaves it to an operator.
///
/// `parked`: no attempt begins any more until an operator has it tried again, or ends it. While an attempt is running, this is a
/// conflict. The timeline has the name of the token and the note.
#[utoipa::path(
    tag = "reversals",
    params(("paymentRequestId" = Identifier, Path, description = "The reversal's id, which is the payment request's, percent-encoded")),
    request_body = ParkNote,
    responses((status = 200, body = DispositionBody, description = "It is parked"), OperatorProblem, NotFoundProblem, CommandProblems)
)]
#[post("/wallet/v1/reversals/{paymentRequestId}/park")]
pub(super) async fn park_reversal(
    Operator(caller): Operator,
    id: InPath<PaymentRequestId>,
    body: Body<ParkNote>,
    api: web::Data<WalletApi>,
) -> CommandResponse {
    let action = body.0.into_action(caller.name.clone())?;
    api.record(&caller, id.0, action).await
}

/// Ends a parked reversal whose money went back by hand.
///
/// `resolved`: the cancel is answered S from now on. The timeline has the name of the token and the note. `requested`: the settings want
/// four eyes, and the caller of another token has to approve it; until then anything that happens to the payment makes it void.
#[utoipa::path(
    tag = "reversals",
    params(("paymentRequestId" = Identifier, Path, description = "The reversal's id, which is the payment request's, percent-encoded")),
    request_body = ResolveNote,
    responses(
        (status = 200, body = DispositionBody, description = "It is done"),
        (status = 202, body = DispositionBody, description = "It waits for another operator's approval"),
        OperatorProblem, NotFoundProblem, CommandProblems
    )
)]
#[post("/wallet/v1/reversals/{paymentRequestId}/resolve")]
pub(super) async fn resolve_reversal(
    Operator(caller): Operator,
    id: InPath<PaymentRequestId>,
    body: Body<ResolveNote>,
    api: web::Data<WalletApi>,
) -> CommandResponse {
    let action = body.0.into_action(caller.name.clone())?;
    api.record(&caller, id.0, action).await
}

/// Approves the resolution that another operator asked for.
///
/// `resolved`: the cancel is answered S from now on. The timeline has both names. It is a conflict where nobody asked, where the caller
/// asked under the same name, and where anything happened to the payment since.
#[utoipa::path(
    tag = "reversals",
    params(("paymentRequestId" = Identifier, Path, description = "The reversal's id, which is the payment request's, percent-encoded")),
    responses((status = 200, body = DispositionBody, description = "It is done"), OperatorProblem, NotFoundProblem, CommandProblems)
)]
#[post("/wallet/v1/reversals/{paymentRequestId}/resolve/approve")]
pub(super) async fn approve_resolution(
    Operator(caller): Operator,
    id: InPath<PaymentRequestId>,
    api: web::Data<WalletApi>,
) -> CommandResponse {
    api.record(&caller, id.0, Action::Approve { by: caller.name.clone() }).await
}
