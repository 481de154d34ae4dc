-- The statements with which the version before writes. Each has the rows of its table as one JSON parameter.
-- cases
insert into cases (payment_request_id, status, acquirer_id, account, amount_value, amount_currency, settlement_value,
    settlement_currency, kind, initiated_at, payment_id, completed_at, fee_value, fee_currency, cancellation, cancel_acquirer_id,
    first_received_at, defer_reason, cancelled_at, refusal, result_code, settled_at, last_event, settlement_day) select value ->>
    'payment_request_id', value ->> 'status', value ->> 'acquirer_id', value ->> 'account', value ->> 'amount_value', value ->>
    'amount_currency', value ->> 'settlement_value', value ->> 'settlement_currency', value ->> 'kind', value ->> 'initiated_at', value
    ->> 'payment_id', value ->> 'completed_at', value ->> 'fee_value', value ->> 'fee_currency', value ->> 'cancellation', value ->>
    'cancel_acquirer_id', value ->> 'first_received_at', value ->> 'defer_reason', value ->> 'cancelled_at', value ->> 'refusal', value
    ->> 'result_code', value ->> 'settled_at', value ->> 'last_event', value ->> 'settlement_day' from json_each(?) where true on
    conflict (payment_request_id) do update set (status, acquirer_id, account, amount_value, amount_currency, settlement_value,
    settlement_currency, kind, initiated_at, payment_id, completed_at, fee_value, fee_currency, cancellation, cancel_acquirer_id,
    first_received_at, defer_reason, cancelled_at, refusal, result_code, settled_at, last_event, settlement_day) = (excluded.status,
    excluded.acquirer_id, excluded.account, excluded.amount_value, excluded.amount_currency, excluded.settlement_value,
    excluded.settlement_currency, excluded.kind, excluded.initiated_at, excluded.payment_id, excluded.completed_at, excluded.fee_value,
    excluded.fee_currency, excluded.cancellation, excluded.cancel_acquirer_id, excluded.first_received_at, excluded.defer_reason,
    excluded.cancelled_at, excluded.refusal, excluded.result_code, excluded.settled_at, excluded.last_event, excluded.settlement_day);
-- refunds
insert into refunds (payment_request_id, refund_request_id, place, amount_value, amount_currency, state, completed_at, settlement_day)
    select value ->> 'payment_request_id', value ->> 'refund_request_id', value ->> 'place', value ->> 'amount_value', value ->>
    'amount_currency', value ->> 'state', value ->> 'completed_at', value ->> 'settlement_day' from json_each(?) where true on conflict
    (payment_request_id, refund_request_id) do update set (state, completed_at, settlement_day) = (excluded.state, excluded.completed_at,
    excluded.settlement_day);
-- reversals
insert into reversals (payment_request_id, kind, amount_value, amount_currency, opened_at, attempts, state, next_attempt_at,
    lease_attempt, lease_until, last_error, done_at) select value ->> 'payment_request_id', value ->> 'kind', value ->> 'amount_value',
    value ->> 'amount_currency', value ->> 'opened_at', value ->> 'attempts', value ->> 'state', value ->> 'next_attempt_at', value ->>
    'lease_attempt', value ->> 'lease_until', value ->> 'last_error', value ->> 'done_at' from json_each(?) where true on conflict
    (payment_request_id) do update set (kind, amount_value, amount_currency, opened_at, attempts, state, next_attempt_at, lease_attempt,
    lease_until, last_error, done_at) = (excluded.kind, excluded.amount_value, excluded.amount_currency, excluded.opened_at,
    excluded.attempts, excluded.state, excluded.next_attempt_at, excluded.lease_attempt, excluded.lease_until, excluded.last_error,
    excluded.done_at);
-- events
insert into events (payment_request_id, number, at, what, details) select value ->> 'payment_request_id', value ->> 'number', value ->>
    'at', value ->> 'what', value ->> 'details' from json_each(?);
-- ledger_entries
insert into ledger_entries (payment_request_id, refund_request_id, kind, account, contra_account, value, currency, at) select value ->>
    'payment_request_id', value ->> 'refund_request_id', value ->> 'kind', value ->> 'account', value ->> 'contra_account', value ->>
    'value', value ->> 'currency', value ->> 'at' from json_each(?);
