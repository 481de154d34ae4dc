use std::net::TcpListener;
use std::sync::{Arc, Barrier};
use std::time::Duration;

use adapters_wallet_core::{CoreSettings, WalletCore};
use domain::{ReversalOutcome, ReversalRequest, Taken};
use ports::FundsGateway;

use crate::server::{Act, Server, answer};
use crate::{core_at, id, refund, settings, void};

const DONE: &str = r#"{"outcome":"done"}"#;

async fn reversed(act: Act) -> ReversalOutcome {
    let server = Server::start([act]);
    core_at(&server.url()).reverse(&refund()).await
}

async fn reversed_by_status(status: u16, body: &str) -> ReversalOutcome {
    reversed(Act::Say(answer(status, body))).await
}

fn unknown(met: &str) -> ReversalOutcome {
    ReversalOutcome::Unknown(met.to_owned())
}

#[track_caller]
fn assert_unknown(outcome: &ReversalOutcome, met: &str) {
    let ReversalOutcome::Unknown(text) = outcome else { panic!("{outcome:?} instead of {met}") };
    assert!(text.contains(met), "{text} instead of {met}");
    assert!(text.chars().count() <= 200 && !text.chars().any(char::is_control), "{text:?}");
}

#[tokio::test]
async fn the_core_is_sent_what_is_known_of_the_payment() {
    let server = Server::start([Act::Say(answer(200, DONE))]);
    assert_eq!(core_at(&server.url()).reverse(&refund()).await, ReversalOutcome::Done);
    let received = server.received();
    assert_eq!(received[0].line(), "PUT /core/reversals/20260301-7 HTTP/1.1");
    assert_eq!(received[0].header("content-type"), Some("application/json"));
    assert_eq!(received[0].header("accept"), Some("application/json"));
    assert_eq!(received[0].header("authorization"), None);
    let known = r#""paymentId":"P-1","account":"alice","amount":{"value":"1000","currency":"JPY"}"#;
    assert_eq!(received[0].body, format!(r#"{{"paymentRequestId":"20260301-7","taken":"debit",{known}}}"#));
}

#[tokio::test]
async fn what_is_not_known_is_left_out() {
    let server = Server::start([Act::Say(answer(200, DONE)), Act::Say(answer(200, DONE))]);
    let core = core_at(&server.url());
    core.reverse(&void()).await;
    core.reverse(&ReversalRequest { taken: Taken::Hold, ..void() }).await;
    let received = server.received();
    assert_eq!(received[0].body, r#"{"paymentRequestId":"20260301-7","taken":"nothing-known"}"#);
    assert_eq!(received[1].body, r#"{"paymentRequestId":"20260301-7","taken":"hold"}"#);
}

#[tokio::test]
async fn f08_every_attempt_asks_under_the_same_id() {
    let half = "HTTP/1.1 200 Said\r\ncontent-length: 18\r\n\r\n{\"outcome\"";
    let server = Server::start([
        Act::CloseUnread,
        Act::SayAndClose(String::new()),
        Act::Say(answer(500, "")),
        Act::Say(answer(404, "{}")),
        Act::SayAndClose(half.to_owned()),
        Act::Say(answer(202, "")),
        Act::Say(answer(422, r#"{"outcome":"impossible","reason":"closed account"}"#)),
        Act::Say(answer(200, DONE)),
        Act::Say(answer(200, r#"{"outcome":"already-done"}"#)),
    ]);
    let core = core_at(&server.url());
    for _ in 0..6 {
        assert_unknown(&core.reverse(&refund()).await, "");
    }
    assert_eq!(core.reverse(&refund()).await, ReversalOutcome::Impossible("closed account".to_owned()));
    assert_eq!(core.reverse(&refund()).await, ReversalOutcome::Done);
    assert_eq!(core.reverse(&refund()).await, ReversalOutcome::Done);
    let received = server.received();
    assert_eq!(received.len(), 8);
    for one in &received {
        assert_eq!((one.line(), &one.body), (received[0].line(), &received[0].body));
    }
}

#[tokio::test]
async fn ids_are_percent_encoded_in_paths() {
    let server = Server::start(vec![Act::Say(answer(200, DONE)); 4]);
    let core = core_at(&format!("{}//", server.url()));
    for text in ["a/../b?c#d%2e&e", "...", "~._-", "\\\"<>^`{|}[]@:;=+'$,!*()"] {
        assert_eq!(core.reverse(&ReversalRequest { id: id(text), ..void() }).await, ReversalOutcome::Done);
    }
    let received = server.received();
    let places: Vec<_> = received.iter().map(|one| one.line().split(' ').nth(1).unwrap()).collect();
    let strange = "%5C%22%3C%3E%5E%60%7B%7C%7D%5B%5D%40%3A%3B%3D%2B%27%24%2C%21%2A%28%29";
    let encoded = ["a%2F..%2Fb%3Fc%23d%252e%26e", "...", "~._-", strange];
    assert_eq!(places, encoded.map(|id| format!("/core/reversals/{id}")));
}

#[tokio::test]
async fn f33_each_outcome_of_the_core_is_told_apart() {
    let ends = [
        ("done", ReversalOutcome::Done),
        ("already-done", ReversalOutcome::Done),
        ("nothing-to-do", ReversalOutcome::NothingToDo),
        ("partly-refunded", ReversalOutcome::PartlyRefunded(None)),
        ("fully-refunded", ReversalOutcome::FullyRefunded),
    ];
    for (outcome, end) in ends {
        assert_eq!(reversed_by_status(200, &format!(r#"{{"outcome":"{outcome}","more":[1]}}"#)).await, end);
    }
    let refused = reversed_by_status(422, r#"{"reason":"account closed","outcome":"impossible"}"#).await;
    assert_eq!(refused, ReversalOutcome::Impossible("account closed".to_owned()));
}

#[tokio::test]
async fn f49_a_part_that_was_refunded_is_taken_over_with_its_amount() {
    let said = |refunded: &str| format!(r#"{{"outcome":"partly-refunded","refunded":{refunded}}}"#);
    let part = domain::Money::parse("400", "JPY").ok();
    let known = reversed_by_status(200, &said(r#"{"value":"400","currency":"JPY","more":1}"#)).await;
    assert_eq!(known, ReversalOutcome::PartlyRefunded(part));
    assert_eq!(reversed_by_status(200, &said("null")).await, ReversalOutcome::PartlyRefunded(None));
    for bad in [r#"{"value":"0","currency":"JPY"}"#, r#"{"value":"4.5","currency":"JPY"}"#, r#"{"value":"4","currency":"yen"}"#] {
        let outcome = reversed_by_status(200, &said(bad)).await;
        assert!(
            matches!(&outcome, ReversalOutcome::Unknown(met) if met.starts_with("status 200, refunded: ")),
            "{bad}: {outcome:?}"
        );
    }
    for bad in ["400", r#""400""#, "[]", r#"{"value":400,"currency":"JPY"}"#] {
        let outcome = reversed_by_status(200, &said(bad)).await;
        assert!(matches!(outcome, ReversalOutcome::Unknown(_)), "{bad}: {outcome:?}");
    }
}

#[tokio::test]
async fn f33_a_core_that_never_heard_of_it_has_said_nothing() {
    for body in ["", "{}", DONE, r#"{"outcome":"nothing-to-do"}"#, r#"{"outcome":"impossible","reason":"not found"}"#] {
        assert_eq!(reversed_by_status(404, body).await, unknown("status 404"), "{body}");
    }
}

#[tokio::test]
async fn f33_only_200_and_422_say_how_it_ended() {
    for status in [201, 203, 204, 206, 300, 304, 400, 401, 403, 404, 405, 408, 409, 410, 413, 429, 500, 501, 502, 503, 504, 599] {
        for body in [DONE, r#"{"outcome":"impossible","reason":"status"}"#] {
            // These two have no body in HTTP.
            let body = if [204, 304].contains(&status) { "" } else { body };
            assert_eq!(reversed_by_status(status, body).await, unknown(&format!("status {status}")));
        }
    }
    assert_eq!(reversed_by_status(202, DONE).await, unknown("status 202: the core has not finished"));
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    for status in [301, 302, 303, 307, 308] {
        let head = format!("HTTP/1.1 {status} Said\r\nlocation: /core/elsewhere\r\ncontent-length: 0\r\n\r\n");
        let server = Server::start([Act::Say(head), Act::Say(answer(200, DONE))]);
        assert_eq!(core_at(&server.url()).reverse(&refund()).await, unknown(&format!("status {status}")));
        assert_eq!(server.received().len(), 1);
    }
}

#[tokio::test]
async fn an_outcome_outside_of_the_contract_is_unknown() {
    for outcome in ["Done", "DONE", " done", "done\\u0000", "", "pending", "unknown", "impossible", "not-found", "refunded"] {
        let said = reversed_by_status(200, &format!(r#"{{"outcome":"{outcome}","reason":"x"}}"#)).await;
        assert_eq!(said, unknown("status 200 with an outcome outside of the contract"), "{outcome}");
    }
}

#[tokio::test]
async fn a_body_outside_of_the_contract_is_unknown() {
    let bodies = [
        "",
        " ",
        "{",
        "null",
        "\"done\"",
        "[\"done\"]",
        "{}",
        r#"{"Reply":"done"}"#,
        r#"{"outcome":null}"#,
        r#"{"outcome":["done"]}"#,
        r#"{"outcome":{"done":null}}"#,
        r#"{"outcome":"done"} {"outcome":"done"}"#,
        r#"{"outcome":"done"}x"#,
        r#"{"outcome":"done""#,
        r#"{"outcome":"done","outcome":"done"}"#,
        r#"{"outcome":"done","outcome":"impossible"}"#,
        r#"[{"outcome":"done"}]"#,
        "outcome=done",
    ];
    for body in bodies {
        assert_unknown(&reversed_by_status(200, body).await, "status 200 without the contract's body");
    }
    assert_unknown(&reversed_by_status(200, "<html>done</html>").await, "status 200 with a page in its body");
    assert_unknown(&reversed_by_status(200, "\u{feff}{\"outcome\":\"done\"}").await, "status 200 with a byte order mark");
    let deep = |end: &str| format!(r#"{{"outcome":"done","more":{}{end}}}"#, "[".repeat(20_000));
    assert_eq!(reversed_by_status(200, &deep(&"]".repeat(20_000))).await, ReversalOutcome::Done);
    assert_unknown(&reversed_by_status(200, &deep(&"]".repeat(19_999))).await, "status 200 without the contract's body");
}

#[tokio::test]
async fn a_422_without_the_contracts_body_is_unknown() {
    let bodies = [
        "",
        r#"{"detail":[{"loc":["body","kind"],"msg":"field required"}]}"#,
        r#"{"outcome":"impossible"}"#,
        r#"{"outcome":"impossible","reason":null}"#,
        r#"{"outcome":"impossible","reason":" \n"}"#,
        r#"{"outcome":"impossible","reason":"a","reason":"b"}"#,
        r#"{"outcome":"done","reason":"a"}"#,
        r#"["impossible","a"]"#,
    ];
    for body in bodies {
        assert_unknown(&reversed_by_status(422, body).await, "status 422 without the");
    }
}

#[tokio::test]
async fn a_reason_is_kept_short_and_on_one_line() {
    let reason = format!("a\\u0000\\n\\u001b[31m\\u0085{}", "ä".repeat(600));
    let refused = reversed_by_status(422, &format!(r#"{{"outcome":"impossible","reason":"{reason}"}}"#)).await;
    assert_eq!(refused, ReversalOutcome::Impossible(format!("a[31m{}", "ä".repeat(495))));
}

#[tokio::test]
async fn what_was_met_never_quotes_a_body() {
    let secret = r#"{"outcome":"SECRET","token":"SECRET","account":{"SECRET":1}}"#;
    for (status, body) in
        [(200, secret), (422, secret), (401, secret), (500, secret), (200, "SECRET"), (200, r#"{"outcome":1,"SECRET"#)]
    {
        let ReversalOutcome::Unknown(met) = reversed_by_status(status, body).await else { panic!("{status} {body}") };
        assert!(!met.contains("SECRET"), "{met}");
    }
}

#[tokio::test]
async fn an_answer_longer_than_64_kib_is_not_read() {
    let long = |length: usize| format!(r#"{{"more":"{}","outcome":"done"}}"#, "x".repeat(length - 28));
    assert_eq!(long(65_536).len(), 65_536);
    assert_eq!(reversed_by_status(200, &long(65_536)).await, ReversalOutcome::Done);
    assert_unknown(&reversed_by_status(200, &long(65_537)).await, "status 200 with more than 65536 bytes");
    let endless = "HTTP/1.1 200 Said\r\n\r\n";
    assert_unknown(&reversed(Act::SayForEver(endless.to_owned())).await, "status 200 with more than 65536 bytes");
}

#[tokio::test]
async fn half_an_answer_is_unknown() {
    let all = "HTTP/1.1 200 Said\r\ncontent-length: 18\r\n\r\n{\"outcome\":\"done\"}";
    assert_eq!(reversed(Act::SayAndClose(all.to_owned())).await, ReversalOutcome::Done);
    for length in 0..all.len() {
        let met = if length < all.find("{\"").unwrap() - 2 { "no answer" } else { "" };
        assert_unknown(&reversed(Act::SayAndClose(all[..length].to_owned())).await, met);
    }
    let longer = all.replace("18", "19");
    assert_unknown(&reversed(Act::SayAndClose(longer)).await, "the answer broke off");
    let chunked = "HTTP/1.1 200 Said\r\ntransfer-encoding: chunked\r\n\r\n12\r\n{\"outcome\":\"done\"}\r\n";
    assert_unknown(&reversed(Act::SayAndClose(chunked.to_owned())).await, "the answer broke off");
    assert_eq!(reversed(Act::SayAndClose(format!("{chunked}0\r\n\r\n"))).await, ReversalOutcome::Done);
}

#[tokio::test]
async fn an_answer_in_another_language_is_unknown() {
    for said in ["HTTP/9 200 Said\r\n\r\n", "SSH-2.0-OpenSSH_9.6\r\n", "\u{15}\u{3}\u{1}\0\u{2}\u{2}F", DONE] {
        assert_unknown(&reversed(Act::SayAndClose(said.to_owned())).await, "no answer");
    }
}

#[tokio::test]
async fn nobody_at_the_address_is_unknown() {
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let outcome = core_at(&format!("http://127.0.0.1:{port}")).reverse(&refund()).await;
    assert_unknown(&outcome, "no connection: Connection refused");
}

#[tokio::test]
async fn a_name_without_an_address_is_unknown() {
    let outcome = core_at("http://core.invalid").reverse(&refund()).await;
    assert_unknown(&outcome, "no connection: ");
}

#[tokio::test]
async fn a_connection_that_closes_is_unknown_and_not_asked_twice() {
    let server = Server::start([Act::SayAndClose(String::new()), Act::Say(answer(200, DONE))]);
    assert_unknown(&core_at(&server.url()).reverse(&refund()).await, "no answer: ");
    assert_eq!(server.received().len(), 1);
    assert_unknown(&reversed(Act::CloseUnread).await, "no answer: ");
}

#[tokio::test]
async fn a_used_connection_that_closes_is_not_asked_twice() {
    let server = Server::start([Act::Say(answer(200, DONE)), Act::SayAndClose(String::new()), Act::Say(answer(200, DONE))]);
    let core = core_at(&server.url());
    assert_eq!(core.reverse(&refund()).await, ReversalOutcome::Done);
    assert_unknown(&core.reverse(&refund()).await, "no answer: ");
    let connections: Vec<_> = server.received().iter().map(|one| one.connection).collect();
    assert_eq!(connections, [1, 1]);
}

#[tokio::test]
async fn f41_a_core_that_is_too_slow_is_unknown() {
    let head = "HTTP/1.1 200 Said\r\ncontent-length: 18\r\n\r\n";
    for said in ["", "HTTP/1.1 200", head, &format!("{head}{{\"outcome\":\"don")] {
        let server = Server::start([Act::SayAndWait(said.to_owned())]);
        let hurried = CoreSettings { timeout: Duration::from_millis(100), ..settings(&server.url()) };
        assert_eq!(WalletCore::new(&hurried).unwrap().reverse(&refund()).await, unknown("timeout"), "{said}");
    }
}

#[tokio::test]
async fn f41_a_slow_answer_is_waited_for_as_long_as_is_set() {
    let barrier = Arc::new(Barrier::new(2));
    let slow = Server::start([Act::SayTogether(answer(200, DONE), Arc::clone(&barrier))]);
    let silent = Server::start([Act::SayAndWait(String::new())]);
    let patient = core_at(&slow.url());
    let patient = tokio::spawn(async move { patient.reverse(&refund()).await });
    let (received, replied) = (Arc::clone(&barrier), barrier);
    tokio::task::spawn_blocking(move || received.wait()).await.unwrap();
    let hurried = CoreSettings { timeout: Duration::from_millis(100), ..settings(&silent.url()) };
    assert_eq!(WalletCore::new(&hurried).unwrap().reverse(&refund()).await, unknown("timeout"));
    tokio::task::spawn_blocking(move || replied.wait()).await.unwrap();
    assert_eq!(patient.await.unwrap(), ReversalOutcome::Done);
}

#[tokio::test]
async fn f30_after_every_kind_of_trouble_the_core_is_asked_afresh() {
    let trouble = [
        Act::CloseUnread,
        Act::SayAndClose("HTTP/1.1 200 Said\r\ncontent-length: 99\r\n\r\n{".to_owned()),
        Act::SayForEver("HTTP/1.1 200 Said\r\n\r\n".to_owned()),
        Act::Say(answer(503, "busy")),
        Act::Say(answer(200, "{}")),
    ];
    for act in trouble {
        let server = Server::start([act, Act::Say(answer(200, DONE))]);
        let core = core_at(&server.url());
        assert_unknown(&core.reverse(&refund()).await, "");
        assert_eq!(core.reverse(&refund()).await, ReversalOutcome::Done);
    }
}

#[tokio::test]
async fn clones_share_their_connections() {
    let server = Server::start(vec![Act::Say(answer(200, DONE)), Act::Say(answer(202, "{}")), Act::Say(answer(200, DONE))]);
    let core = core_at(&server.url());
    for _ in 0..3 {
        core.clone().reverse(&refund()).await;
    }
    assert_eq!(server.received().iter().map(|one| one.connection).collect::<Vec<_>>(), [1, 1, 1]);
}

#[tokio::test]
async fn many_are_reversed_at_once() {
    let server = Server::start(vec![Act::Say(answer(200, DONE)); 50]);
    let core = core_at(&server.url());
    let calls = (0..50).map(|n| {
        let core = core.clone();
        tokio::spawn(async move { core.reverse(&ReversalRequest { id: id(&format!("id-{n}")), ..refund() }).await })
    });
    for call in calls.collect::<Vec<_>>() {
        assert_eq!(call.await.unwrap(), ReversalOutcome::Done);
    }
    let ids = |n: usize| server.received().iter().filter(|one| one.line().contains(&format!("/id-{n} "))).count();
    assert!((0..50).all(|n| ids(n) == 1));
}
