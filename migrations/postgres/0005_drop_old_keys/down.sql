-- What the version before needs comes back.

create function bucket_of(payment_request_id text) returns smallint
    language sql immutable strict parallel safe
    return (get_byte(sha256(convert_to(payment_request_id, 'UTF8')), 0) & 31)::smallint;

create unique index cases_alone on cases (payment_request_id);
create unique index refunds_alone on refunds (payment_request_id, refund_request_id);
create unique index reversals_alone on reversals (payment_request_id);
create unique index events_alone on events (payment_request_id, number);

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
