-- What people search payments by: the account, the wallet's own id, the moment. A cancel changes none of these columns, so that it
-- writes to none of these indexes. The bucket is not first in them: nobody who searches knows it, and the pages of a search come in the
-- order of the index.

create index if not exists cases_by_account on cases (account, initiated_at, payment_request_id) where account is not null;
create index if not exists cases_by_initiation on cases (initiated_at, payment_request_id) where initiated_at is not null;
create index if not exists cases_by_payment_id on cases (payment_id) where payment_id is not null;
-- What waits for an operator is little among what waits.
create index if not exists deferrals_parked on deferrals (payment_request_id) where state = 'parked';

-- What an operator wants ended by hand, and another one has not approved yet.
create table resolutions (
    bucket integer not null,
    payment_request_id text not null,
    -- The number of the timeline's line that says so. With any further line the row counts for nothing, also where a process wrote it
    -- that does not know this table.
    number integer not null,
    note text not null,
    asked_by text not null,
    asked_at integer not null,
    -- One is asked for at a time; the next one takes its place.
    constraint resolutions_key primary key (bucket, payment_request_id)
) strict;
