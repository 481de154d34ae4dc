-- For the feed of events, which is read in the order of the transactions. `rescind migrate` makes the index beside processes that
-- write; here it is made where nobody does yet.
--
-- Only lines that can tell something are in it: the announcement and the result of an ordinary payment are not, so that a payment
-- costs nothing, and who looks for cancels does not read all that was ever paid. Why not a BRIN index, which nobody who writes would
-- pay for: type xid8 has no operator class for one, and of what was written in the last minute it knows nothing, so that each look
-- would read all of it (docs/develop/decisions.md has the figures).
do $$ begin
    if to_regclass('events_for_feed') is null then
        create index events_for_feed on events (xid) where more is not null or not (
            what in ('failed', 'refund-reserved', 'refund-succeeded', 'refund-failed', 'settled', 'settings-adopted')
            or (what = 'payment-recorded' and number = 1)
            or (what = 'succeeded' and number = 2)
        );
    end if;
end $$;
