//! Random histories on rows that the version before wrote.

use ports::testing::contracts::cases::histories::histories_read_back_as_they_were_decided;

use crate::fixtures::{TestDatabase, for_each_engine};

for_each_engine!(histories_are_the_same_where_the_version_before_wrote_the_reversals);

/// A trigger turns each reversal that the ledger booked into the row that the version before writes.
async fn histories_are_the_same_where_the_version_before_wrote_the_reversals(database: &impl TestDatabase) {
    let unfold = database.in_its_sql(
        "create function unfold() returns trigger language plpgsql as $$ begin
             insert into reversals (
                 bucket, payment_request_id, kind, amount_value, amount_currency, opened_at, attempts, state, done_at
             )
             values (new.bucket, new.payment_request_id, case new.kind when 'payment' then 'refund' else 'release' end,
                 new.amount_value, new.amount_currency, new.returned_at, 1, 'done', new.returned_at);
             new.returned_at := null;
             return new;
         end $$;
         create trigger unfold before update on cases for each row when (new.returned_at is not null) execute function unfold()",
        "create trigger unfold after update on cases when new.returned_at is not null begin
             insert into reversals (
                 bucket, payment_request_id, kind, amount_value, amount_currency, opened_at, attempts, state, done_at
             )
             values (new.bucket, new.payment_request_id, case new.kind when 'payment' then 'refund' else 'release' end,
                 new.amount_value, new.amount_currency, new.returned_at, 1, 'done', new.returned_at);
             update cases set returned_at = null where rowid = new.rowid;
         end",
    );
    database.execute(unfold).unwrap();
    histories_read_back_as_they_were_decided(database).await;
    let count = |of: &str| database.number(&format!("select cast(count(*) as text) as value from {of}"));
    assert_eq!(count("cases where returned_at is not null"), 0);
    assert!(count("reversals where state = 'done' and opened_at = done_at") > 9);
}
