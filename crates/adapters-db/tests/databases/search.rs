//! What a search reads, and what it costs those who write.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use chrono::TimeDelta;
use diesel::connection::{Instrumentation, InstrumentationEvent, set_default_instrumentation};
use domain::{AccountId, AcquirerId, Action, CaseState, PaymentId};
use ports::testing::{Wallet, core_policy, ledger_policy, moment, sha256};
use ports::{CaseSearch, FoundCases, Search, SearchPage, SearchPosition};

use crate::fixtures::{Postgres, TestDatabase, decided, for_each_engine, paid};

for_each_engine!(
    a_page_is_short_where_what_is_searched_for_is_rare,
    what_is_not_rare_any_more_is_found_by_time_and_not_all_at_once,
    f94_a_search_reads_an_index_and_not_the_table,
    f93_a_resolution_that_a_process_of_before_retried_counts_no_more,
);

/// How many cases a search looks at.
const LOOKED_AT: i64 = 10_000;

/// So many payments, one a microsecond, of which the oldest failed.
fn fill(database: &impl TestDatabase, count: i64) {
    let first = moment(0).timestamp_micros();
    let row = |n: i64| {
        let id = format!("fill-{}", 100_000 + n);
        let bucket = u8::from_str_radix(&sha256(id.as_bytes())[..2], 16).unwrap() & 31;
        let (status, at) = (if n == 1 { "failed" } else { "succeeded" }, first + n);
        format!(
            "({bucket}, '{id}', '{status}', 'acquirer-1', 'account-{}', 1, 'JPY', 'payment', {at}, 'P-{n}', {at}, 2)",
            n % 100
        )
    };
    let rows: Vec<_> = (1..=count).map(row).collect();
    let inserts = rows.chunks(1000).map(|rows| {
        format!(
            "insert into cases (bucket, payment_request_id, status, acquirer_id, account, amount_value, amount_currency, kind,
                 initiated_at, payment_id, completed_at, last_event) values {};",
            rows.join(", ")
        )
    });
    database.execute(&inserts.collect::<String>()).unwrap();
}

async fn page(
    search: &Arc<dyn CaseSearch>,
    wanted: &Search,
    after: Option<SearchPosition>,
) -> (Vec<String>, Option<SearchPosition>) {
    let page = SearchPage { limit: 100, after };
    let FoundCases::Page { cases, next } = search.search(wanted, &page).await.unwrap() else { panic!("too many for {wanted:?}") };
    (cases.into_iter().map(|case| case.id.to_string()).collect(), next)
}

fn in_state(state: CaseState) -> Search {
    Search { state: Some(state), ..Search::default() }
}

async fn a_page_is_short_where_what_is_searched_for_is_rare(database: &impl TestDatabase) {
    fill(database, 2 * LOOKED_AT + 2);
    let search = database.open_database(4).search();
    let failed = in_state(CaseState::Failed);
    let (first, after_first) = page(&search, &failed, None).await;
    let (second, after_second) = page(&search, &failed, after_first.clone()).await;
    let (third, end) = page(&search, &failed, after_second.clone()).await;
    assert!(after_first.is_some() && after_second.is_some() && after_second < after_first);
    assert_eq!((first.len(), second.len(), third, end), (0, 0, vec!["fill-100001".to_owned()], None));
    // An account is found at once, however many payments others have made since.
    let of_account = Search { account: Some(AccountId::parse("account-1").unwrap()), ..failed };
    assert_eq!(page(&search, &of_account, None).await, (vec!["fill-100001".to_owned()], None));
}

/// Every fill's payment is open.
const OPEN: &str = "
    insert into reversals (bucket, payment_request_id, kind, amount_value, amount_currency, opened_at, attempts, state, next_attempt_at)
    select bucket, payment_request_id, 'refund', 1, 'JPY', 1, 0, 'open', 1 from cases where payment_request_id like 'fill-%'";

async fn what_is_not_rare_any_more_is_found_by_time_and_not_all_at_once(database: &impl TestDatabase) {
    fill(database, LOOKED_AT);
    database.execute(OPEN).unwrap();
    let cancelled =
        "update cases set cancellation = 'open', cancel_acquirer_id = 'acquirer-1', first_received_at = 1, cancelled_at = 1
        where status = 'succeeded'";
    database.execute(cancelled).unwrap();
    let search = database.open_database(4).search();
    assert_eq!(page(&search, &in_state(CaseState::Open), None).await.0.len(), 100);
    let store = database.open(core_policy());
    decided(&store, vec![Wallet::of("one-more").is_cancelled()]).await;
    let all = search.search(&in_state(CaseState::Open), &SearchPage { limit: 100, after: None }).await;
    assert_eq!(all, Ok(FoundCases::TooMany));
    let initiated_from = Some(moment(0) + TimeDelta::microseconds(LOOKED_AT - 2));
    let late = Search { initiated_from, ..in_state(CaseState::Open) };
    assert_eq!(page(&search, &late, None).await.0, ["fill-110000", "fill-109999", "fill-109998"]);
}

/// The queries of searches.
static QUERIES: Mutex<Vec<String>> = Mutex::new(Vec::new());

struct Listening;

