//! From the domain to the wire: what commands and queries are answered.

mod case;
mod lists;
mod reversal;
mod settlement;
mod summary;

use actix_web::body::BoxBody;
use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, Responder};
use domain::Disposition;
use serde::Serialize;
use utoipa::ToSchema;

pub(super) use case::CaseView;
pub(super) use lists::{AccountView, DeferredCancel, DeferredList, FoundPayments, ReversalList};
pub(super) use reversal::ReversalView;
pub(super) use settlement::SettlementView;
pub(super) use summary::PaymentSummary;

use super::schemas::DispositionText;

/// How the wallet, or an operator, goes on.
#[derive(Serialize, ToSchema)]
pub(super) struct DispositionBody {
    #[schema(value_type = DispositionText)]
    disposition: &'static str,
    /// Why a refund is refused, where the wallet core is the reason: `refunded-elsewhere`, it said that refunds gave the money back
    /// already, or a part of it that it did not name.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, pattern = "^[a-z-]+$")]
    reason: Option<&'static str>,
}

impl DispositionBody {
    pub(super) fn of(disposition: Disposition, reason: Option<&'static str>) -> Self {
        Self { disposition: disposition.as_str(), reason }
    }
}

impl Responder for DispositionBody {
    type Body = BoxBody;

    /// What is only asked for is accepted, and not done.
    fn respond_to(self, _: &HttpRequest) -> HttpResponse {
        let is_asked_for = self.disposition == Disposition::Requested.as_str();
        HttpResponse::build(if is_asked_for { StatusCode::ACCEPTED } else { StatusCode::OK }).json(self)
    }
}
