-- pgbench -D first=NUMBER -D clients=CLIENTS -D i=0: each transaction cancels one more payment of seed.sql for the first time, as one
-- request after another would be worked off by hand: lock, look, and write each table with a statement of its own.
\set n :first + :client_id + :clients * :i
\set i :i + 1
begin;
select payment_request_id as id, account, amount_value as amount, amount_currency as currency, last_event,
    (extract(epoch from clock_timestamp()) * 1000000)::bigint as at
from cases
where payment_request_id = 'bench-' || lpad((:n)::text, 10, '0') and status = 'succeeded' and cancellation is null
for update \gset
update cases
set (cancellation, cancel_acquirer_id, first_received_at, cancelled_at, result_code, last_event)
  = ('cancelled', acquirer_id, :at, :at, 'SUCCESS', :last_event + 4)
where payment_request_id = :id;
insert into reversals (payment_request_id, kind, amount_value, amount_currency, opened_at, attempts, state, done_at)
values (:id, 'refund', :amount, :currency, :at, 1, 'done', :at);
insert into events (payment_request_id, number, at, what, details)
values
    (:id, :last_event + 1, :at, 'cancel-received', '{}'),
    (:id, :last_event + 2, :at, 'cancelled', '{"rule":"money-taken"}'),
    (:id, :last_event + 3, :at, 'reversal-opened', '{"amount":"' || :amount || ' ' || :currency || '"}'),
    (:id, :last_event + 4, :at, 'reversal-done', '{}');
insert into ledger_entries (payment_request_id, kind, account, contra_account, value, currency, at)
values (:id, 'credit', :account, 'merchant payable', :amount, :currency, :at);
commit;
