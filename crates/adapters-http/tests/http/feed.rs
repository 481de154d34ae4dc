//! The feed over the wire: pages, waiting, and cursors that lead nowhere.

use std::sync::{Arc, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use domain::ReportedResult;
use ports::testing::{Wallet, async_trait};
use ports::{EventFeed, FeedCursor, FeedError, FeedPage, UnavailableError};
use serde_json::Value;

use crate::wallet_side::{Api, OPERATOR, PAY, Reply};

const CANCELLED: [&str; 3] = ["cancellation.received", "payment.cancelled", "money.returned"];

fn cancelled(api: &Api, name: &str) {
    let wallet = Wallet::of(name);
    api.decide(wallet.pays());
    api.decide(wallet.reports(ReportedResult::Succeeded));
    api.decide(wallet.is_cancelled());
}

fn read(api: &Api, query: &str) -> Reply {
    api.get(&format!("/wallet/v1/events{query}"))
}

fn types(page: &Value) -> Vec<&str> {
    page["events"].as_array().unwrap().iter().map(|event| event["type"].as_str().unwrap()).collect()
}

fn cursor(of: &Value) -> String {
    of["cursor"].as_str().unwrap().to_owned()
}

#[test]
fn f95_a_reader_goes_on_from_any_cursor() {
    let api = Api::with_ledger();
    assert_eq!(types(&read(&api, "").json()), [""; 0]);
    cancelled(&api, "one");
    let page = read(&api, "?limit=2").json();
    assert_eq!(types(&page), CANCELLED[..2]);
    assert_eq!(page["cursor"], page["events"][1]["cursor"]);
    assert_eq!(page["events"][0]["paymentRequestId"], "one");
    let rest = read(&api, &format!("?after={}", cursor(&page))).json();
    assert_eq!(types(&rest), CANCELLED[2..]);
    let from_first = read(&api, &format!("?after={}", cursor(&page["events"][0]))).json();
    assert_eq!(types(&from_first), CANCELLED[1..]);
    let end = read(&api, &format!("?after={}", cursor(&rest))).json();
    assert_eq!(types(&end), [""; 0]);
    cancelled(&api, "two");
    assert_eq!(types(&read(&api, &format!("?after={}", cursor(&end))).json()), CANCELLED);
}

#[test]
fn every_known_token_may_read_and_no_other() {
    let api = Api::with_ledger();
    for (token, status) in [(PAY, 200), (OPERATOR, 200), ("stranger-0123456789", 401)] {
        assert_eq!(api.ask("GET /wallet/v1/events", Some(&format!("Bearer {token}")), b"").status, status, "{token}");
    }
}

#[test]
fn a_query_that_is_not_acceptable_says_what_would_be() {
    let api = Api::with_ledger();
    for (query, sentence) in [
        ("?after=", "after: must be a cursor as it was given"),
        ("?after=1-", "after: must be a cursor as it was given"),
        ("?after=1-3.0.3.1.zz", "after: must be a cursor as it was given"),
        ("?after=01", "after: must be a cursor as it was given"),
        ("?wait=31s", "wait: must be 0s to 30s"),
        ("?wait=5", "wait: must be 0s to 30s"),
        ("?wait=-1s", "wait: must be 0s to 30s"),
        ("?wait=005s", "wait: must be 0s to 30s"),
        ("?limit=0", "limit: must be a number of 1 to 1000"),
        ("?limit=1001", "limit: must be a number of 1 to 1000"),
    ] {
        let refused = read(&api, query);
        assert_eq!((refused.status, refused.problem().as_str()), (422, sentence), "{query}");
    }
}

#[test]
fn who_waits_is_told_as_soon_as_something_happens() {
    let api = Api::with_ledger();
    let begun = Instant::now();
    let page = thread::scope(|scope| {
        let waits = scope.spawn(|| read(&api, "?wait=30s").json());
        cancelled(&api, "awaited");
        waits.join().unwrap()
    });
    assert!(!types(&page).is_empty());
    assert!(begun.elapsed() < Duration::from_secs(30), "the wait is not waited for to its end");
}

#[test]
fn a_process_that_stops_lets_nobody_wait() {
    let api = Api::with_ledger();
    let begun = Instant::now();
    let page = thread::scope(|scope| {
        let waits = scope.spawn(|| read(&api, "?wait=30s").json());
        // Before it waits or while it does: both end.
        api.feed.stop();
        waits.join().unwrap()
    });
    assert_eq!(types(&page), [""; 0]);
    assert!(begun.elapsed() < Duration::from_secs(30));
}

#[test]
fn beyond_so_many_who_wait_the_next_hears_so_and_others_are_read_to() {
    let api = Api::with_ledger();
    thread::scope(|scope| {
        let (answered, answers) = mpsc::channel();
        for _ in 0..40 {
            let (answered, api) = (answered.clone(), &api);
            scope.spawn(move || answered.send(read(api, "?wait=30s")).unwrap());
        }
        for refused in answers.iter().take(8) {
            assert_eq!(
                (refused.status, refused.problem().as_str()),
                (503, "32 callers wait for events already; repeat the call later")
            );
        }
        assert_eq!(read(&api, "").status, 200, "who does not wait takes nobody's place");
        api.feed.stop();
        assert!(answers.iter().take(32).all(|waited| waited.status == 200));
    });
}

#[test]
fn f86_a_cursor_of_before_a_restore_is_answered_410() {
    let api = Api::with_ledger();
    cancelled(&api, "kept");
    let page = read(&api, "").json();
    api.others.raise_generation();
    let refused = read(&api, &format!("?after={}", cursor(&page)));
    assert_eq!(refused.status, 410);
    assert!(refused.problem().ends_with("the events of now are of generation 2: read them from the beginning"), "{refused:?}");
    assert_eq!(types(&read(&api, "").json()), CANCELLED);
}

/// A feed whose database is away.
struct Silent;

#[async_trait]
impl EventFeed for Silent {
    async fn read(&self, _: Option<&FeedCursor>, _: u32) -> Result<FeedPage, FeedError> {
        Err(UnavailableError::because("the database is away").into())
    }

    async fn oldest_writer(&self) -> Result<Duration, UnavailableError> {
        Err(UnavailableError::because("the database is away"))
    }
}

/// It is a failure to know, and not the end of the feed.
#[test]
fn a_store_that_does_not_answer_is_503() {
    let api = Api::over_feed(Arc::new(Silent));
    let refused = read(&api, "?wait=1s");
    assert_eq!((refused.status, refused.problem().as_str()), (503, "the store does not answer; repeat the call"));
}
