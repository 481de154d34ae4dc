-- pgbench -D first=NUMBER -D clients=CLIENTS -D i=0: each transaction cancels one more payment of seed.sql for the first time, in one
-- statement: the best that a server can do that is asked once per cancel.
\set n :first + :client_id + :clients * :i
\set i :i + 1
with now as (
    select (extract(epoch from clock_timestamp()) * 1000000)::bigint as at
),
held as (
    select bucket, payment_request_id, account, amount_value, amount_currency, last_event
    from cases
    where bucket = (get_byte(sha256(convert_to('bench-' || lpad((:n)::text, 10, '0'), 'UTF8')), 0) & 31)::smallint
        and payment_request_id = 'bench-' || lpad((:n)::text, 10, '0') and status = 'succeeded' and cancellation is null
    for update
),
cancelled as (
    update cases
    set (cancellation, cancel_acquirer_id, first_received_at, cancelled_at, result_code, returned_at, last_event)
      = ('cancelled', cases.acquirer_id, now.at, now.at, 'SUCCESS', now.at, held.last_event + 4)
    from held, now
    where cases.bucket = held.bucket and cases.payment_request_id = held.payment_request_id
),
told as (
    insert into events (bucket, payment_request_id, number, at, what, details, more)
    select bucket, payment_request_id, last_event + 1, at, 'cancel-received', '{}',
        '[["cancelled",{"rule":"money-taken"}],["reversal-opened",{"amount":"' || amount_value || ' ' || amount_currency || '"}],["reversal-done"]]'
    from held, now
)
insert into ledger_entries (bucket, payment_request_id, kind, account, contra_account, value, currency, at)
select bucket, payment_request_id, 'credit', account, 'merchant payable', amount_value, amount_currency, at from held, now;
