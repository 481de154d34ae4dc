drop trigger follow on cases;
drop trigger follow on refunds;
drop trigger follow on reversals;
drop trigger follow on events;
drop trigger follow on ledger_entries;
drop function follow_cases(), follow_refunds(), follow_reversals(), follow_events(), follow_ledger_entries();
drop table copied_cases, ledger_entries_next, events_next, receipts, deferrals, reversals_next, refunds_next, cases_next;
drop function bucket_of(text);