impl Instrumentation for Listening {
    fn on_connection_event(&mut self, event: InstrumentationEvent<'_>) {
        if let InstrumentationEvent::StartQuery { query, .. } = &event {
            let query = query.to_string();
            let (query, _) = query.split_once(" -- binds").unwrap_or((&query, ""));
            QUERIES.lock().unwrap().extend(query.contains("began_at").then(|| query.to_owned()));
        }
    }
}

/// The query with some value for each parameter: the plan must be right for any.
fn with_values(query: &str) -> String {
    let mut pieces = query.split('$');
    let first = pieces.next().unwrap_or_default().to_owned();
    pieces.fold(first, |text, piece| text + "'5'" + piece.trim_start_matches(|c: char| c.is_ascii_digit()))
}

async fn f94_a_search_reads_an_index_and_not_the_table(database: &impl TestDatabase) {
    set_default_instrumentation(|| Some(Box::new(Listening))).unwrap();
    fill(database, 3_000);
    database.execute("analyze").unwrap();
    let search = database.open_database(4).search();
    let account = Search { account: Some(AccountId::parse("account-1").unwrap()), ..Search::default() };
    let time = Search {
        initiated_from: Some(moment(0)),
        acquirer_id: Some(AcquirerId::parse("acquirer-1").unwrap()),
        ..Search::default()
    };
    let payment_id = Search { payment_id: Some(PaymentId::parse("P-7").unwrap()), ..Search::default() };
    for (wanted, index) in [
        (Search { state: Some(CaseState::Cancelled), ..account.clone() }, "cases_by_account"),
        (account, "cases_by_account"),
        (time, "cases_by_initiation"),
        (in_state(CaseState::Cancelled), "cases_by_initiation"),
        (payment_id, "cases_by_payment_id"),
        (in_state(CaseState::Deferred), "cases_by_deferral"),
        (in_state(CaseState::Open), "reversals_by_"),
        (in_state(CaseState::Parked), "deferrals_parked"),
    ] {
        QUERIES.lock().unwrap().clear();
        page(&search, &wanted, Some(SearchPosition { began_at: moment(1), id: Wallet::of("a").id })).await;
        let queries = std::mem::take(&mut *QUERIES.lock().unwrap());
        assert!(!queries.is_empty(), "{wanted:?}");
        for query in queries.iter().map(|query| with_values(query)) {
            let plan = database.plan(&query);
            assert!(plan.contains(index), "{wanted:?}: {plan}\n{query}");
            let whole = [
                "Seq Scan",
                "SCAN cases\n",
                "SCAN reversals\n",
                "SCAN deferrals\n",
                "SCAN cases USING INDEX sqlite",
                "using cases_key on cases\n",
            ];
            assert!(whole.iter().all(|whole| !plan.contains(whole)), "{wanted:?}: {plan}\n{query}");
        }
    }
}

/// PostgreSQL counts the versions of rows that no index hears of.
#[tokio::test(flavor = "multi_thread")]
async fn f94_a_cancel_writes_to_no_index_of_its_case() {
    const UPDATES: &str = "select n_tup_upd::text as value from pg_stat_user_tables where relname = 'cases'";
    const UNHEARD: &str = "select n_tup_hot_upd::text as value from pg_stat_user_tables where relname = 'cases'";
    let database = Postgres::migrated();
    // So few that both versions of each have room on one page.
    fill(&database, 10);
    database.execute("vacuum cases").unwrap();
    database.execute("select pg_stat_reset()").unwrap();
    let store = database.open_database(1).store(ledger_policy());
    let cancels = (2..=10).map(|n| Wallet::of(&format!("fill-{}", 100_000 + n)).is_cancelled()).collect();
    decided(&store, cancels).await;
    drop(store);
    // A connection reports what it did when it ends.
    while database.number(UPDATES) < 9 {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert_eq!((database.number(UPDATES), database.number(UNHEARD)), (9, 9));
}

/// Processes that do not know the table of resolutions leave its rows where they are.
async fn f93_a_resolution_that_a_process_of_before_retried_counts_no_more(database: &impl TestDatabase) {
    let policy = domain::Policy { four_eyes: true, ..core_policy() };
    let store = database.open(policy);
    let wallet = paid(&store, "asked").await;
    let at = Wallet { at: moment(60), ..wallet.clone() };
    let park = || at.does(Action::Park { note: "look".to_owned(), by: "ann".to_owned() });
    let resolve = at.does(Action::Resolve { note: "paid".to_owned(), by: "ann".to_owned() });
    decided(&store, vec![wallet.is_cancelled(), park(), resolve]).await;
    let file = store.find(&wallet.id).await.unwrap().unwrap();
    assert_eq!(file.case.resolution.map(|asked| asked.by), Some("ann".to_owned()));
    // As such a process retries and parks it.
    let lines = "update cases set last_event = last_event + 2 where payment_request_id = 'asked'";
    database.execute(lines).unwrap();
    let file = store.find(&wallet.id).await.unwrap().unwrap();
    assert!(file.case.resolution.is_none() && file.case.is_parked());
    assert_eq!(database.number("select cast(count(*) as text) as value from resolutions"), 1);
}
