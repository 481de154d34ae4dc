-- What people search payments by: the account, the wallet's own id, the moment. A cancel changes none of these columns, so that it
-- writes to none of these indexes. The bucket is not first in them: nobody who searches knows it, and on one server the pages of a
-- search come in the order of the index. A distributed database asks each of its servers, and merges.

-- `rescind migrate` has made these indexes beside the processes that serve, where there was anything to index. An index that is there
-- is not touched, not even by a lock.
do $$ begin
    if to_regclass('cases_by_account') is null then
        create index cases_by_account on cases (account, initiated_at, payment_request_id) where account is not null;
    end if;
    if to_regclass('cases_by_initiation') is null then
        create index cases_by_initiation on cases (initiated_at, payment_request_id) where initiated_at is not null;
    end if;
    if to_regclass('cases_by_payment_id') is null then
        create index cases_by_payment_id on cases (payment_id) where payment_id is not null;
    end if;
    -- What waits for an operator is little among what waits.
    if to_regclass('deferrals_parked') is null then
        create index deferrals_parked on deferrals (payment_request_id) where state = 'parked';
    end if;
end $$;

-- What an operator wants ended by hand, and another one has not approved yet.
create table resolutions (
    bucket smallint not null,
    payment_request_id text collate "C" not null,
    -- The number of the timeline's line that says so. With any further line the row counts for nothing, also where a process wrote it
    -- that does not know this table.
    number integer not null,
    note text not null,
    asked_by text not null,
    asked_at bigint not null,
    -- One is asked for at a time; the next one takes its place.
    constraint resolutions_key primary key (bucket, payment_request_id)
);

-- The same roles may do the same with this table: a role that serves need not be the one that migrates.
do $$ declare
    granted record;
begin
    for granted in
        select acl.privilege_type, coalesce(quote_ident(pg_roles.rolname), 'public') as role
        from pg_class
            cross join lateral aclexplode(coalesce(relacl, acldefault('r', relowner))) as acl
            left join pg_roles on pg_roles.oid = acl.grantee
        where pg_class.oid = 'cases'::regclass and acl.grantee <> current_user::regrole
    loop
        execute format('grant %s on resolutions to %s', granted.privilege_type, granted.role);
    end loop;
end $$;
