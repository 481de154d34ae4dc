-- Cases in every state that the version before can leave behind, in its tables. The table `numbers` says how many: each number n is a case
-- in the state n % 36. The same SQL runs on every engine.

create temporary table states (s integer, name text, status text, kind text, cancellation text, defer_reason text, refusal text, result_code text, cancelled integer, fee integer, settles integer, settled integer, reversal text, reversal_kind text, attempts integer, late integer, error text, lease integer, taken integer, back integer, refunds integer, prefix text, lately integer, amounts integer);
insert into states values
    (0, 'is in progress', 'in-progress', 'payment', null, null, null, null, 0, 0, 0, 0, null, null, 1, 0, null, 0, 0, 0, 0, 'case-', 0, 1),
    (1, 'is an authorization in progress', 'in-progress', 'authorization', null, null, null, null, 0, 0, 0, 0, null, null, 1, 0, null, 0, 0, 0, 0, 'case-', 0, 1),
    (2, 'succeeded', 'succeeded', 'payment', null, null, null, null, 0, 1, 0, 0, null, null, 1, 0, null, 0, 1, 0, 0, 'case-', 0, 1),
    (3, 'is an authorization that succeeded', 'succeeded', 'authorization', null, null, null, null, 0, 0, 1, 0, null, null, 1, 0, null, 0, 1, 0, 0, 'case-', 0, 1),
    (4, 'failed', 'failed', 'payment', null, null, null, null, 0, 0, 0, 0, null, null, 1, 0, null, 0, 0, 0, 0, 'case-', 0, 1),
    (5, 'settled', 'succeeded', 'payment', null, null, null, null, 0, 1, 0, 1, null, null, 1, 0, null, 0, 1, 0, 0, 'case-', 0, 1),
    (6, 'settled another amount', 'succeeded', 'authorization', null, null, null, null, 0, 1, 1, 1, null, null, 1, 0, null, 0, 1, 0, 0, 'case-', 0, 1),
    (7, 'is cancelled', 'succeeded', 'payment', 'cancelled', null, null, 'SUCCESS', 1, 0, 0, 0, 'done', 'refund', 1, 0, null, 0, 1, 1, 0, 'case-', 0, 1),
    (8, 'is a cancelled authorization', 'succeeded', 'authorization', 'cancelled', null, null, 'SUCCESS', 1, 0, 0, 0, 'done', 'release', 1, 0, null, 0, 1, 1, 0, 'case-', 0, 1),
    (9, 'is cancelled and left out of its day', 'succeeded', 'payment', 'cancelled', null, null, 'SUCCESS', 1, 0, 1, 2, 'done', 'refund', 1, 0, null, 0, 1, 1, 0, 'case-', 0, 1),
    (10, 'was cancelled while in progress', 'in-progress', 'payment', 'cancelled', null, null, 'SUCCESS', 1, 0, 0, 0, null, null, 1, 0, null, 0, 0, 0, 0, 'case-', 0, 1),
    (11, 'failed and was cancelled', 'failed', 'payment', 'cancelled', null, null, 'SUCCESS', 1, 0, 0, 0, null, null, 1, 0, null, 0, 0, 0, 0, 'case-', 0, 1),
    (12, 'is a fence', null, null, 'cancelled', null, null, 'SUCCESS', 1, 0, 0, 0, null, null, 1, 0, null, 0, 0, 0, 0, 'case-', 0, 1),
    (13, 'is a fence that was refused', null, null, 'cancelled', null, 'never-received', 'ORDER_NOT_EXIST', 1, 0, 0, 0, null, null, 1, 0, null, 0, 0, 0, 0, 'case-', 0, 1),
    (14, 'is a fence with a late success', 'succeeded', 'payment', 'cancelled', null, null, 'SUCCESS', 1, 0, 0, 0, 'done', 'refund', 1, 0, null, 0, 1, 1, 0, 'case-', 1, 1),
    (15, 'is deferred by a refund', 'succeeded', 'payment', 'deferred', 'refund-running', null, null, 0, 1, 0, 0, null, null, 1, 0, null, 0, 1, 0, 1, 'case-', 0, 1),
    (16, 'is deferred by a lookup', null, null, 'deferred', 'lookup-failed', null, null, 0, 0, 0, 0, null, null, 1, 0, null, 0, 0, 0, 0, 'case-', 0, 1),
    (17, 'is open and due', 'succeeded', 'payment', 'open', null, null, null, 1, 1, 0, 0, 'open', 'refund', 4, 0, 'the core said 503', 0, 0, 0, 0, 'case-', 0, 1),
    (18, 'is open and leased', 'succeeded', 'authorization', 'open', null, null, null, 1, 0, 0, 0, 'open', 'release', 2, 0, null, 1, 0, 0, 0, 'case-', 0, 1),
    (19, 'is parked', 'succeeded', 'payment', 'open', null, null, null, 1, 0, 0, 0, 'parked', 'refund', 3, 0, 'impossible: the account is closed', 0, 0, 0, 0, 'case-', 0, 1),
    (20, 'was given back by the core', 'succeeded', 'payment', 'cancelled', null, null, 'SUCCESS', 1, 0, 0, 0, 'done', 'refund', 3, 700000, null, 0, 0, 0, 0, 'case-', 0, 1),
    (21, 'was given back by the core at once', 'succeeded', 'payment', 'cancelled', null, null, 'SUCCESS', 1, 0, 0, 0, 'done', 'refund', 1, 20000, null, 0, 0, 0, 0, 'case-', 0, 1),
    (22, 'was resolved by hand', 'succeeded', 'payment', 'cancelled', null, null, 'SUCCESS', 1, 0, 0, 0, 'resolved', 'refund', 1, 0, null, 0, 0, 0, 0, 'case-', 0, 1),
    (23, 'is a void that is done', null, null, 'cancelled', null, null, 'SUCCESS', 1, 0, 0, 0, 'done', 'void', 1, 0, null, 0, 0, 0, 0, 'case-', 0, 0),
    (24, 'is a void that is parked, and its core knows the amount', 'succeeded', 'payment', 'open', null, null, null, 1, 0, 0, 0, 'parked', 'void', 1, 0, 'unknown', 0, 0, 0, 0, 'case-', 0, 1),
    (25, 'is refused for another request', 'succeeded', 'payment', 'refused', null, 'different-request', 'PARAM_ILLEGAL', 0, 1, 0, 0, null, null, 1, 0, null, 0, 1, 0, 0, 'case-', 0, 1),
    (26, 'is refused after its period', 'succeeded', 'payment', 'refused', null, 'period-over', 'PROCESS_FAIL', 0, 1, 0, 1, null, null, 1, 0, null, 0, 1, 0, 0, 'case-', 0, 1),
    (27, 'is refused after its period by another code', 'in-progress', 'payment', 'refused', null, 'period-over', 'CANCEL_WINDOW_EXCEED', 0, 0, 0, 0, null, null, 1, 0, null, 0, 0, 0, 0, 'case-', 0, 1),
    (28, 'is refused after a part was refunded', 'succeeded', 'payment', 'refused', null, 'partly-refunded', 'PROCESS_FAIL', 0, 1, 0, 0, null, null, 1, 0, null, 0, 1, 0, 2, 'case-', 0, 1),
    (29, 'is refused and was never received', null, null, 'refused', null, 'never-received', 'ORDER_NOT_EXIST', 0, 0, 0, 0, null, null, 1, 0, null, 0, 0, 0, 0, 'case-', 0, 1),
    (30, 'was refunded before', 'succeeded', 'payment', 'already-refunded', null, null, 'SUCCESS', 0, 0, 0, 0, null, null, 1, 0, null, 0, 1, 0, 3, 'case-', 0, 1),
    (31, 'has refunds of every state, one of them settled', 'succeeded', 'payment', null, null, null, null, 0, 1, 0, 1, null, null, 1, 0, null, 0, 1, 0, 4, 'case-', 0, 1),
    (32, 'has an id of all characters', 'succeeded', 'payment', 'cancelled', null, null, 'SUCCESS', 1, 0, 0, 0, 'done', 'refund', 1, 0, null, 0, 1, 1, 0, '!"#$%&''()*+,-./:;<=>?@[\]^_`{|}~', 0, 1),
    (33, 'has an id of capital letters', 'succeeded', 'payment', 'cancelled', null, null, 'SUCCESS', 1, 0, 0, 0, 'done', 'refund', 1, 0, null, 0, 1, 1, 0, 'CASE', 0, 1),
    (34, 'looks as if it was booked but for an error', 'succeeded', 'payment', 'cancelled', null, null, 'SUCCESS', 1, 0, 0, 0, 'done', 'refund', 1, 0, 'left over', 0, 0, 0, 0, 'case-', 0, 1),
    (35, 'is open after the core was asked', 'in-progress', 'payment', 'open', null, null, null, 1, 0, 0, 0, 'open', 'void', 0, 0, null, 0, 0, 0, 0, 'case-', 0, 0);

