-- The tables of a case with a bucket first in every key. They are made beside those that are served. `rescind migrate` copies the
-- rows in small steps, while triggers repeat what is written meanwhile. The next migration gives the tables their names.

-- A bucket is one of 32, computed by Rescind from the id alone. 32 itself marks a row of the version before, which knows no bucket:
-- `rescind migrate` gives such a row its own.

create table cases_next (
    bucket integer not null default 32,
    payment_request_id text not null,

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
    -- Why it failed, where the wallet says so.
    failure_reason text,

    -- The cancellation.
    cancellation text,
    cancel_acquirer_id text,
    first_received_at integer,
    defer_reason text,
    cancelled_at integer,
    refusal text,
    result_code text,
    -- When the ledger gave the money back, in the commit that decided so. Only what is not finished in one commit has a row in
    -- reversals.
    returned_at integer,
    -- What the wallet was told of a payment that is cancelled: it is never taken back.
    told text,
    -- What the wallet core said of refunds that are not recorded here: all, a part, or an amount.
    refunded_elsewhere text,
    refunded_elsewhere_value integer,

    -- When the payment's day was closed for settlement, and the day whose statement accounts for the payment, as settled or as
    -- left out.
    settled_at integer,
    settlement_day text,
    -- The number of the timeline's last line.
    last_event integer not null default 0,

    constraint cases_key primary key (bucket, payment_request_id),
    -- A payment is recorded whole or not at all: nothing can be given back to an account that nobody named.
    constraint cases_payment_whole check (
        (status is null) + (acquirer_id is null) + (account is null) + (amount_value is null) + (amount_currency is null)
            + (kind is null) + (initiated_at is null) in (0, 7)
    ),
    -- A payment of nothing, or of less, could be turned into a gift by cancelling it. An amount is a value and its currency: one
    -- without the other cannot be read back.
    constraint cases_amounts_whole check (
        (settlement_value is null) = (settlement_currency is null) and (fee_value is null) = (fee_currency is null)
        and amount_value > 0 and settlement_value > 0 and fee_value > 0
    ),
    -- The states of a payment. A result has its moment; it decides the settlement day.
    constraint cases_status_known check (
        case status
            when 'in-progress' then completed_at is null
            when 'succeeded' then completed_at is not null
            when 'failed' then completed_at is not null
            else status is null and completed_at is null
        end
    ),
    constraint cases_kind_known check (kind in ('payment', 'authorization')),
    -- The first receipt decides about the period, so no cancellation is without one.
    constraint cases_cancellation_received check (
        (cancellation is null) + (first_received_at is null) + (cancel_acquirer_id is null) in (0, 3)
    ),
    -- The states of a cancellation, and what each of them has. Why a cancel is deferred says when it can be decided. Cancelled
    -- has a moment, and nothing else has: settlement leaves out everything that has one. The code that was sent is kept with
    -- every final answer, because it is repeated for ever and never derived again; why it is a refusal is kept with it.
    constraint cases_cancellation_known check (
        case cancellation
            when 'deferred' then defer_reason is not null and ((cancelled_at is not null) + (result_code is not null)) = 0
            when 'open' then cancelled_at is not null and ((defer_reason is not null) + (result_code is not null)) = 0
            when 'cancelled' then ((cancelled_at is null) + (result_code is null)) = 0 and defer_reason is null
            when 'refused' then (refusal is null) + (result_code is null) = 0
                and (cancelled_at is not null) + (defer_reason is not null) = 0
            when 'already-refunded' then result_code is not null and ((cancelled_at is not null) + (defer_reason is not null)) = 0
            else cancellation is null and ((cancelled_at is not null) + (defer_reason is not null) + (result_code is not null)) = 0
        end
    ),
    -- A payment that is cancelled for good costs no fee; until then the wallet core may say that it stands.
    constraint cases_cancelled_free check (cancellation <> 'cancelled' or fee_value is null),
    -- Money that the ledger gave back was taken, and its payment is cancelled.
    constraint cases_returned_cancelled check (
        returned_at is null or (status is not null and status = 'succeeded' and cancelled_at is not null)
    ),
    constraint cases_told_known check (told in ('closed', 'reversed')),
    -- An amount that was refunded elsewhere is named where one is said, and is more than nothing.
    constraint cases_refunded_elsewhere_known check (
        case refunded_elsewhere
            when 'amount' then refunded_elsewhere_value is not null and refunded_elsewhere_value > 0
            when 'all' then refunded_elsewhere_value is null
            when 'part' then refunded_elsewhere_value is null
            else refunded_elsewhere is null and refunded_elsewhere_value is null
        end
    ),
    -- Only what completed is accounted for, and what settles, settles on some day. The last line of defence: a payment settles or
    -- is cancelled, never both.
    constraint cases_settlement_completed check (
        (settlement_day is null or status = 'succeeded')
        and (settled_at is null or (settlement_day is not null and cancelled_at is null))
    )
) strict;

