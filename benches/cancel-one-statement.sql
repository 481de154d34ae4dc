-- pgbench -D first=NUMBER -D clients=CLIENTS -D i=0: each transaction cancels one more payment of seed.sql for the first time, in one
-- statement: the best that a server can do that is asked once per cancel.
\set n :first + :client_id + :clients * :i
\set i :i + 1
with now as (
    select (extract(epoch from clock_timestamp()) * 1000000)::bigint as at
),
held as (
    select payment_request_id, account, amount_value, amount_currency, last_event
    from cases
    where payment_request_id = 'bench-' || lpad((:n)::text, 10, '0') and status = 'succeeded' and cancellation is null
    for update
),
cancelled as (
    update cases
    set (cancellation, cancel_acquirer_id, first_received_at, cancelled_at, result_code, last_event)
      = ('cancelled', cases.acquirer_id, now.at, now.at, 'SUCCESS', held.last_event + 4)
    from held, now
    where cases.payment_request_id = held.payment_request_id
),
given_back as (
    insert into reversals (payment_request_id, kind, amount_value, amount_currency, opened_at, attempts, state, done_at)
    select payment_request_id, 'refund', amount_value, amount_currency, at, 1, 'done', at from held, now
),
told as (
    insert into events (payment_request_id, number, at, what, details)
    select payment_request_id, last_event + line, at, what, details
    from held, now, lateral (values
        (1, 'cancel-received', '{}'),
        (2, 'cancelled', '{"rule":"money-taken"}'),
        (3, 'reversal-opened', '{"amount":"' || amount_value || ' ' || amount_currency || '"}'),
        (4, 'reversal-done', '{}')
    ) as lines (line, what, details)
)
insert into ledger_entries (payment_request_id, kind, account, contra_account, value, currency, at)
select payment_request_id, 'credit', account, 'merchant payable', amount_value, amount_currency, at from held, now;
