-- Which day accounts for what completed. A day is written YYYY-MM-DD: it is a date at UTC+8 and no moment.

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

-- Days that are being closed, and those that are.
create table settlement_days (
    day text primary key,
    -- Grows whenever the day takes something in, so that it is never closed by a statement that does not know of it.
    revision bigint not null,
    closed_at bigint,
    -- The SHA-256 of the statement's file, which is made again from the cases.
    digest text,
    -- Totals and what is left out, as a JSON object.
    statement text,
    -- A day is closed with its statement, or is open.
    constraint settlement_days_closed_whole check (
        (closed_at is null) = (digest is null) and (closed_at is null) = (statement is null)
    )
);