-- For the list of deferred cases, which is empty almost always. By the reason and not by the state, which every cancel changes.
create index cases_by_deferral on cases_next (payment_request_id) where defer_reason is not null;
-- For the closing of a day, which must not look at everything that was ever paid. Nothing that a cancel writes is in it.
create index cases_unassigned on cases_next (completed_at, payment_request_id)
    where status = 'succeeded' and settlement_day is null;
-- For a day's statement, in the order of its lines.
create index cases_by_day on cases_next (settlement_day, payment_request_id) where settlement_day is not null;

-- Refunds that the wallet makes itself. They are written under the lock of a case whose payment is recorded, after the case's row
-- in the same transaction. A foreign key would look for that row once more.
create table refunds_next (
    bucket integer not null default 32,
    payment_request_id text not null,
    refund_request_id text not null,
    -- The order in which they were announced.
    place integer not null,
    amount_value integer not null,
    amount_currency text not null,
    state text not null,
    completed_at integer,
    -- The day whose statement accounts for the refund.
    settlement_day text,
    -- An announced refund is one refund, however often it is announced.
    constraint refunds_key primary key (bucket, payment_request_id, refund_request_id),
    constraint refunds_amount_positive check (amount_value > 0),
    constraint refunds_state_known check (
        case state
            when 'reserved' then completed_at is null and settlement_day is null
            when 'succeeded' then completed_at is not null
            when 'failed' then completed_at is not null and settlement_day is null
            else false
        end
    )
) strict;

create index refunds_unassigned on refunds_next (completed_at, payment_request_id)
    where state = 'succeeded' and settlement_day is null;
create index refunds_by_day on refunds_next (settlement_day, payment_request_id) where settlement_day is not null;
-- For a file that names a refund and not its payment.
create index refunds_by_id on refunds_next (refund_request_id);

-- The duty to give a payment's money back, known to the wallet core by the case's own id. What the ledger gives back in the
-- commit that decides it has no row here: cases.returned_at says it. No foreign key, for the reason that refunds have none: the
-- case's row is written in the same transaction, which fails where it is not there.
create table reversals_next (
    bucket integer not null default 32,
    payment_request_id text not null,
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
    -- The key is what makes a second reversal of one payment impossible.
    constraint reversals_key primary key (bucket, payment_request_id),
    constraint reversals_kind_known check (kind in ('refund', 'release', 'void')),
    constraint reversals_amount_whole check ((amount_value is null) = (amount_currency is null) and amount_value > 0),
    -- What is open is always due at some time, so that no reversal is ever forgotten. Nobody can decide about a parked one
    -- without knowing what the wallet core said.
    constraint reversals_state_known check (
        case state
            when 'open' then next_attempt_at is not null and done_at is null
            when 'parked' then last_error is not null and ((next_attempt_at is not null) + (done_at is not null)) = 0
            when 'done' then done_at is not null and next_attempt_at is null
            when 'resolved' then done_at is not null and next_attempt_at is null
            else false
        end
    ),
    -- Only what is open can be worked on.
    constraint reversals_lease_whole check (
        (lease_attempt is null) = (lease_until is null) and (lease_attempt is null or state = 'open')
    )
) strict;

