//! From the domain to the wire: lists of cases, and an account.

use domain::{AccountId, Cancellation, Case};
use ports::{AccountStatement, PostedEntry, SearchPosition};
use serde::Serialize;
use utoipa::ToSchema;

use super::reversal::{ReversalView, last_error};
use super::summary::PaymentSummary;
use crate::timestamps;
use crate::wallet::amounts::{Amount, Sum};
use crate::wallet::cursor;
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
    reversals: Vec<ReversalView>,
    /// What to pass as `after`; absent on the last page.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    next: Option<String>,
}

/// A page of what a search found. It may be short, even empty, and have a next one: a search looks at a bounded number of payments at
/// a time.
#[derive(Serialize, ToSchema)]
pub(in crate::wallet) struct FoundPayments {
    /// The newest first.
    payments: Vec<PaymentSummary>,
    /// What to pass as `after`; absent on the last page.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    next: Option<String>,
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
pub(in crate::wallet) struct DeferredCancel {
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
        Self {
            reversals: cases.iter().filter_map(ReversalView::of_case).collect(),
            next: next(cases, limit, |case| case.id.to_string()),
        }
    }
}

impl DeferredList {
    /// From a page of at most `limit` cases.
    pub(in crate::wallet) fn of(cases: &[Case], limit: u32) -> Self {
        Self {
            deferred: cases.iter().filter_map(DeferredCancel::of).collect(),
            next: next(cases, limit, |case| case.id.to_string()),
        }
    }
}

impl FoundPayments {
    pub(in crate::wallet) fn of(cases: &[Case], next: Option<&SearchPosition>) -> Self {
        Self { payments: cases.iter().filter_map(PaymentSummary::of).collect(), next: next.map(cursor::of) }
    }
}

impl DeferredCancel {
    pub(in crate::wallet) fn of(case: &Case) -> Option<Self> {
        let cancellation: &Cancellation = case.cancellation.as_ref()?;
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

/// The position at which the next page begins, if this one is full.
fn next<T>(listed: &[T], limit: u32, position: impl Fn(&T) -> String) -> Option<String> {
    let full = u32::try_from(listed.len()).is_ok_and(|listed| listed >= limit);
    listed.last().filter(|_| full).map(position)
}
