-- pgbench -D first=NUMBER -D clients=CLIENTS -D i=0: each transaction cancels one more payment of seed.sql for the first time, as one
-- request after another would be worked off by hand: lock, look, and write each table with a statement of its own.
\set n :first + :client_id + :clients * :i
\set i :i + 1
begin;
select bucket, payment_request_id as id, account, amount_value as amount, amount_currency as currency, last_event,
    (extract(epoch from clock_timestamp()) * 1000000)::bigint as at
from cases
where bucket = (get_byte(sha256(convert_to('bench-' || lpad((:n)::text, 10, '0'), 'UTF8')), 0) & 31)::smallint
    and payment_request_id = 'bench-' || lpad((:n)::text, 10, '0') and status = 'succeeded' and cancellation is null
for update \gset
update cases
set (cancellation, cancel_acquirer_id, first_received_at, cancelled_at, result_code, returned_at, last_event)
  = ('cancelled', acquirer_id, :at, :at, 'SUCCESS', :at, :last_event + 4)
where bucket = :bucket and payment_request_id = :id;
insert into events (bucket, payment_request_id, number, at, what, details, more)
values (:bucket, :id, :last_event + 1, :at, 'cancel-received', '{}',
    '[["cancelled",{"rule":"money-taken"}],["reversal-opened",{"amount":"' || :amount || ' ' || :currency || '"}],["reversal-done"]]');
insert into ledger_entries (bucket, payment_request_id, kind, account, contra_account, value, currency, at)
values (:bucket, :id, 'credit', :account, 'merchant payable', :amount, :currency, :at);
commit;