create temporary table made as
select n, s, prefix || substr('0000000000' || n, length('0000000000' || n) - 9) as id,
    1772294400000000 + (n % 3) * 86400000000 + n % 1000000 * 1000 + case when cancellation = 'deferred' then 864000000000 else 0 end as at,
    100 + n % 900 as value, case n % 3 when 0 then '2026-03-01' when 1 then '2026-03-02' else '2026-03-03' end as day
from numbers join states on s = n % 36;

insert into cases (
    payment_request_id, status, acquirer_id, account, amount_value, amount_currency, settlement_value, settlement_currency, kind,
    initiated_at, payment_id, completed_at, fee_value, fee_currency, cancellation, cancel_acquirer_id, first_received_at, defer_reason,
    cancelled_at, refusal, result_code, settled_at, settlement_day, last_event
)
select id, status, case when status is not null then '1022188000000000001' end,
    case when status is not null then 'user-' || n % 100000 end, case when status is not null then value end,
    case when status is not null then 'JPY' end, case when settles = 1 then value * 2 end, case when settles = 1 then 'EUR' end, kind,
    case when status is not null then at end, case when status is not null and n % 2 = 0 then 'wallet-' || n end,
    case when status in ('succeeded', 'failed') then at + 1000000 + lately * 3000000 end, case when fee = 1 then 3 end,
    case when fee = 1 then 'JPY' end, cancellation, case when cancellation is not null then '1022188000000000001' end,
    case when cancellation is not null then at + 2000000 end, defer_reason, case when cancelled = 1 then at + 2000001 end, refusal,
    result_code, case when settled = 1 then at + 90000000000 end, case when settled > 0 then day end,
    (case when status is null then 0 else 1 end) + (case when status in ('succeeded', 'failed') then 1 else 0 end)
        + (case when cancellation is null then 0 else 1 end) + cancelled + (case when reversal is null then 0 else 2 end)
