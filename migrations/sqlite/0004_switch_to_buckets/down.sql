-- Makes the tables of before again, and fills them. Everything is in both afterwards, as when the copy has ended. For a database
-- that nobody serves.

drop trigger give_refunds_bucket;
drop trigger give_reversals_bucket;
drop trigger give_events_bucket;
drop trigger give_ledger_entries_bucket;
alter table served_terms drop column feed_generation;

-- What is left of the tables of before holds nothing that is not in these.
drop table if exists ledger_entries_before;
drop table if exists events_before;
drop table if exists reversals_before;
drop table if exists refunds_before;
drop table if exists cases_before;

alter table ledger_entries rename to ledger_entries_next;
alter table events rename to events_next;
alter table reversals rename to reversals_next;
alter table refunds rename to refunds_next;
alter table cases rename to cases_next;

-- One row is the case; the one writer is the lock. All but the key may be unknown: a cancel can be the first to speak of a payment.
create table cases (
    payment_request_id text primary key,

    -- The payment, as the wallet recorded it before debiting.
    status text,
    acquirer_id text,
    account text,
    amount_value integer,
    amount_currency text,
    settlement_value integer,
    settlement_currency text,
    kind text,
    initiated_at integer,
    payment_id text,
    completed_at integer,
    fee_value integer,
    fee_currency text,

    -- The cancellation.
    cancellation text,
    cancel_acquirer_id text,
    first_received_at integer,
    defer_reason text,
    cancelled_at integer,
    refusal text,
    result_code text,

    -- When the payment's day was closed for settlement.
    settled_at integer,
    -- The number of the timeline's last line.
    last_event integer not null default 0,

    constraint cases_status_known check (status in ('in-progress', 'succeeded', 'failed')),
    -- A payment is recorded whole or not at all: nothing can be given back to an account that nobody named.
    constraint cases_payment_whole check (
        (status is null) = (acquirer_id is null)
        and (status is null) = (account is null)
        and (status is null) = (amount_value is null)
        and (status is null) = (amount_currency is null)
        and (status is null) = (kind is null)
        and (status is null) = (initiated_at is null)
    ),
    -- A payment of nothing, or of less, could be turned into a gift by cancelling it.
    constraint cases_amount_positive check (amount_value > 0 and settlement_value > 0 and fee_value > 0),
    -- An amount is a value and its currency: one without the other cannot be read back.
    constraint cases_amounts_whole check (
        (settlement_value is null) = (settlement_currency is null) and (fee_value is null) = (fee_currency is null)
    ),
    constraint cases_kind_known check (kind in ('payment', 'authorization')),
    -- A result has its moment; it decides the settlement day.
    constraint cases_result_dated check ((coalesce(status, 'in-progress') <> 'in-progress') = (completed_at is not null)),
    constraint cases_cancellation_known check (
        cancellation in ('deferred', 'open', 'cancelled', 'refused', 'already-refunded')
    ),
    -- The first receipt decides about the period, so no cancellation is without one.
    constraint cases_cancellation_received check (
        (cancellation is null) = (first_received_at is null) and (cancellation is null) = (cancel_acquirer_id is null)
    ),
    -- Why a cancel is deferred says when it can be decided, and why it is refused is answered for ever.
    constraint cases_deferral_explained check ((coalesce(cancellation, '') = 'deferred') = (defer_reason is not null)),
    constraint cases_refusal_explained check (coalesce(cancellation, '') <> 'refused' or refusal is not null),
    -- Cancelled has a moment, and nothing else has: settlement leaves out whatever has one.
    constraint cases_cancelled_dated check (
        (coalesce(cancellation, '') in ('open', 'cancelled')) = (cancelled_at is not null)
    ),
    -- The code that was sent is kept wherever an answer is final, because it is repeated for ever and never derived again.
    constraint cases_answer_kept check (
        (coalesce(cancellation, '') in ('cancelled', 'refused', 'already-refunded')) = (result_code is not null)
    ),
    -- A payment that is cancelled for good costs no fee; until then the wallet core may say that it stands.
    constraint cases_cancelled_free check (coalesce(cancellation, '') <> 'cancelled' or fee_value is null)
) strict;

