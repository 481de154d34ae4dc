-- Gives the copied tables their names, in a moment in which nobody writes. Both versions of Rescind work on them from then on.

drop trigger follow on cases;
drop trigger follow on refunds;
drop trigger follow on reversals;
drop trigger follow on events;
drop trigger follow on ledger_entries;
drop function follow_cases(), follow_refunds(), follow_reversals(), follow_events(), follow_ledger_entries();

-- Positions go on where the version before would have gone on.
select setval(pg_get_serial_sequence('ledger_entries_next', 'position'), last_value, is_called) from ledger_entries_position_seq;
alter table ledger_entries_next alter column position set generated always;

-- Refused while a case is not copied.
do $$ begin
    if exists (
        select 1 from cases where payment_request_id > (select last_id from copied_cases)
            and not exists (select 1 from cases_next as n where n.payment_request_id = cases.payment_request_id)
    ) then
        raise 'cases are not copied yet: rescind migrate copies them';
    end if;
end $$;

drop table ledger_entries, events, reversals, refunds, cases;
drop table copied_cases;

alter table cases_next rename to cases;
alter table refunds_next rename to refunds;
alter table reversals_next rename to reversals;
alter table events_next rename to events;
alter table ledger_entries_next rename to ledger_entries;
alter sequence ledger_entries_next_position_seq rename to ledger_entries_position_seq;

-- Readers of the feed of events keep a position of it. A database that was restored, or moved to another server, has positions of
-- another generation: an operator raises this number, and readers are told.
alter table served_terms add column feed_generation bigint not null default 1;

-- The version before names no bucket.
create function give_bucket() returns trigger language plpgsql as $$
begin
    new.bucket := bucket_of(new.payment_request_id);
    return new;
end $$;
create trigger give_bucket before insert on cases for each row when (new.bucket is null) execute function give_bucket();
create trigger give_bucket before insert on refunds for each row when (new.bucket is null) execute function give_bucket();
create trigger give_bucket before insert on reversals for each row when (new.bucket is null) execute function give_bucket();
create trigger give_bucket before insert on events for each row when (new.bucket is null) execute function give_bucket();
create trigger give_bucket before insert on ledger_entries for each row when (new.bucket is null) execute function give_bucket();
