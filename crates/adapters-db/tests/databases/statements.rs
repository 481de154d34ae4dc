//! What a batch costs: the same number of statements, however many cases it has, and no index of the cases where nothing is new in it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use diesel::connection::{Instrumentation, InstrumentationEvent, set_default_instrumentation};
use domain::{
    AcquirerId, Action, AttemptEnd, InquiryReply, InquiryRule, Jitter, Lookup, PaymentInquiry, Policy, ReportedResult,
    ReversalOutcome,
};
use ports::testing::{Wallet, core_policy, ledger_policy, moment};
use ports::{CancellationStore, Page, ReceivedCommand, ReversalFilter};

use crate::fixtures::{Postgres, Sqlite, TestDatabase, decided, paid};

/// How many statements were begun, by the address of the database.
static BEGUN: Mutex<BTreeMap<String, usize>> = Mutex::new(BTreeMap::new());

/// Counts one connection's statements.
struct Counting(String);

impl Instrumentation for Counting {
    fn on_connection_event(&mut self, event: InstrumentationEvent<'_>) {
        if let InstrumentationEvent::StartEstablishConnection { url, .. } = &event {
            self.0 = (*url).to_owned();
        }
        if let InstrumentationEvent::StartQuery { .. } = &event {
            *BEGUN.lock().unwrap().entry(self.0.clone()).or_default() += 1;
        }
    }
}

fn begun_at(place: &str) -> usize {
    BEGUN.lock().unwrap().iter().filter(|(url, _)| url.contains(place)).map(|(_, begun)| begun).sum()
}

/// The lives of cases, one batch a step.
fn steps(prefix: &str, size: usize) -> Vec<Vec<ReceivedCommand>> {
    let wallets: Vec<_> = (0..size).map(|n| Wallet::of(&format!("{prefix}-{size}-{n}"))).collect();
    let succeeded = ReportedResult::Succeeded;
    let close = |outcome| Action::CompleteAttempt(AttemptEnd { attempt: 1, outcome, jitter: Jitter(0) });
    let step = |asks: &dyn Fn(&Wallet) -> ReceivedCommand| wallets.iter().map(asks).collect::<Vec<_>>();
    vec![
        step(&Wallet::pays),
        step(&|wallet| wallet.reports(succeeded)),
        step(&|wallet| wallet.refunds("r", 400)),
        step(&|wallet| wallet.is_cancelled_by("acquirer-1", Lookup::Recorded)),
        step(&|wallet| wallet.reports_refund("r", ReportedResult::Failed)),
        step(&Wallet::is_cancelled),
        step(&|wallet| wallet.does(close(ReversalOutcome::Impossible("closed".to_owned())))),
        step(&|wallet| wallet.does(Action::Resolve { note: "paid".to_owned(), by: "operator".to_owned() })),
        step(&Wallet::is_cancelled),
    ]
}

async fn statements(store: &Arc<dyn CancellationStore>, place: &str, steps: Vec<Vec<ReceivedCommand>>) -> Vec<usize> {
    let mut counts = Vec::new();
    for batch in steps {
        let before = begun_at(place);
        decided(store, batch).await;
        counts.push(begun_at(place) - before);
    }
    counts
}

async fn same_for_one_and_for_64(database: &impl TestDatabase, place: &str, policy: Policy) {
    set_default_instrumentation(|| Some(Box::new(Counting(String::new())))).unwrap();
    let store = database.open_database(1).store(policy.clone());
    // The first use of a connection prepares it.
    store.check().await.unwrap();
    let prefix = format!("{:?}", policy.funds);
    let for_one = statements(&store, place, steps(&prefix, 1)).await;
    let for_64 = statements(&store, place, steps(&prefix, 64)).await;
    assert_eq!(for_one, for_64);
    // Begin, lock, insert what is missing, two tables of belongings, the write (of each table on SQLite), commit.
    assert!(for_64.iter().all(|count| (3..=11).contains(count)), "{for_64:?}");
}