-- For the list of deferred cases, which is empty almost always.
create index cases_deferred on cases (payment_request_id) where defer_reason is not null;

-- Refunds that the wallet makes itself.
create table refunds (
    payment_request_id text not null references cases,
    refund_request_id text not null,
    -- The order in which they were announced.
    place integer not null,
    amount_value integer not null,
    amount_currency text not null,
    state text not null,
    completed_at integer,
    -- An announced refund is one refund, however often it is announced.
    primary key (payment_request_id, refund_request_id),
    constraint refunds_amount_positive check (amount_value > 0),
    constraint refunds_state_known check (state in ('reserved', 'succeeded', 'failed')),
    constraint refunds_result_dated check ((state = 'reserved') = (completed_at is null))
) strict;

-- The duty to give a payment's money back: one row for ever, known to the wallet core by the case's own id.
create table reversals (
    -- The key is what makes a second reversal of one payment impossible.
    payment_request_id text primary key references cases,
    kind text not null,
    amount_value integer,
    amount_currency text,
    opened_at integer not null,
    -- Attempts begun; the number of an attempt is its lease's token.
    attempts integer not null,
    state text not null,
    next_attempt_at integer,
    lease_attempt integer,
    lease_until integer,
    last_error text,
    done_at integer,
    constraint reversals_kind_known check (kind in ('refund', 'release', 'void')),
    constraint reversals_amount_positive check (amount_value > 0),
    constraint reversals_amount_whole check ((amount_value is null) = (amount_currency is null)),
    constraint reversals_state_known check (state in ('open', 'parked', 'done', 'resolved')),
    -- Nobody can decide about a parked reversal without knowing what the wallet core said.
    constraint reversals_parked_explained check (state <> 'parked' or last_error is not null),
    -- What is open is always due at some time, so that no reversal is ever forgotten.
    constraint reversals_open_due check ((state = 'open') = (next_attempt_at is not null)),
    -- Only what is open can be worked on.
    constraint reversals_lease_whole check (
        (lease_attempt is null) = (lease_until is null) and (lease_attempt is null or state = 'open')
    ),
    constraint reversals_done_dated check ((state in ('done', 'resolved')) = (done_at is not null))
) strict;

-- For the worker: what is due first.
create index reversals_due on reversals (next_attempt_at) where state = 'open';
-- For the lists of what is owed, which is little at any time.
create index reversals_owed on reversals (state, payment_request_id) where state in ('open', 'parked');
-- For the one that has been owed for longest, which every look at the process's health asks for.
create index reversals_oldest on reversals (opened_at) where state = 'open';

-- The timeline; only ever added to. Its lines are written under the lock of a case that is there. They are most of the rows that a
-- cancel writes, so a foreign key, which looks for the case again for each of them, is left to the rows that are about money.
create table events (
    payment_request_id text not null,
    -- Counted within the case under its lock, so a line can neither be skipped nor overtaken.
    number integer not null,
    at integer not null,
    what text not null,
    -- A JSON object of texts.
    details text not null,
    primary key (payment_request_id, number)
) strict;

-- The embedded ledger; only ever added to. A row is one movement with both its sides, the user's account and the account it is
-- booked against, so debits and credits balance by construction. A balance is a sum of rows: nothing is locked by all reversals.
create table ledger_entries (
    position integer primary key autoincrement,
    payment_request_id text not null references cases,
    -- The refund that moved it; empty for the payment itself and its cancellation.
    refund_request_id text not null default '',
    kind text not null,
    account text not null,
    -- Named with a space, so that no user's account can have the name.
    contra_account text not null,
    value integer not null,
    currency text not null,
    at integer not null,
    -- Money of one payment is taken once and given back once: the last line of defence against giving twice.
    constraint ledger_entries_once unique (payment_request_id, kind, refund_request_id),
    -- The kind carries the direction, so a value has none.
    constraint ledger_entries_positive check (value > 0),
    constraint ledger_entries_sides check (
        (kind in ('debit', 'credit') and contra_account = 'merchant payable')
        or (kind in ('hold', 'release') and contra_account = 'authorization holds')
    )
) strict;

create index ledger_entries_account on ledger_entries (account, position);

