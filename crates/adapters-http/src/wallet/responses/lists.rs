//! From the domain to the wire: lists of cases, and an account.

use domain::{AccountId, Cancellation, Case, Deferral, DeferralState, Reversal, ReversalState};
use ports::{AccountStatement, PostedEntry};
use serde::Serialize;
use utoipa::ToSchema;

use super::case::ReversalView;
use crate::timestamps;
use crate::wallet::amounts::{Amount, Sum};
use crate::wallet::schemas::{DeferReasonText, EntryKindText, Identifier};

/// An account in the embedded ledger.
#[derive(Serialize, ToSchema)]
pub(in crate::wallet) struct AccountView {
    #[schema(value_type = Identifier)]
    account: String,
    /// The sums of all entries; negative where more was taken than given.
    balances: Vec<Sum>,
    /// One page, oldest first.
    entries: Vec<EntryView>,
    /// What to pass as `after`; absent on the last page.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    next: Option<String>,
}

/// An entry in the ledger.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct EntryView {
    #[schema(value_type = Identifier)]
    payment_request_id: String,
    #[schema(value_type = EntryKindText)]
    kind: &'static str,
    amount: Amount,
    #[schema(format = DateTime)]
    at: String,
}

/// A page of reversals.
#[derive(Serialize, ToSchema)]
pub(in crate::wallet) struct ReversalList {
    reversals: Vec<UnfinishedReversal>,
    /// What to pass as `after`; absent on the last page.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    next: Option<String>,
}

/// A reversal whose money is not known to be back.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct UnfinishedReversal {
    #[serde(flatten)]
    reversal: ReversalView,
    #[schema(format = DateTime)]
    opened_at: String,
    /// Null for a parked one.
    #[schema(format = DateTime, required)]
    next_attempt_at: Option<String>,
    /// Open: why the last attempt failed, if it did. Parked: why it is parked.
    #[schema(required)]
    last_error: Option<String>,
}

/// A page of deferred cancels.
#[derive(Serialize, ToSchema)]
pub(in crate::wallet) struct DeferredList {
    deferred: Vec<DeferredCancel>,
    /// What to pass as `after`; absent on the last page.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    next: Option<String>,
}

/// A cancel that cannot be decided yet.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct DeferredCancel {
    #[schema(value_type = Identifier)]
    payment_request_id: String,
    /// Alipay+'s id of the acquirer that asked first.
    #[schema(value_type = Identifier)]
    acquirer_id: String,
    #[schema(value_type = DeferReasonText)]
    reason: &'static str,
    #[schema(format = DateTime)]
    first_received_at: String,
    /// Since when it waits.
    #[schema(format = DateTime)]
    since: String,
    /// How many lookups of its payment ended without a decision.
    attempts: u32,
    /// When the payment is looked up again; null where the result of a refund is waited for.
    #[schema(format = DateTime, required)]
    next_attempt_at: Option<String>,
    /// What the last lookup met, if it failed.
    #[schema(required)]
    last_error: Option<String>,
}

impl AccountView {
    /// From the statement of a page of at most `limit` entries.
    pub(in crate::wallet) fn of(account: &AccountId, statement: AccountStatement, limit: u32) -> Self {
        let next = next(&statement.entries, limit, |entry| entry.position.clone());
        let balances = statement.balances.into_iter().map(Sum::from).collect();
        Self {
            account: account.to_string(),
            balances,
            entries: statement.entries.into_iter().map(EntryView::from).collect(),
            next,
        }
    }
}

impl From<PostedEntry> for EntryView {
    fn from(PostedEntry { position: _, payment_request_id, entry }: PostedEntry) -> Self {
        let kind = entry.kind.as_str();
        let payment_request_id = payment_request_id.to_string();
        Self { payment_request_id, kind, amount: entry.amount.into(), at: timestamps::format(entry.at) }
    }
}

impl ReversalList {
    /// From a page of at most `limit` cases.
    pub(in crate::wallet) fn of(cases: &[Case], limit: u32) -> Self {
        let unfinished = |case: &Case| match (&case.deferral, &case.reversal) {
            (Some(deferral), _) if deferral.is_parked() => Some(UnfinishedReversal::of_deferral(case, deferral)),
            (_, Some(reversal)) => Some(UnfinishedReversal::of(case, reversal)),
            (_, None) => None,
        };
        Self { reversals: cases.iter().filter_map(unfinished).collect(), next: next(cases, limit, |case| case.id.to_string()) }
    }
}

impl UnfinishedReversal {
    /// A deferred cancel that is parked: nothing is known to be taken, and an operator decides.
    fn of_deferral(case: &Case, deferral: &Deferral) -> Self {
        Self {
            reversal: ReversalView::of_parked_deferral(case, deferral),
            opened_at: timestamps::format(deferral.since),
            next_attempt_at: None,
            last_error: last_error(deferral),
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
            reversal: ReversalView::of(case, reversal),
            opened_at: timestamps::format(reversal.opened_at),
            next_attempt_at,
            last_error,
        }
    }
}

impl DeferredList {
    /// From a page of at most `limit` cases.
    pub(in crate::wallet) fn of(cases: &[Case], limit: u32) -> Self {
        let deferred = |case: &Case| DeferredCancel::of(case, case.cancellation.as_ref()?);
        Self { deferred: cases.iter().filter_map(deferred).collect(), next: next(cases, limit, |case| case.id.to_string()) }
    }
}

impl DeferredCancel {
    fn of(case: &Case, cancellation: &Cancellation) -> Option<Self> {
        let reason = cancellation.state.defer_reason()?.as_str();
        Some(Self {
            payment_request_id: case.id.to_string(),
            acquirer_id: cancellation.acquirer_id.to_string(),
            reason,
            first_received_at: timestamps::format(cancellation.first_received_at),
            since: timestamps::format(case.deferred_since()?),
            attempts: case.deferral.as_ref().map_or(0, |deferral| deferral.attempts),
            next_attempt_at: case.lookup_due_at().map(timestamps::format),
            last_error: case.deferral.as_ref().and_then(last_error),
        })
    }
}

/// What the last lookup met, or why it is parked.
fn last_error(deferral: &Deferral) -> Option<String> {
    match &deferral.state {
        DeferralState::Waiting { last_error, .. } => last_error.clone(),
        DeferralState::Parked { reason } => Some(reason.clone()),
    }
}

/// The position at which the next page begins, if this one is full.
fn next<T>(listed: &[T], limit: u32, position: impl Fn(&T) -> String) -> Option<String> {
    let full = u32::try_from(listed.len()).is_ok_and(|listed| listed >= limit);
    listed.last().filter(|_| full).map(position)
}
