drop table served_terms;
drop table ledger_entries;
drop table events;
drop table reversals;
drop table refunds;
drop table cases;
