//! From the domain to the wire: one reversal.

use domain::{Case, Deferral, DeferralState, RequestedResolution, Reversal, ReversalState, ReversalStateName, Taken};
use serde::Serialize;
use utoipa::ToSchema;

use crate::timestamps;
use crate::wallet::amounts::Amount;
use crate::wallet::schemas::{Identifier, ReversalStateText, TakenText};

/// The duty to give a payment's money back.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(in crate::wallet) struct ReversalView {
    /// The same as `paymentRequestId`.
    #[schema(value_type = Identifier)]
    reversal_id: String,
    #[schema(value_type = TakenText)]
    taken: &'static str,
    /// Null where the amount is not known.
    #[schema(required)]
    amount: Option<Amount>,
    #[schema(value_type = ReversalStateText)]
    state: &'static str,
    /// How many attempts began; of a deferred cancel that is parked, how many lookups.
    attempts: u32,
    #[schema(format = DateTime)]
    opened_at: String,
    /// Null for one that is not open.
    #[schema(format = DateTime, required)]
    next_attempt_at: Option<String>,
    /// Open: why the last attempt failed, if it did. Parked: why it is parked.
    #[schema(required)]
    last_error: Option<String>,
    /// What an operator wants ended by hand, and another one has not approved yet; null where there is nothing of the kind.
    #[schema(required)]
    resolution: Option<RequestedResolutionView>,
}

/// A resolution that waits for another operator's approval.
#[derive(Serialize, ToSchema)]
struct RequestedResolutionView {
    note: String,
    /// The name of the token, or of the person at the command line.
    by: String,
    #[schema(format = DateTime)]
    at: String,
}

impl ReversalView {
    /// A deferred cancel that is parked is shown as a reversal that is: an operator ends both in the same way.
    pub(in crate::wallet) fn of_case(case: &Case) -> Option<Self> {
        let parked = case.deferral.as_ref().filter(|deferral| deferral.is_parked());
        let of_deferral = parked.map(|deferral| Self::of_parked_deferral(case, deferral));
        of_deferral.or_else(|| case.reversal.as_ref().map(|reversal| Self::of(case, reversal)))
    }

    fn of_parked_deferral(case: &Case, deferral: &Deferral) -> Self {
        Self {
            reversal_id: case.id.to_string(),
            taken: Taken::NothingKnown.as_str(),
            amount: None,
            state: ReversalStateName::Parked.as_str(),
            attempts: deferral.attempts,
            opened_at: timestamps::format(deferral.since),
            next_attempt_at: None,
            last_error: last_error(deferral),
            resolution: case.resolution.as_ref().map(RequestedResolutionView::from),
        }
    }

    fn of(case: &Case, reversal: &Reversal) -> Self {
        let (next_attempt_at, last_error) = match &reversal.state {
            ReversalState::Open { next_attempt_at, last_error, .. } => {
                (Some(timestamps::format(*next_attempt_at)), last_error.clone())
            }
            ReversalState::Parked { reason } => (None, Some(reason.clone())),
            ReversalState::Done { .. } => (None, None),
        };
        Self {
            reversal_id: case.id.to_string(),
            taken: reversal.taken.as_str(),
            amount: reversal.amount.map(Amount::from),
            state: shown_state(&reversal.state),
            attempts: reversal.attempts,
            opened_at: timestamps::format(reversal.opened_at),
            next_attempt_at,
            last_error,
            resolution: case.resolution.as_ref().map(RequestedResolutionView::from),
        }
    }
}

impl From<&RequestedResolution> for RequestedResolutionView {
    fn from(RequestedResolution { note, by, at }: &RequestedResolution) -> Self {
        Self { note: note.clone(), by: by.clone(), at: timestamps::format(*at) }
    }
}

/// A resolved reversal is shown as done: the timeline says who resolved it.
fn shown_state(state: &ReversalState) -> &'static str {
    match state.name() {
        ReversalStateName::Done | ReversalStateName::Resolved => ReversalStateName::Done.as_str(),
        name @ (ReversalStateName::Open | ReversalStateName::Parked) => name.as_str(),
    }
}

/// What the last lookup met, or why it is parked.
pub(super) fn last_error(deferral: &Deferral) -> Option<String> {
    match &deferral.state {
        DeferralState::Waiting { last_error, .. } => last_error.clone(),
        DeferralState::Parked { reason } => Some(reason.clone()),
    }
}