/// One journey there and back, without a transaction: an inquiry takes nothing from those that decide.
async fn inquiries_are_one_statement(database: &impl TestDatabase, place: &str) {
    set_default_instrumentation(|| Some(Box::new(Counting(String::new())))).unwrap();
    let store = database.open_database(1).store(ledger_policy());
    let wallets: Vec<_> = (0..64).map(|number| Wallet::of(&format!("inquired-{number}"))).collect();
    decided(&store, wallets.iter().map(Wallet::pays).collect()).await;
    let inquiry = |wallet: &Wallet| PaymentInquiry {
        id: wallet.id.clone(),
        acquirer_id: AcquirerId::parse("acquirer-1").unwrap(),
        lookup: Lookup::NotYet,
        at: moment(0),
    };
    // The first use of a connection prepares it.
    assert!(store.inquire(vec![inquiry(&wallets[0])]).await.remove(0).is_ok());
    for size in [1, 64] {
        let before = begun_at(place);
        let replies = store.inquire(wallets.iter().take(size).map(inquiry).collect()).await;
        assert_eq!((begun_at(place) - before, replies.len()), (1, size));
        assert!(replies.iter().all(|reply| *reply == Ok(InquiryReply::Answered(InquiryRule::InProgress))), "{replies:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_of_inquiries_is_one_statement_on_postgres() {
    let database = Postgres::migrated();
    inquiries_are_one_statement(&database, database.name()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_of_inquiries_is_one_statement_on_sqlite() {
    let database = Sqlite::migrated();
    inquiries_are_one_statement(&database, &database.path()).await;
}

/// Begin, lock with the clock, refunds, write, commit: each of them is a journey there and back.
#[tokio::test(flavor = "multi_thread")]
async fn a_batch_of_first_cancels_is_five_journeys_on_postgres() {
    set_default_instrumentation(|| Some(Box::new(Counting(String::new())))).unwrap();
    let database = Postgres::migrated();
    let store = database.open_database(1).store(ledger_policy());
    let mut wallets = Vec::new();
    for n in 0..8 {
        wallets.push(paid(&store, &format!("journey-{n}")).await);
    }
    let first = wallets.iter().map(Wallet::is_cancelled).collect();
    let again = wallets.iter().map(Wallet::is_cancelled).collect();
    let unknown = (0..8).map(|n| Wallet::of(&format!("fence-{n}")).is_cancelled()).collect();
    // A repeat loads reversals and writes nothing; a fence has nothing to load and inserts its cases.
    assert_eq!(statements(&store, database.name(), vec![first, again, unknown]).await, [5, 5, 5]);
}

#[tokio::test(flavor = "multi_thread")]
async fn sixty_four_cases_take_the_statements_of_one_on_postgres() {
    let database = Postgres::migrated();
    for policy in [ledger_policy(), core_policy()] {
        same_for_one_and_for_64(&database, database.name(), policy).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn sixty_four_cases_take_the_statements_of_one_on_sqlite() {
    let database = Sqlite::migrated();
    for policy in [ledger_policy(), core_policy()] {
        same_for_one_and_for_64(&database, &database.path(), policy).await;
    }
}

/// The queries that read reversals.
static REVERSAL_QUERIES: Mutex<Vec<String>> = Mutex::new(Vec::new());

struct Listening;

impl Instrumentation for Listening {
    fn on_connection_event(&mut self, event: InstrumentationEvent<'_>) {
        if let InstrumentationEvent::StartQuery { query, .. } = &event {
            REVERSAL_QUERIES.lock().unwrap().extend(Some(query.to_string()).filter(|text| text.contains("reversals")));
        }
    }
}

/// The health of every process is checked twice a second, and every case that was ever cancelled has a reversal that is done.
#[tokio::test(flavor = "multi_thread")]
async fn looking_at_what_is_owed_reads_nothing_that_is_done() {
    // Values are left out: a plan that is made once for all of them must do.
    const PLAN: &str = "
        create function plan(query text) returns setof text language plpgsql set enable_seqscan = off as $$ begin
            query := regexp_replace(query, 'limit \\$\\d', 'limit 10', 'gi');
            return query execute 'explain ' || regexp_replace(query, '\\$\\d', '''''', 'g');
        end $$";
    set_default_instrumentation(|| Some(Box::new(Listening))).unwrap();
    let database = Postgres::migrated();
    let store = database.open_database(1).store(core_policy());
    let done = AttemptEnd { attempt: 1, outcome: ReversalOutcome::Done, jitter: Jitter(0) };
    for number in 0..300 {
        let wallet = paid(&store, &format!("done-{number}")).await;
        decided(&store, vec![wallet.is_cancelled(), wallet.does(Action::CompleteAttempt(done.clone()))]).await;
    }
    database.execute("analyze").unwrap();
    database.execute(PLAN).unwrap();
    REVERSAL_QUERIES.lock().unwrap().clear();
    store.backlog().await.unwrap();
    for filter in [ReversalFilter::Open, ReversalFilter::Parked] {
        store.reversals(filter, &Page { limit: 10, after: None }).await.unwrap();
    }
    let queries = std::mem::take(&mut *REVERSAL_QUERIES.lock().unwrap());
    assert_eq!(queries.len(), 4, "{queries:#?}");
    for query in queries {
        let query = query.split(" -- binds").next().unwrap();
        let plan = database.texts(&format!("select plan as value from plan('{}')", query.replace('\'', "''")));
        let uses = |index: &str| plan.iter().any(|line| line.contains(index));
        assert!(uses("reversals_by_state") || uses("reversals_by_age"), "{query}: {plan:#?}");
    }
}

/// A connection makes its plans for tables that are nearly empty, and keeps them when these are full.
#[tokio::test(flavor = "multi_thread")]
async fn a_batch_reads_no_more_of_full_tables_than_of_empty_ones() {
    const FILL: &str = "
        insert into cases (bucket, payment_request_id) select n % 32, 'fill-' || n from generate_series(1, 20000) as n;
        insert into refunds (bucket, payment_request_id, refund_request_id, place, amount_value, amount_currency, state)
            select bucket, payment_request_id, 'r', 0, 1, 'JPY', 'reserved' from cases where payment_request_id like 'fill-%';
        insert into reversals (bucket, payment_request_id, kind, opened_at, attempts, state, done_at)
            select bucket, payment_request_id, 'void', 1, 1, 'done', 1 from cases where payment_request_id like 'fill-%'";
    // What a connection read and what it wrote may be reported at two moments.
    const FILLED: &str = "
        select least(reversals.n_tup_ins, cases.seq_tup_read / 2)::text as value
        from pg_stat_user_tables as cases, pg_stat_user_tables as reversals
        where cases.relname = 'cases' and reversals.relname = 'reversals'";
    const READ: &str =
        "select coalesce(sum(seq_tup_read + coalesce(idx_tup_fetch, 0)), 0)::text as value from pg_stat_user_tables";
    const WRITTEN: &str = "select n_tup_upd::text as value from pg_stat_user_tables where relname = 'cases'";
    let database = Postgres::migrated();
    for policy in [ledger_policy(), core_policy()] {
        let store = database.open_database(1).store(policy.clone());
        let prefix = format!("{:?}", policy.funds);
        let lives = |size| steps(&prefix, size).into_iter().chain([vec![Wallet::of(&prefix).is_cancelled()]]);
        for batch in lives(1) {
            decided(&store, batch).await;
        }
        store.lease_due(moment(0), 10).await.unwrap();
        // A connection reports what it read when it ends.
        database.execute(FILL).unwrap();
        while database.number(FILLED) < 20_000 {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        database.execute("select pg_stat_reset()").unwrap();
        for batch in lives(2) {
            decided(&store, batch).await;
        }
        store.lease_due(moment(0), 10).await.unwrap();
        drop(store);
        while database.number(WRITTEN) == 0 {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        let read = database.number(READ);
        assert!((1..2_000).contains(&read), "{read} rows were read for some twenty of two cases");
        database.execute("delete from cases; delete from refunds; delete from reversals").unwrap();
    }
}

/// Where a new version of a row differs from the old one in a column that an index knows, it gets an entry in every index.
#[tokio::test(flavor = "multi_thread")]
async fn a_cancel_changes_nothing_of_its_case_that_an_index_knows() {
    const COLUMNS: &str = "select key || ' is ' || value as value from cases, jsonb_each(to_jsonb(cases))";
    const INDEXED: &str = "
        select attname::text as value
        from pg_depend
        join pg_index on objid = indexrelid and indrelid = 'cases'::regclass
        join pg_attribute on attrelid = refobjid and attnum = refobjsubid
        where classid = 'pg_class'::regclass and refobjid = 'cases'::regclass";
    let database = Postgres::migrated();
    let store = database.open_database(1).store(ledger_policy());
    let wallet = paid(&store, "indexed").await;
    let columns = || BTreeSet::from_iter(database.texts(COLUMNS));
    let (before, _, after) = (columns(), decided(&store, vec![wallet.is_cancelled()]).await, columns());
    let changed: BTreeSet<_> = after.difference(&before).filter_map(|column| column.split(' ').next()).collect();
    assert!(changed.contains("cancellation") && changed.contains("last_event"), "{changed:?}");
    let indexed = database.texts(INDEXED);
    assert!(indexed.iter().any(|column| column == "defer_reason"), "{indexed:?}");
    assert!(indexed.iter().all(|column| !changed.contains(column.as_str())), "{changed:?} and {indexed:?}");
}