-- The day whose statement accounts for the payment, as settled (settled_at) or as left out.
alter table cases add column settlement_day text
    -- Only what completed is accounted for.
    constraint cases_settlement_completed check (settlement_day is null or status = 'succeeded')
    -- What settles, settles on some day.
    constraint cases_settled_on_a_day check (settled_at is null or settlement_day is not null)
    -- The last line of defence: a payment settles or is cancelled, never both.
    constraint cases_settled_or_cancelled check (settled_at is null or cancelled_at is null);

-- The day whose statement accounts for the refund.
alter table refunds add column settlement_day text
    constraint refunds_settlement_completed check (settlement_day is null or state = 'succeeded');

-- For the closing of a day, which must not look at everything that was ever paid. Nothing that a cancel writes is in it.
create index cases_unaccounted on cases (completed_at, payment_request_id)
    where status = 'succeeded' and settlement_day is null;
create index refunds_unaccounted on refunds (completed_at, payment_request_id)
    where state = 'succeeded' and settlement_day is null;
-- For a day's statement, in the order of its lines.
create index cases_accounted on cases (settlement_day, payment_request_id) where settlement_day is not null;
create index refunds_accounted on refunds (settlement_day, payment_request_id) where settlement_day is not null;
-- For a file that names a refund and not its payment.
create index refunds_named on refunds (refund_request_id);

insert into cases (
    payment_request_id, status, acquirer_id, account, amount_value, amount_currency, settlement_value, settlement_currency, kind,
    initiated_at, payment_id, completed_at, fee_value, fee_currency, cancellation, cancel_acquirer_id, first_received_at, defer_reason,
    cancelled_at, refusal, result_code, settled_at, settlement_day, last_event
)
select
    payment_request_id, status, acquirer_id, account, amount_value, amount_currency, settlement_value, settlement_currency, kind,
    initiated_at, payment_id, completed_at, fee_value, fee_currency, cancellation, cancel_acquirer_id, first_received_at, defer_reason,
    cancelled_at, refusal, result_code, settled_at, settlement_day, last_event
from cases_next;

insert into refunds (
    payment_request_id, refund_request_id, place, amount_value, amount_currency, state, completed_at, settlement_day
)
select payment_request_id, refund_request_id, place, amount_value, amount_currency, state, completed_at, settlement_day
from refunds_next;

-- What the ledger gave back has a row again, where it has none.
insert into reversals (
    payment_request_id, kind, amount_value, amount_currency, opened_at, attempts, state, next_attempt_at, lease_attempt, lease_until,
    last_error, done_at
)
select
    payment_request_id, kind, amount_value, amount_currency, opened_at, attempts, state, next_attempt_at, lease_attempt, lease_until,
    last_error, done_at
from reversals_next
union all
select
    payment_request_id, case kind when 'payment' then 'refund' else 'release' end, amount_value, amount_currency, returned_at, 1, 'done',
    null, null, null, null, returned_at
from cases_next
where returned_at is not null
    and not exists (select 1 from reversals_next as n where n.payment_request_id = cases_next.payment_request_id);

-- Each line is a row again.
insert into events (payment_request_id, number, at, what, details)
select payment_request_id, number, at, what, details from events_next
union all
select payment_request_id, number + 1 + lines.key, coalesce(lines.value ->> 2, at), lines.value ->> 0, coalesce(lines.value -> 1, '{}')
from events_next join json_each(more) as lines
where more is not null;

insert into ledger_entries (
    position, payment_request_id, refund_request_id, kind, account, contra_account, value, currency, at
)
select position, payment_request_id, refund_request_id, kind, account, contra_account, value, currency, at
from ledger_entries_next;

delete from sqlite_sequence where name = 'ledger_entries';
insert into sqlite_sequence (name, seq) select 'ledger_entries', seq from sqlite_sequence where name = 'ledger_entries_next';

