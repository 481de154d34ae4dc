-- For the payment :id in its :bucket, as scripts/bench repeats it for each cancel: what Rescind writes for its first cancel, in one
-- durable transaction.
begin immediate;
update cases
set (cancellation, cancel_acquirer_id, first_received_at, cancelled_at, result_code, returned_at, last_event)
  = ('cancelled', acquirer_id, unixepoch() * 1000000, unixepoch() * 1000000, 'SUCCESS', unixepoch() * 1000000, last_event + 4)
where bucket = :bucket and payment_request_id = :id and status = 'succeeded' and cancellation is null;
insert into events (bucket, payment_request_id, number, at, what, details, more)
select bucket, payment_request_id, last_event - 3, cancelled_at, 'cancel-received', '{}',
    '[["cancelled",{"rule":"money-taken"}],["reversal-opened",{"amount":"' || amount_value || ' ' || amount_currency || '"}],["reversal-done"]]'
from cases where bucket = :bucket and payment_request_id = :id;
insert into ledger_entries (bucket, payment_request_id, kind, account, contra_account, value, currency, at)
select bucket, payment_request_id, 'credit', account, 'merchant payable', amount_value, amount_currency, cancelled_at
from cases where bucket = :bucket and payment_request_id = :id;
commit;
