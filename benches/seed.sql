-- psql -v payments=NUMBER: so many payments that succeeded, as the wallet's calls would have recorded them, under the ids
-- bench-0000000001 and so on. They were initiated today at UTC+8, ids and moments rise together, as Alipay+'s do.
begin;
create temporary view made as
select
    n,
    'bench-' || lpad(n::text, 10, '0') as id,
    (get_byte(sha256(convert_to('bench-' || lpad(n::text, 10, '0'), 'UTF8')), 0) & 31)::smallint as bucket,
    'account-' || (n % 100000) as account,
    1 + (n % 100000) as amount,
    (extract(epoch from date_trunc('day', now() at time zone 'Asia/Shanghai') at time zone 'Asia/Shanghai') * 1000000)::bigint + n as initiated_at
from generate_series(1, :payments) as n;
insert into cases (bucket, payment_request_id, status, acquirer_id, account, amount_value, amount_currency, kind, initiated_at,
    payment_id, completed_at, last_event)
select bucket, id, 'succeeded', '1022188000000000001', account, amount, 'JPY', 'payment', initiated_at, 'P-' || n, initiated_at + 1, 2
from made;
insert into events (bucket, payment_request_id, number, at, what, details)
select bucket, id, number, initiated_at + number - 1, what, details
from made, lateral (values
    (1, 'payment-recorded', '{"amount":"' || amount || ' JPY"}'),
    (2, 'succeeded', '{}')
) as lines (number, what, details);
insert into ledger_entries (bucket, payment_request_id, kind, account, contra_account, value, currency, at)
select bucket, id, 'debit', account, 'merchant payable', amount, 'JPY', initiated_at + 1
from made;
commit;
vacuum (analyze, freeze) cases, events, ledger_entries;