create trigger follow_cases_insert after insert on cases begin
    insert into cases_next (
        bucket, payment_request_id, status, acquirer_id, account, amount_value, amount_currency, settlement_value,
        settlement_currency, kind, initiated_at, payment_id, completed_at, fee_value, fee_currency, cancellation,
        cancel_acquirer_id, first_received_at, defer_reason, cancelled_at, refusal, result_code, settled_at, settlement_day,
        last_event
    ) values (
        coalesce((select bucket from cases_next where payment_request_id = new.payment_request_id), 32), new.payment_request_id,
        new.status, new.acquirer_id, new.account, new.amount_value, new.amount_currency, new.settlement_value,
        new.settlement_currency, new.kind, new.initiated_at, new.payment_id, new.completed_at, new.fee_value, new.fee_currency,
        new.cancellation, new.cancel_acquirer_id, new.first_received_at, new.defer_reason, new.cancelled_at, new.refusal,
        new.result_code, new.settled_at, new.settlement_day, new.last_event
    ) on conflict (payment_request_id) do update set (
        status, acquirer_id, account, amount_value, amount_currency, settlement_value, settlement_currency, kind, initiated_at,
        payment_id, completed_at, fee_value, fee_currency, cancellation, cancel_acquirer_id, first_received_at, defer_reason,
        cancelled_at, refusal, result_code, settled_at, settlement_day, last_event
    ) = (
        excluded.status, excluded.acquirer_id, excluded.account, excluded.amount_value, excluded.amount_currency,
        excluded.settlement_value, excluded.settlement_currency, excluded.kind, excluded.initiated_at, excluded.payment_id,
        excluded.completed_at, excluded.fee_value, excluded.fee_currency, excluded.cancellation, excluded.cancel_acquirer_id,
        excluded.first_received_at, excluded.defer_reason, excluded.cancelled_at, excluded.refusal, excluded.result_code,
        excluded.settled_at, excluded.settlement_day, excluded.last_event
    );
end;

create trigger follow_cases_update after update on cases begin
    insert into cases_next (
        bucket, payment_request_id, status, acquirer_id, account, amount_value, amount_currency, settlement_value,
        settlement_currency, kind, initiated_at, payment_id, completed_at, fee_value, fee_currency, cancellation,
        cancel_acquirer_id, first_received_at, defer_reason, cancelled_at, refusal, result_code, settled_at, settlement_day,
        last_event
    ) values (
        coalesce((select bucket from cases_next where payment_request_id = new.payment_request_id), 32), new.payment_request_id,
        new.status, new.acquirer_id, new.account, new.amount_value, new.amount_currency, new.settlement_value,
        new.settlement_currency, new.kind, new.initiated_at, new.payment_id, new.completed_at, new.fee_value, new.fee_currency,
        new.cancellation, new.cancel_acquirer_id, new.first_received_at, new.defer_reason, new.cancelled_at, new.refusal,
        new.result_code, new.settled_at, new.settlement_day, new.last_event
    ) on conflict (payment_request_id) do update set (
        status, acquirer_id, account, amount_value, amount_currency, settlement_value, settlement_currency, kind, initiated_at,
        payment_id, completed_at, fee_value, fee_currency, cancellation, cancel_acquirer_id, first_received_at, defer_reason,
        cancelled_at, refusal, result_code, settled_at, settlement_day, last_event
    ) = (
        excluded.status, excluded.acquirer_id, excluded.account, excluded.amount_value, excluded.amount_currency,
        excluded.settlement_value, excluded.settlement_currency, excluded.kind, excluded.initiated_at, excluded.payment_id,
        excluded.completed_at, excluded.fee_value, excluded.fee_currency, excluded.cancellation, excluded.cancel_acquirer_id,
        excluded.first_received_at, excluded.defer_reason, excluded.cancelled_at, excluded.refusal, excluded.result_code,
        excluded.settled_at, excluded.settlement_day, excluded.last_event
    );
end;

create trigger follow_refunds_insert after insert on refunds begin
    insert into refunds_next (
        bucket, payment_request_id, refund_request_id, place, amount_value, amount_currency, state, completed_at, settlement_day
    ) values (
        coalesce((select bucket from cases_next where payment_request_id = new.payment_request_id), 32), new.payment_request_id,
        new.refund_request_id, new.place, new.amount_value, new.amount_currency, new.state, new.completed_at, new.settlement_day
    ) on conflict (payment_request_id, refund_request_id) do update set (
        place, amount_value, amount_currency, state, completed_at, settlement_day
    ) = (
        excluded.place, excluded.amount_value, excluded.amount_currency, excluded.state, excluded.completed_at,
        excluded.settlement_day
    );