-- For the worker: what is due first.
create index reversals_by_due on reversals_next (next_attempt_at) where state = 'open';
-- For the lists of what is not back, which is little at any time.
create index reversals_by_state on reversals_next (state, payment_request_id) where state in ('open', 'parked');
-- For the one that has been open for longest, which every look at the process's health asks for.
create index reversals_by_age on reversals_next (opened_at) where state = 'open';

-- Cancels that wait until they can be decided: one row as long as a case is deferred for a reason that is tried again.
create table deferrals (
    bucket integer not null default 32,
    payment_request_id text not null,
    since integer not null,
    state text not null,
    attempts integer not null default 0,
    next_attempt_at integer,
    last_error text,
    constraint deferrals_key primary key (bucket, payment_request_id),
    -- What waits is due at some time, so that none is ever forgotten. What is parked says why.
    constraint deferrals_state_known check (
        case state
            when 'waiting' then next_attempt_at is not null
            when 'parked' then next_attempt_at is null and last_error is not null
            else false
        end
    )
) strict;

create index deferrals_by_due on deferrals (next_attempt_at) where state = 'waiting';

-- When each acquirer's cancel came, where more than one may ask before the payment is known.
create table receipts (
    bucket integer not null default 32,
    payment_request_id text not null,
    acquirer_id text not null,
    received_at integer not null,
    -- The signed Request-Time, where it and our clocks disagree about the period.
    requested_at integer,
    -- An acquirer's first receipt decides, however often it asks.
    constraint receipts_key primary key (bucket, payment_request_id, acquirer_id)
) strict;

-- The timeline; only ever added to. One row is one commit: its first line, and the further ones as a JSON array of [what,
-- details, at], where what is empty or the same as in the first line is left out at the end. Its rows are written under the lock
-- of a case that is there.
create table events_next (
    bucket integer not null default 32,
    payment_request_id text not null,
    -- The number of the row's first line. Lines are counted within the case under its lock, so none can be skipped or overtaken.
    number integer not null,
    at integer not null,
    what text not null,
    -- A JSON object of texts.
    details text not null,
    more text,
    -- The token's name of the caller who did it; empty for Alipay+ and for Rescind itself.
    actor text,
    -- Chains the rows of a case: over this row and the digest before it.
    digest blob,
    -- The order of the commits, for those who read what is new: there is one writer.
    position integer primary key,
    constraint events_key unique (bucket, payment_request_id, number)
) strict;

-- The embedded ledger; only ever added to. A row is one movement with both its sides, the user's account and the account it is
-- booked against, so debits and credits balance by construction. A balance is a sum of rows: nothing is locked by all reversals.
-- No foreign key, as above: an entry is written with the row of its case, or not at all.
create table ledger_entries_next (
    bucket integer not null default 32,
    payment_request_id text not null,
    -- The refund that moved it; empty for the payment itself and its cancellation.
    refund_request_id text not null default '',
    kind text not null,
    account text not null,
    -- Named with a space, so that no user's account can have the name.
    contra_account text not null,
    value integer not null,
    currency text not null,
    at integer not null,
    position integer primary key autoincrement,
    -- Money of one payment is taken once and given back once: the last line of defence against giving twice.
    constraint ledger_entries_key unique (bucket, payment_request_id, kind, refund_request_id),
    -- The kind carries the direction, so a value has none.
    constraint ledger_entries_positive check (value > 0),
    constraint ledger_entries_sides check (
        (kind in ('debit', 'credit') and contra_account = 'merchant payable')
        or (kind in ('hold', 'release') and contra_account = 'authorization holds')
    )
) strict;

create index ledger_entries_by_account on ledger_entries_next (account, position);


-- What the version before this one needs, which finds a case by its id alone.
create unique index cases_alone on cases_next (payment_request_id);
create unique index refunds_alone on refunds_next (payment_request_id, refund_request_id);
create unique index reversals_alone on reversals_next (payment_request_id);
create unique index events_alone on events_next (payment_request_id, number);

-- Repeats what is written to the tables that are served, until the switch. A row that is copied already is written over, one that
-- is not is there before the copy, which passes over it.

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
insert into copied_cases default values;
