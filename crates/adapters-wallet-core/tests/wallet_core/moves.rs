//! A core whose name leads to another machine from one moment to the next, while calls go on.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU16, AtomicUsize, Ordering};
use std::time::Duration;

use adapters_wallet_core::{CoreSettings, WalletCore};
use domain::ReversalOutcome;
use ports::{FundsGateway, Payments};
use reqwest::dns::{Addrs, Name, Resolve, Resolving};

use crate::server::{Act, Server, answer};
use crate::{core_at, id, refund, settings};

/// The name server of these tests: it knows one name, and where that leads now.
#[derive(Default)]
struct Names {
    port: AtomicU16,
    asked: AtomicUsize,
}

impl Resolve for Names {
    fn resolve(&self, name: Name) -> Resolving {
        assert_eq!(name.as_str(), "core.example");
        self.asked.fetch_add(1, Ordering::SeqCst);
        let address = SocketAddr::from(([127, 0, 0, 1], self.port.load(Ordering::SeqCst)));
        Box::pin(async move { Ok(Box::new([address].into_iter()) as Addrs) })
    }
}

impl Names {
    fn lead_to(&self, server: &Server) {
        self.port.store(server.port, Ordering::SeqCst);
    }
}

fn done() -> String {
    answer(200, "{\"outcome\":\"done\"}")
}

fn saying(text: String) -> Server {
    Server::responding(Box::new(move |_| Act::Say(text.clone())))
}

/// The age that connections may have, and how many callers there are. `RESCIND_SCALE=full` takes the default age.
fn scale() -> (Duration, usize) {
    match std::env::var("RESCIND_SCALE").as_deref() {
        Ok("full") => (Duration::from_secs(45), 64),
        _ => (Duration::from_millis(400), 8),
    }
}

/// The core moves under load. Calls that begin once a connection's age is over go to where the name leads.
#[tokio::test(flavor = "multi_thread")]
async fn f71_no_call_goes_to_the_old_address_once_a_connection_may_have_been_old() {
    let (age, callers) = scale();
    let (old, new, names) = (saying(done()), saying(done()), Arc::new(Names::default()));
    names.lead_to(&old);
    let reached = CoreSettings { max_connection_age: age, ..settings("http://core.example/core") };
    let core =
        WalletCore::resolving(&CoreSettings { timeout: Duration::from_secs(15), ..reached }, Arc::clone(&names) as _).unwrap();
    let load = async |calls: usize| {
        let calling = (0..callers).map(|_| {
            let core = core.clone();
            tokio::spawn(async move {
                for _ in 0..calls {
                    assert_eq!(core.reverse(&refund()).await, ReversalOutcome::Done);
                }
            })
        });
        for called in calling.collect::<Vec<_>>() {
            called.await.unwrap();
        }
    };
    load(50).await;
    names.lead_to(&new);
    let moving = tokio::time::Instant::now();
    while moving.elapsed() < age {
        load(1).await;
    }
    let (before, asked) = (old.received().len(), names.asked.load(Ordering::SeqCst));
    load(50).await;
    assert_eq!(old.received().len(), before, "no call goes to the old address");
    assert!(new.received().len() >= 50 * callers);
    assert!(asked > 1, "the name is asked for again");
}

/// The old address is answered by something that is not the core any more: one call meets it, the next goes to the new one.
#[tokio::test]
async fn f71_an_answer_outside_of_the_contract_leads_the_next_call_to_the_new_address() {
    let strangers = [
        answer(503, "<html>no backend</html>"),
        answer(404, "<html>not here</html>"),
        answer(500, ""),
        answer(200, "<html>welcome</html>"),
        answer(200, "{\"outcome\":\"moved\"}"),
        answer(422, "{}"),
        answer(301, ""),
        format!("HTTP/1.1 200 Said\r\ncontent-length: 100000\r\n\r\n{}", " ".repeat(100_000)),
    ];
    for stranger in strangers {
        let moved = Arc::new(std::sync::Mutex::new(done()));
        let says = Arc::clone(&moved);
        let old = Server::responding(Box::new(move |_| Act::Say(says.lock().unwrap().clone())));
        let (new, names) = (saying(done()), Arc::new(Names::default()));
        names.lead_to(&old);
        let core = WalletCore::resolving(&settings("http://core.example/core"), Arc::clone(&names) as _).unwrap();
        assert_eq!(core.reverse(&refund()).await, ReversalOutcome::Done);
        names.lead_to(&new);
        assert_eq!(core.reverse(&refund()).await, ReversalOutcome::Done, "nothing tells yet that the core has moved");
        assert_eq!(new.received(), []);
        stranger.clone_into(&mut moved.lock().unwrap());
        assert!(matches!(core.reverse(&refund()).await, ReversalOutcome::Unknown(_)), "{stranger:.40}");
        assert_eq!(core.reverse(&refund()).await, ReversalOutcome::Done, "{stranger:.40}");
        assert_eq!(new.received().len(), 1, "{stranger:.40}");
    }
}

