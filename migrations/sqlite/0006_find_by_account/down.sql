drop table resolutions;
drop index deferrals_parked;
drop index cases_by_payment_id;
drop index cases_by_initiation;
drop index cases_by_account;
