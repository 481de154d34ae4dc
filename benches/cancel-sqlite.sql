-- For the payment :id, as scripts/bench repeats it for each cancel: what Rescind writes for its first cancel, in one durable transaction.
begin immediate;
update cases
set (cancellation, cancel_acquirer_id, first_received_at, cancelled_at, result_code, last_event)
  = ('cancelled', acquirer_id, unixepoch() * 1000000, unixepoch() * 1000000, 'SUCCESS', last_event + 4)
where payment_request_id = :id and status = 'succeeded' and cancellation is null;
insert into reversals (payment_request_id, kind, amount_value, amount_currency, opened_at, attempts, state, done_at)
select payment_request_id, 'refund', amount_value, amount_currency, cancelled_at, 1, 'done', cancelled_at
from cases where payment_request_id = :id;
insert into events (payment_request_id, number, at, what, details)
select payment_request_id, last_event - 4 + line, cancelled_at, what,
    coalesce(details, '{"amount":"' || amount_value || ' ' || amount_currency || '"}')
from cases, (
    select 1 as line, 'cancel-received' as what, '{}' as details
    union all select 2, 'cancelled', '{"rule":"money-taken"}'
    union all select 3, 'reversal-opened', null
    union all select 4, 'reversal-done', '{}'
) where payment_request_id = :id;
insert into ledger_entries (payment_request_id, kind, account, contra_account, value, currency, at)
select payment_request_id, 'credit', account, 'merchant payable', amount_value, amount_currency, cancelled_at
from cases where payment_request_id = :id;
commit;