/// The same for a lookup, whose answers in the contract keep the connection.
#[tokio::test]
async fn f71_answers_in_the_contract_keep_the_connection_and_others_end_it() {
    let payment = "{\"status\":\"U\",\"acquirerId\":\"a\",\"account\":\"u\",\"amount\":{\"value\":\"1\",\"currency\":\"JPY\"},\
                   \"kind\":\"payment\",\"initiatedAt\":\"2026-03-01T12:00:00+08:00\"}";
    let wrong = payment.replace("\"U\"", "\"X\"");
    let script =
        [answer(200, payment), answer(404, ""), answer(200, &wrong), answer(200, payment), answer(503, ""), answer(404, "{}")];
    let server = Server::start(script.map(Act::Say));
    let core = core_at(&server.url());
    let mut known = Vec::new();
    for _ in 0..6 {
        known.push(core.look_up(&id("20260301-7")).await.is_ok());
    }
    assert_eq!(known, [true, true, false, true, false, true]);
    let connections: Vec<_> = server.received().iter().map(|request| request.connection).collect();
    assert_eq!(connections, [1, 1, 1, 2, 2, 3]);
}

/// "Not finished" is in the contract: the core is asked again over the same connection.
#[tokio::test]
async fn f71_an_answer_that_it_is_not_finished_keeps_the_connection() {
    let server = Server::start([answer(202, "{}"), done()].map(Act::Say));
    let core = core_at(&server.url());
    assert!(matches!(core.reverse(&refund()).await, ReversalOutcome::Unknown(_)));
    assert_eq!(core.reverse(&refund()).await, ReversalOutcome::Done);
    let connections: Vec<_> = server.received().iter().map(|request| request.connection).collect();
    assert_eq!(connections, [1, 1]);
}

/// A call may take so long that its connection would be older than a minute at its end. Then it gets a new one.
#[tokio::test]
async fn f71_a_connection_is_not_kept_for_a_call_that_may_outlive_its_minute() {
    let server = saying(done());
    let patient = CoreSettings { timeout: Duration::from_secs(60), ..settings(&server.url()) };
    let core = WalletCore::new(&patient).unwrap();
    for _ in 0..3 {
        assert_eq!(core.reverse(&refund()).await, ReversalOutcome::Done);
    }
    let connections: Vec<_> = server.received().iter().map(|request| request.connection).collect();
    assert_eq!(connections, [1, 2, 3]);
}

/// A token that was exchanged is used by the next call, of every clone; the place and the times stay.
#[tokio::test]
async fn f81_a_new_token_comes_with_a_new_connection_and_a_broken_one_changes_nothing() {
    let server = saying(done());
    let with = |token: &str| CoreSettings { token: Some(token.to_owned()), ..settings(&server.url()) };
    let core = WalletCore::new(&with("first")).unwrap();
    let clone = core.clone();
    assert_eq!(core.reverse(&refund()).await, ReversalOutcome::Done);
    assert!(core.renewal(&with("no token")).is_err());
    assert_eq!(clone.reverse(&refund()).await, ReversalOutcome::Done);
    let elsewhere = CoreSettings { url: "http://elsewhere.invalid".to_owned(), timeout: Duration::ZERO, ..with("second") };
    core.exchange(core.renewal(&elsewhere).unwrap());
    assert_eq!(clone.reverse(&refund()).await, ReversalOutcome::Done);
    let received = server.received();
    let shown: Vec<_> = received.iter().map(|request| (request.connection, request.header("authorization").unwrap())).collect();
    assert_eq!(shown, [(1, "Bearer first"), (1, "Bearer first"), (2, "Bearer second")]);
}
