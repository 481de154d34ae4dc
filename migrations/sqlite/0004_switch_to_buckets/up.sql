-- Gives the copied tables their names, in one transaction. Both versions of Rescind work on them from then on.

drop trigger follow_cases_insert;
drop trigger follow_cases_update;
drop trigger follow_refunds_insert;
drop trigger follow_refunds_update;
drop trigger follow_reversals_insert;
drop trigger follow_reversals_update;
drop trigger follow_events;
drop trigger follow_ledger_entries;
-- Refused while a case is not copied.
update copied_cases set only_one = 2
where exists (
    select 1 from cases where payment_request_id > last_id
        and not exists (select 1 from cases_next as n where n.payment_request_id = cases.payment_request_id)
);
drop table copied_cases;

-- Positions go on where the version before would have gone on.
delete from sqlite_sequence where name = 'ledger_entries_next';
insert into sqlite_sequence (name, seq) select 'ledger_entries_next', seq from sqlite_sequence where name = 'ledger_entries';

-- Dropping a large table takes long, and nobody can write meanwhile. `rescind migrate` empties these in small steps first.
alter table ledger_entries rename to ledger_entries_before;
alter table events rename to events_before;
alter table reversals rename to reversals_before;
alter table refunds rename to refunds_before;
alter table cases rename to cases_before;

alter table cases_next rename to cases;
alter table refunds_next rename to refunds;
alter table reversals_next rename to reversals;
alter table events_next rename to events;
alter table ledger_entries_next rename to ledger_entries;

-- Readers of the feed of events keep a position of it. A database that was restored has positions of another generation: an
-- operator raises this number, and readers are told.
alter table served_terms add column feed_generation integer not null default 1;

-- The version before names no bucket. Its rows have that of their case, once the case has its own.
create trigger give_refunds_bucket after insert on refunds when new.bucket = 32 begin
    update refunds set bucket = coalesce((select bucket from cases where payment_request_id = new.payment_request_id), 32)
    where rowid = new.rowid;
end;

create trigger give_reversals_bucket after insert on reversals when new.bucket = 32 begin
    update reversals set bucket = coalesce((select bucket from cases where payment_request_id = new.payment_request_id), 32)
    where rowid = new.rowid;
end;

create trigger give_events_bucket after insert on events when new.bucket = 32 begin
    update events set bucket = coalesce((select bucket from cases where payment_request_id = new.payment_request_id), 32)
    where rowid = new.rowid;
end;

create trigger give_ledger_entries_bucket after insert on ledger_entries when new.bucket = 32 begin
    update ledger_entries set bucket = coalesce((select bucket from cases where payment_request_id = new.payment_request_id), 32)
    where rowid = new.rowid;
end;
