//! What is copied from the tables of the version before, on every engine.

/// The columns of a case but for its id, and so on for what belongs to it.
pub(crate) const CASE: &str = "status, acquirer_id, account, amount_value, amount_currency, settlement_value, \
    settlement_currency, kind, initiated_at, payment_id, completed_at, fee_value, fee_currency, cancellation, cancel_acquirer_id, \
    first_received_at, defer_reason, cancelled_at, refusal, result_code, settled_at, settlement_day, last_event";
pub(crate) const REFUND: &str = "refund_request_id, place, amount_value, amount_currency, state, completed_at, settlement_day";
pub(crate) const REVERSAL: &str = "kind, amount_value, amount_currency, opened_at, attempts, state, next_attempt_at, \
    lease_attempt, lease_until, last_error, done_at";
pub(crate) const EVENT: &str = "number, at, what, details";
pub(crate) const ENTRY: &str = "refund_request_id, kind, account, contra_account, value, currency, at, position";

/// What the reversal `r` of the case `c` looks like where the ledger finished it in the commit that opened it: it needs no row.
pub(crate) const BOOKED: &str = "r.state = 'done' and r.attempts = 1 and r.last_error is null and r.opened_at = r.done_at \
    and c.status = 'succeeded' and c.cancelled_at is not null \
    and r.kind = case c.kind when 'payment' then 'refund' else 'release' end \
    and r.amount_value = c.amount_value and r.amount_currency = c.amount_currency";

/// The columns as those of a table in a query.
pub(crate) fn columns_of(table: &str, columns: &str) -> String {
    columns.split(", ").map(|name| format!("{table}.{name}")).collect::<Vec<_>>().join(", ")
}
