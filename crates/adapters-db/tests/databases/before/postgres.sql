-- The statements with which the version before writes, as it prepares them.
prepare insert_missing (text[]) as
insert into cases (payment_request_id)
select id from unnest($1) as id order by id collate "C"
on conflict (payment_request_id) do nothing;

prepare write (text[], text[], text[], text[], bigint[], text[], bigint[], text[], text[], bigint[], text[], bigint[], bigint[], text[],
    text[], text[], bigint[], text[], bigint[], text[], text[], bigint[], bigint[], text[], text[], text[], bigint[], bigint[], text[],
    text[], bigint[], text[], text[], text[], bigint[], text[], bigint[], bigint[], text[], bigint[], bigint[], bigint[], text[],
    bigint[], text[], bigint[], bigint[], text[], text[], text[], text[], text[], text[], text[], bigint[], text[], bigint[]) as
with written_cases as (update cases set (status, acquirer_id, account, amount_value, amount_currency, settlement_value,
    settlement_currency, kind, initiated_at, payment_id, completed_at, fee_value, fee_currency, cancellation, cancel_acquirer_id,
    first_received_at, defer_reason, cancelled_at, refusal, result_code, settled_at, last_event, settlement_day) = (w.status,
    w.acquirer_id, w.account, w.amount_value, w.amount_currency, w.settlement_value, w.settlement_currency, w.kind, w.initiated_at,
    w.payment_id, w.completed_at, w.fee_value, w.fee_currency, w.cancellation, w.cancel_acquirer_id, w.first_received_at, w.defer_reason,
    w.cancelled_at, w.refusal, w.result_code, w.settled_at, w.last_event, w.settlement_day) from (select unnest($1) as
    payment_request_id, unnest($2) as status, unnest($3) as acquirer_id, unnest($4) as account, unnest($5) as amount_value, unnest($6) as
    amount_currency, unnest($7) as settlement_value, unnest($8) as settlement_currency, unnest($9) as kind, unnest($10) as initiated_at,
    unnest($11) as payment_id, unnest($12) as completed_at, unnest($13) as fee_value, unnest($14) as fee_currency, unnest($15) as
    cancellation, unnest($16) as cancel_acquirer_id, unnest($17) as first_received_at, unnest($18) as defer_reason, unnest($19) as
    cancelled_at, unnest($20) as refusal, unnest($21) as result_code, unnest($22) as settled_at, unnest($23) as last_event, unnest($24)
    as settlement_day) as w where cases.payment_request_id = w.payment_request_id returning 1),
    written_refunds as (insert into refunds (payment_request_id, refund_request_id, place, amount_value, amount_currency, state,
        completed_at, settlement_day) select payment_request_id, refund_request_id, place, amount_value, amount_currency, state,
        completed_at, settlement_day from (select unnest($25) as payment_request_id, unnest($26) as refund_request_id, unnest($27) as
        place, unnest($28) as amount_value, unnest($29) as amount_currency, unnest($30) as state, unnest($31) as completed_at,
        unnest($32) as settlement_day) as w on conflict (payment_request_id, refund_request_id) do update set (state, completed_at,
        settlement_day) = (excluded.state, excluded.completed_at, excluded.settlement_day) returning 1),
    written_reversals as (insert into reversals (payment_request_id, kind, amount_value, amount_currency, opened_at, attempts, state,
        next_attempt_at, lease_attempt, lease_until, last_error, done_at) select payment_request_id, kind, amount_value, amount_currency,
        opened_at, attempts, state, next_attempt_at, lease_attempt, lease_until, last_error, done_at from (select unnest($33) as
        payment_request_id, unnest($34) as kind, unnest($35) as amount_value, unnest($36) as amount_currency, unnest($37) as opened_at,
        unnest($38) as attempts, unnest($39) as state, unnest($40) as next_attempt_at, unnest($41) as lease_attempt, unnest($42) as
        lease_until, unnest($43) as last_error, unnest($44) as done_at) as w on conflict (payment_request_id) do update set (kind,
        amount_value, amount_currency, opened_at, attempts, state, next_attempt_at, lease_attempt, lease_until, last_error, done_at) =
        (excluded.kind, excluded.amount_value, excluded.amount_currency, excluded.opened_at, excluded.attempts, excluded.state,
        excluded.next_attempt_at, excluded.lease_attempt, excluded.lease_until, excluded.last_error, excluded.done_at) returning 1),
    written_events as (insert into events (payment_request_id, number, at, what, details) select payment_request_id, number, at, what,
        details from (select unnest($45) as payment_request_id, unnest($46) as number, unnest($47) as at, unnest($48) as what,
        unnest($49) as details) as w returning 1),
    written_entries as (insert into ledger_entries (payment_request_id, refund_request_id, kind, account, contra_account, value,
        currency, at) select payment_request_id, refund_request_id, kind, account, contra_account, value, currency, at from (select
        unnest($50) as payment_request_id, unnest($51) as refund_request_id, unnest($52) as kind, unnest($53) as account, unnest($54) as
        contra_account, unnest($55) as value, unnest($56) as currency, unnest($57) as at) as w returning 1)
select (select count(*) from written_cases), (select count(*) from written_refunds), (select count(*) from written_reversals),
    (select count(*) from written_events), (select count(*) from written_entries);
