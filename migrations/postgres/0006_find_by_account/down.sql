drop table resolutions;
drop index deferrals_parked, cases_by_payment_id, cases_by_initiation, cases_by_account;
