//! From the domain to the wire: what commands and queries are answered.

mod case;
mod lists;
mod settlement;

use domain::Disposition;
use serde::Serialize;
use utoipa::ToSchema;

pub(super) use case::CaseView;
pub(super) use lists::{AccountView, DeferredList, ReversalList};
pub(super) use settlement::SettlementView;

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