from made join states using (s) order by n;

insert into refunds (
    payment_request_id, refund_request_id, place, amount_value, amount_currency, state, completed_at, settlement_day
)
select id, 'refund-' || n || '-' || place, place,
    case when refunds = 3 then case place when 0 then value - 10 else 10 end else 1 + place end, 'JPY', state,
    case when state <> 'reserved' then at + 1500000 + place end,
    case when state = 'succeeded' and refunds = 4 then day end
from made join states using (s) join (
    select 1 as many, 0 as place, 'reserved' as state
    union all select 2, 0, 'succeeded'
    union all select 3, 0, 'succeeded' union all select 3, 1, 'succeeded'
    union all select 4, 0, 'succeeded' union all select 4, 1, 'failed' union all select 4, 2, 'reserved'
) as each_refund on many = refunds;

insert into reversals (
    payment_request_id, kind, amount_value, amount_currency, opened_at, attempts, state, next_attempt_at, lease_attempt, lease_until,
    last_error, done_at
)
select id, reversal_kind, case when amounts = 1 then value end, case when amounts = 1 then 'JPY' end, at + 2000001 + lately * 3000000,
    attempts, reversal, case when reversal = 'open' then at + 5000000 end, case when lease = 1 then attempts end,
    case when lease = 1 then at + 9000000 end, error,
    case when reversal in ('done', 'resolved') then at + 2000001 + lately * 3000000 + late end
from made join states using (s) where reversal is not null;

insert into events (payment_request_id, number, at, what, details)
select id, 1, at, 'payment-recorded', '{"amount":"' || value || ' JPY"}' from made join states using (s) where status is not null
union all
select id, 2, at + 1000001, status, '{}' from made join states using (s) where status in ('succeeded', 'failed')
union all
select id, 1 + (case when status is null then 0 else 1 end) + (case when status in ('succeeded', 'failed') then 1 else 0 end), at + 2000000,
    'cancel-received', '{}'
from made join states using (s) where cancellation is not null
union all
select id, 2 + (case when status is null then 0 else 1 end) + (case when status in ('succeeded', 'failed') then 1 else 0 end), at + 2000001,
    'cancelled', case n % 3 when 0 then '{"rule":"10"}' when 1 then '{"rule":"money-taken"}' else '{"rule":"4"}' end
from made join states using (s) where cancelled = 1
union all
select id, 3 + (case when status is null then 0 else 1 end) + (case when status in ('succeeded', 'failed') then 1 else 0 end), at + 2000001,
    'reversal-opened', '{"amount":"' || value || ' JPY"}'
from made join states using (s) where reversal is not null
union all
select id, 4 + (case when status is null then 0 else 1 end) + (case when status in ('succeeded', 'failed') then 1 else 0 end),
    at + 2000001 + lately * 3000000,
    case reversal when 'done' then 'reversal-done' when 'resolved' then 'reversal-resolved' when 'parked' then 'reversal-parked'
        else 'reversal-tried' end,
    case reversal when 'done' then '{}' when 'resolved' then '{"by":"ann","note":"paid by hand: über ¥ \"100\""}'
        when 'parked' then '{"reason":"impossible: a name with a� in it"}'
        else '{"attempt":"' || attempts || '","error":"the core said 503","outcome":"not-known"}' end
from made join states using (s) where reversal is not null;

insert into ledger_entries (payment_request_id, refund_request_id, kind, account, contra_account, value, currency, at)
select id, '', case kind when 'payment' then 'debit' else 'hold' end, 'user-' || n % 100000,
    case kind when 'payment' then 'merchant payable' else 'authorization holds' end, value, 'JPY', at + 1000001
from made join states using (s) where taken = 1
union all
select id, '', case kind when 'payment' then 'credit' else 'release' end, 'user-' || n % 100000,
    case kind when 'payment' then 'merchant payable' else 'authorization holds' end, value, 'JPY', at + 2000001 + lately * 3000000
from made join states using (s) where back = 1
union all
select payment_request_id, refund_request_id, 'credit', 'user-' || n % 100000, 'merchant payable', amount_value, 'JPY', completed_at
from refunds join made on id = payment_request_id join states using (s)
where state = 'succeeded' and taken = 1;

drop table made;
drop table states;
