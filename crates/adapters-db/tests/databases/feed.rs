//! The feed of events: what transactions do to its order, and what it costs.

use std::sync::Arc;
use std::time::{Duration, Instant};

use diesel::connection::SimpleConnection;
use diesel::pg::PgConnection;
use diesel::prelude::*;
use diesel::sql_types::Text;
use ports::testing::contracts::feed::{FeedSubject, all_from, types_of};
use ports::testing::{Subject, Wallet, ledger_policy};
use ports::{CancellationStore, EventFeed, FeedCursor, FeedError, FeedPosition, PublishedEvent};

use crate::fixtures::{Postgres, TestDatabase, decided, deployment_policy, for_each_engine, paid, server};

for_each_engine!(what_was_there_before_rows_had_a_number_comes_first, a_new_generation_needs_a_database_that_was_served);

const CANCELLED: [&str; 3] = ["cancellation.received", "payment.cancelled", "money.returned"];

async fn cancelled(store: &Arc<dyn CancellationStore>, name: &str) -> Wallet {
    let wallet = paid(store, name).await;
    decided(store, vec![wallet.is_cancelled()]).await;
    wallet
}

fn names(events: &[PublishedEvent]) -> Vec<(String, &'static str)> {
    events.iter().map(|event| (event.payment_request_id.to_string(), event.event.event_type.as_str())).collect()
}

async fn what_was_there_before_rows_had_a_number_comes_first(database: &(impl TestDatabase + FeedSubject)) {
    let store = database.open(ledger_policy());
    for place in 0..30 {
        cancelled(&store, &format!("before-{place}")).await;
    }
    database.execute(database.in_its_sql("update events set xid = '0'", "select 1")).unwrap();
    let now = cancelled(&store, "now").await;
    let feed = database.open_feed();
    let all = all_from(database, &feed, None, 1000).await;
    assert_eq!(all.len(), 31 * 3);
    assert!(all[..90].iter().all(|event| event.payment_request_id != now.id));
    assert_eq!(types_of(&all[90..], &now.id), CANCELLED);
    for limit in [1, 2, 7] {
        assert_eq!(all_from(database, &feed, None, limit).await, all, "{limit} at once");
    }
    for place in [0, 1, 44, 89, 91] {
        let rest = all_from(database, &feed, Some(all[place].cursor.clone()), 1000).await;
        assert_eq!(rest, all[place + 1..], "after {place}");
    }
}

async fn a_new_generation_needs_a_database_that_was_served(database: &(impl TestDatabase + FeedSubject)) {
    let opened = database.open_database(1);
    assert!(opened.raise_feed_generation().unwrap_err().to_string().contains("was never served"));
    opened.check_deployment(&deployment_policy()).unwrap();
    assert_eq!((opened.raise_feed_generation(), opened.raise_feed_generation()), (Ok(2), Ok(3)));
}

/// A transaction of somebody else that has a number and does not end.
pub(crate) struct OpenWriter(PgConnection);

impl OpenWriter {
    pub(crate) fn of(url: &str) -> Self {
        let mut connection = PgConnection::establish(url).unwrap();
        connection.batch_execute("begin; select pg_current_xact_id()").unwrap();
        Self(connection)
    }

    /// Writes one more line to a case.
    fn writes(&mut self, name: &str, what: &str) {
        let insert = diesel::sql_query(
            "insert into events (bucket, payment_request_id, number, at, what, details)
             select bucket, payment_request_id, last_event + 1, 0, $2, '{}' from cases where payment_request_id = $1",
        );
        insert.bind::<Text, _>(name).bind::<Text, _>(what).execute(&mut self.0).unwrap();
    }

    /// Writes a line that must never be told.
    pub(crate) fn writes_nonsense(&mut self) {
        let insert = "insert into events (bucket, payment_request_id, number, at, what, details)
            values (0, 'nonsense-' || pg_current_xact_id(), 1, 0, 'cancel-received', '{}')";
        self.0.batch_execute(insert).unwrap();
    }

