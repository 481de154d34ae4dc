//! From the domain to the wire: what a question about many cases, or an account, is answered.

use domain::{AccountId, Cancellation, Case, Currency, Reversal, ReversalState};
use ports::{AccountStatement, PostedEntry};
use serde::Serialize;
use utoipa::ToSchema;

use super::responses::{Amount, ReversalView, time};

/// An account in the embedded ledger.
#[derive(Serialize, ToSchema)]
pub(crate) struct AccountView {
    account: String,
    /// The sums of all entries; negative where more was taken than given.
    balances: Vec<Balance>,
    /// One page, oldest first.
    entries: Vec<EntryView>,
    /// What to pass as `after`; absent on the last page.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    next: Option<String>,
}

/// A sum of entries.
#[derive(Serialize, ToSchema)]
struct Balance {
    currency: String,
    value: String,
}

/// An entry.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct EntryView {
    payment_request_id: String,
    /// `debit`, `credit`, `hold` or `release`.
    kind: &'static str,
    amount: Amount,
    #[schema(format = DateTime)]
    at: String,
}

/// A page of reversals.
#[derive(Serialize, ToSchema)]
pub(crate) struct ReversalList {
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
    #[schema(format = DateTime)]
    next_attempt_at: Option<String>,
    /// What the last attempt met; why a parked one is parked.
    last_error: Option<String>,
}

/// A page of deferred cancels.
#[derive(Serialize, ToSchema)]
pub(crate) struct DeferredList {
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
    payment_request_id: String,
    acquirer_id: String,
    /// `refund-running` or `lookup-failed`.
    reason: &'static str,
    #[schema(format = DateTime)]
    first_received_at: String,
}

impl AccountView {
    /// A statement of which a page of `limit` entries was asked for.
    pub(crate) fn of(account: &AccountId, statement: AccountStatement, limit: u32) -> Self {
        let next = next(&statement.entries, limit, |entry| entry.position.clone());
        let balance = |(currency, value): (Currency, i128)| Balance { currency: currency.code(), value: value.to_string() };
        let balances = statement.balances.into_iter().map(balance).collect();
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
        Self { payment_request_id, kind, amount: entry.amount.into(), at: time(entry.at) }
    }
}

impl ReversalList {
    /// Of the page of `limit` cases that was asked for.
    pub(crate) fn of(cases: &[Case], limit: u32) -> Self {
        let reversal_request = |case: &Case| Some(UnfinishedReversal::of(case, case.reversal.as_ref()?));
        Self {
            reversals: cases.iter().filter_map(reversal_request).collect(),
            next: next(cases, limit, |case| case.id.to_string()),
        }
    }
}

impl UnfinishedReversal {
    fn of(case: &Case, reversal: &Reversal) -> Self {
        let (next_attempt_at, last_error) = match &reversal.state {
            ReversalState::Open { next_attempt_at, last_error, .. } => (Some(time(*next_attempt_at)), last_error.clone()),
            ReversalState::Parked { reason } => (None, Some(reason.clone())),
            ReversalState::Done { .. } => (None, None),
        };
        Self { reversal: ReversalView::of(case, reversal), opened_at: time(reversal.opened_at), next_attempt_at, last_error }
    }
}

impl DeferredList {
    /// Of the page of `limit` cases that was asked for.
    pub(crate) fn of(cases: &[Case], limit: u32) -> Self {
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
            first_received_at: time(cancellation.first_received_at),
        })
    }
}

/// Where the next page begins, if this one is full.
fn next<T>(listed: &[T], limit: u32, position: impl Fn(&T) -> String) -> Option<String> {
    let full = u32::try_from(listed.len()).is_ok_and(|listed| listed >= limit);
    listed.last().filter(|_| full).map(position)
}
