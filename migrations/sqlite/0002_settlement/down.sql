drop table settlement_days;
drop index refunds_named;
drop index refunds_accounted;
drop index cases_accounted;
drop index refunds_unaccounted;
drop index cases_unaccounted;
alter table refunds drop column settlement_day;
alter table cases drop column settlement_day;
