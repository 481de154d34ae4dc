//! Inquiries beside those that decide: none waits for a lock.

use diesel::connection::SimpleConnection;
use domain::{AcquirerId, InquiryReply, InquiryRule, Lookup, PaymentInquiry};
use ports::testing::{Wallet, ledger_policy, moment};

use crate::fixtures::{Postgres, Sqlite, TestDatabase, decided};

/// Inquires while somebody else is in the middle of closing the payment.
async fn a_locked_case_is_read_as_it_was(database: &impl TestDatabase, other: &mut impl SimpleConnection, begin: &str) {
    let store = database.open_database(2).store(ledger_policy());
    let wallet = Wallet::of("locked");
    decided(&store, vec![wallet.pays()]).await;
    other.batch_execute(begin).unwrap();
    other.batch_execute("update cases set status = 'failed', completed_at = 0").unwrap();
    let acquirer_id = AcquirerId::parse("acquirer-1").unwrap();
    let inquiry = PaymentInquiry { id: wallet.id.clone(), acquirer_id, lookup: Lookup::NotYet, at: moment(0) };
    let reply = store.inquire(vec![inquiry.clone()]).await.remove(0);
    assert_eq!(reply, Ok(InquiryReply::Answered(InquiryRule::InProgress)), "what is not committed is not told");
    other.batch_execute("commit").unwrap();
    let reply = store.inquire(vec![inquiry]).await.remove(0);
    assert_eq!(reply, Ok(InquiryReply::Answered(InquiryRule::Failed(None))));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_inquiry_waits_for_no_lock_on_postgres() {
    let database = Postgres::migrated();
    let begin = "begin; select 1 from cases for update";
    a_locked_case_is_read_as_it_was(&database, &mut database.connection(), begin).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_inquiry_waits_for_no_lock_on_sqlite() {
    let database = Sqlite::migrated();
    a_locked_case_is_read_as_it_was(&database, &mut database.connection(), "begin immediate").await;
}
