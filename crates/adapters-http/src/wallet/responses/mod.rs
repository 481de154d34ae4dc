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
}

impl From<Disposition> for DispositionBody {
    fn from(disposition: Disposition) -> Self {
        Self { disposition: disposition.as_str() }
    }
}