    pub(crate) fn ends(mut self, how: &str) {
        self.0.batch_execute(how).unwrap();
    }
}

/// Reads until what is told is what is expected: others write in the same server.
async fn comes_to(
    feed: &Arc<dyn EventFeed>,
    after: Option<&FeedCursor>,
    expected: &[(String, &'static str)],
) -> Vec<PublishedEvent> {
    loop {
        let page = feed.read(after, 1000).await.unwrap();
        if names(&page.events) == expected {
            return page.events;
        }
        assert!(page.events.len() <= expected.len(), "{:?}", names(&page.events));
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

fn told(name: &str, types: &[&'static str]) -> Vec<(String, &'static str)> {
    types.iter().map(|event_type| (name.to_owned(), *event_type)).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn f22_a_transaction_that_began_earlier_and_commits_later_is_not_skipped() {
    let database = Postgres::migrated();
    let (store, feed) = (database.open(ledger_policy()), database.open_feed());
    paid(&store, "early").await;
    let mut writer = OpenWriter::of(database.server_url());
    cancelled(&store, "late").await;
    for _ in 0..10 {
        assert!(feed.read(None, 1000).await.unwrap().events.is_empty(), "what may come before it is not known yet");
    }
    writer.writes("early", "reversal-parked");
    writer.ends("commit");
    comes_to(&feed, None, &[told("early", &["reversal.parked"]), told("late", &CANCELLED)].concat()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn f22_a_transaction_that_is_rolled_back_holds_up_nothing_afterwards() {
    let database = Postgres::migrated();
    let (store, feed) = (database.open(ledger_policy()), database.open_feed());
    paid(&store, "undone").await;
    let mut writer = OpenWriter::of(database.server_url());
    cancelled(&store, "kept").await;
    writer.writes("undone", "reversal-parked");
    assert!(feed.read(None, 1000).await.unwrap().events.is_empty());
    writer.ends("rollback");
    comes_to(&feed, None, &told("kept", &CANCELLED)).await;
}

/// A batch gets its number at its first lock. It may then wait for a case that a batch with a later number has.
#[tokio::test(flavor = "multi_thread")]
async fn f22_a_case_is_told_in_its_own_order_whichever_batch_began_first() {
    let database = Postgres::migrated();
    let (store, feed) = (database.open(ledger_policy()), database.open_feed());
    let mut writer = OpenWriter::of(database.server_url());
    cancelled(&store, "shared").await;
    cancelled(&store, "other").await;
    writer.writes("shared", "reversal-parked");
    writer.ends("commit");
    let shared = told("shared", &[&CANCELLED[..], &["reversal.parked"]].concat());
    let events = comes_to(&feed, None, &[shared, told("other", &CANCELLED)].concat()).await;
    for (place, event) in events.iter().enumerate() {
        let rest = feed.read(Some(&event.cursor), 1000).await.unwrap().events;
        assert_eq!(rest, events[place + 1..], "after {place}");
    }
}

/// Also one in another database of the same server, and one that was prepared.
#[tokio::test(flavor = "multi_thread")]
async fn a_long_writer_anywhere_in_the_server_stalls_the_feed_and_is_seen() {
    let database = Postgres::migrated();
    let (store, feed) = (database.open(ledger_policy()), database.open_feed());
    let writer = OpenWriter::of(&server());
    let began = Instant::now();
    cancelled(&store, "behind").await;
    let mut seen = Duration::ZERO;
    while seen < Duration::from_millis(300) {
        assert!(feed.read(None, 1000).await.unwrap().events.is_empty());
        seen = feed.oldest_writer().await.unwrap();
        assert!(seen <= began.elapsed() + Duration::from_secs(60), "{seen:?}");
    }
    writer.ends("commit");
    comes_to(&feed, None, &told("behind", &CANCELLED)).await;
    while feed.oldest_writer().await.unwrap() >= seen {}
}

#[tokio::test(flavor = "multi_thread")]
async fn f86_rows_of_another_server_get_places_that_this_one_comes_to() {
    let database = Postgres::migrated();
    let opened = database.open_database(2);
    opened.check_deployment(&deployment_policy()).unwrap();
    let (store, feed) = (database.open(ledger_policy()), database.open_feed());
    for place in 0..5 {
        cancelled(&store, &format!("moved-{place}")).await;
    }
    // As a dump of a server that has counted further.
    database.execute("update events set xid = (xid::text::bigint + 1000000000)::text::xid8").unwrap();
    assert!(all_from(&database, &feed, None, 100).await.is_empty(), "they would never be told");
    assert_eq!(opened.raise_feed_generation(), Ok(2));
    let all = all_from(&database, &feed, None, 100).await;
    assert_eq!(all.len(), 15);
    cancelled(&store, "new").await;
    let more = all_from(&database, &feed, Some(all[14].cursor.clone()), 100).await;
    assert_eq!(names(&more), told("new", &CANCELLED), "what comes now comes after them");
    assert_eq!(feed.read(Some(&FeedCursor::beginning(1)), 1).await, Err(FeedError::Foreign { generation: 2 }));
}

/// Payments of which one in fifty is cancelled, `many` transactions of 200 payments each.
fn fill(database: &Postgres, many: usize) {
    database
        .execute(&format!(
            "do $$ begin
                 for number in 1..{many} loop
                     insert into events (bucket, payment_request_id, number, at, what, details, more)
                     select place & 31, 'filled-' || number || '-' || place, line, 0,
                         (array['payment-recorded', 'succeeded', 'cancel-received'])[line], '{{}}',
                         case when line = 3 then '[[\"cancelled\",{{\"rule\":\"money-taken\"}}]]' end
                     from generate_series(1, 200) as place, generate_series(1, 3) as line
                     where line < 3 or place % 50 = 0;
                     commit;
                 end loop;
             end $$"
        ))
        .unwrap();
}

/// How many pages of the timelines and their indexes one read takes, by the server's own count.
async fn pages_of(database: &Postgres, after: Option<&FeedCursor>) -> (i64, usize) {
    let count = "select (coalesce(heap_blks_hit, 0) + coalesce(heap_blks_read, 0) + coalesce(idx_blks_hit, 0) + coalesce(idx_blks_read, 0))::text
        as value from pg_statio_user_tables where relname = 'events'";
    let before = database.number(count);
    let events = {
        let opened = database.open_database(1);
        opened.feed().read(after, 100).await.unwrap().events.len()
    };
    // A session tells what it counted at its end.
    loop {
        let taken = database.number(count) - before;
        if taken > 0 {
            return (taken, events);
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn f22_a_read_takes_few_pages_of_a_large_table_whether_it_is_up_to_date_or_far_behind() {
    let database = Postgres::migrated();
    let full = std::env::var("RESCIND_SCALE").is_ok_and(|scale| scale == "full");
    fill(&database, if full { 2_500 } else { 50 });
    database.execute("analyze events").unwrap();
    database.catch_up().await;
    let last: u64 = database.texts("select max(xid::text::bigint)::text as value from events").remove(0).parse().unwrap();
    let size = database.number("select (pg_relation_size('events') / 8192)::text as value");
    let near_the_end = FeedCursor::at(1, FeedPosition::before(last));
    let (up_to_date, told) = pages_of(&database, Some(&near_the_end)).await;
    assert_eq!(told, 4 * 2);
    let (far_behind, told) = pages_of(&database, None).await;
    assert_eq!(told, 100);
    println!("of {size} pages of the table: {up_to_date} up to date, {far_behind} far behind");
    assert!(up_to_date <= 80, "{up_to_date}");
    // 160 rows, and the timeline of each.
    assert!(far_behind <= 160 * 10, "{far_behind}");
}