end;

create trigger follow_refunds_update after update on refunds begin
    insert into refunds_next (
        bucket, payment_request_id, refund_request_id, place, amount_value, amount_currency, state, completed_at, settlement_day
    ) values (
        coalesce((select bucket from cases_next where payment_request_id = new.payment_request_id), 32), new.payment_request_id,
        new.refund_request_id, new.place, new.amount_value, new.amount_currency, new.state, new.completed_at, new.settlement_day
    ) on conflict (payment_request_id, refund_request_id) do update set (
        place, amount_value, amount_currency, state, completed_at, settlement_day
    ) = (
        excluded.place, excluded.amount_value, excluded.amount_currency, excluded.state, excluded.completed_at,
        excluded.settlement_day
    );
end;

create trigger follow_reversals_insert after insert on reversals begin
    insert into reversals_next (
        bucket, payment_request_id, kind, amount_value, amount_currency, opened_at, attempts, state, next_attempt_at,
        lease_attempt, lease_until, last_error, done_at
    ) values (
        coalesce((select bucket from cases_next where payment_request_id = new.payment_request_id), 32), new.payment_request_id,
        new.kind, new.amount_value, new.amount_currency, new.opened_at, new.attempts, new.state, new.next_attempt_at,
        new.lease_attempt, new.lease_until, new.last_error, new.done_at
    ) on conflict (payment_request_id) do update set (
        kind, amount_value, amount_currency, opened_at, attempts, state, next_attempt_at, lease_attempt, lease_until, last_error,
        done_at
    ) = (
        excluded.kind, excluded.amount_value, excluded.amount_currency, excluded.opened_at, excluded.attempts, excluded.state,
        excluded.next_attempt_at, excluded.lease_attempt, excluded.lease_until, excluded.last_error, excluded.done_at
    );
end;

create trigger follow_reversals_update after update on reversals begin
    insert into reversals_next (
        bucket, payment_request_id, kind, amount_value, amount_currency, opened_at, attempts, state, next_attempt_at,
        lease_attempt, lease_until, last_error, done_at
    ) values (
        coalesce((select bucket from cases_next where payment_request_id = new.payment_request_id), 32), new.payment_request_id,
        new.kind, new.amount_value, new.amount_currency, new.opened_at, new.attempts, new.state, new.next_attempt_at,
        new.lease_attempt, new.lease_until, new.last_error, new.done_at
    ) on conflict (payment_request_id) do update set (
        kind, amount_value, amount_currency, opened_at, attempts, state, next_attempt_at, lease_attempt, lease_until, last_error,
        done_at
    ) = (
        excluded.kind, excluded.amount_value, excluded.amount_currency, excluded.opened_at, excluded.attempts, excluded.state,
        excluded.next_attempt_at, excluded.lease_attempt, excluded.lease_until, excluded.last_error, excluded.done_at
    );
end;

create trigger follow_events after insert on events begin
    insert into events_next (bucket, payment_request_id, number, at, what, details)
    values (
        coalesce((select bucket from cases_next where payment_request_id = new.payment_request_id), 32),
        new.payment_request_id, new.number, new.at, new.what, new.details
    ) on conflict (payment_request_id, number) do nothing;
end;

create trigger follow_ledger_entries after insert on ledger_entries begin
    insert into ledger_entries_next (
        bucket, payment_request_id, refund_request_id, kind, account, contra_account, value, currency, at, position
    ) values (
        coalesce((select bucket from cases_next where payment_request_id = new.payment_request_id), 32),
        new.payment_request_id, new.refund_request_id, new.kind, new.account, new.contra_account, new.value, new.currency, new.at,
        new.position
    ) on conflict (position) do nothing;
end;

-- How far the copy has come, so that it goes on where it was interrupted.
create table copied_cases (
    only_one integer not null primary key default 1,
    -- The id of the last case that was copied; empty before the first.
    last_id text not null default '',
    cases integer not null default 0,
    -- There is one row.
    constraint copied_cases_one_row check (only_one = 1)
) strict;
insert into copied_cases (last_id, cases) select coalesce(max(payment_request_id), ''), count(*) from cases_next;
