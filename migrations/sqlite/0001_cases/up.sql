-- Everything that is known of a payment request, keyed by its id throughout, so that a distributed engine keeps a case on one shard.
-- Moments are microseconds since 1970-01-01T00:00:00Z, amounts are counted in the currency's smallest unit.

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

-- What the deployment was last served with. Other terms would judge recorded cases by rules that they were not made under.
create table served_terms (
    -- int, because an integer primary key would be the row's own number and have no default.
    only_one int not null primary key default 1,
    psp_id text not null,
    funds text not null,
    payments text not null,
    period text not null,
    -- There is one row.
    constraint served_terms_one_row check (only_one = 1)
) strict;
