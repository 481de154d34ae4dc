-- The same as seed.sql for SQLite, with :payments to be replaced by their number. SQLite knows no SHA-256: each payment's bucket has to
-- stand in a table buckets (n, bucket).
begin;
create temporary view made as
with recursive numbers (n) as (
    select 1
    union all
    select n + 1 from numbers where n < :payments
)
select
    n,
    printf('bench-%010d', n) as id,
    bucket,
    'account-' || (n % 100000) as account,
    1 + (n % 100000) as amount,
    ((unixepoch() + 28800) / 86400 * 86400 - 28800) * 1000000 + n as initiated_at
from numbers join buckets using (n);
insert into cases (bucket, payment_request_id, status, acquirer_id, account, amount_value, amount_currency, kind, initiated_at,
    payment_id, completed_at, last_event)
select bucket, id, 'succeeded', '1022188000000000001', account, amount, 'JPY', 'payment', initiated_at, 'P-' || n, initiated_at + 1, 2
from made;
insert into events (bucket, payment_request_id, number, at, what, details)
select bucket, id, 1, initiated_at, 'payment-recorded', '{"amount":"' || amount || ' JPY"}' from made
union all
select bucket, id, 2, initiated_at + 1, 'succeeded', '{}' from made;
insert into ledger_entries (bucket, payment_request_id, kind, account, contra_account, value, currency, at)
select bucket, id, 'debit', account, 'merchant payable', amount, 'JPY', initiated_at + 1
from made;
commit;
