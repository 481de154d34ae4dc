-- What the version before needs comes back.

create unique index cases_alone on cases (payment_request_id);
create unique index refunds_alone on refunds (payment_request_id, refund_request_id);
create unique index reversals_alone on reversals (payment_request_id);
create unique index events_alone on events (payment_request_id, number);

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
