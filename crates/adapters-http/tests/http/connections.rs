//! What holds for every connection: no peer takes more than its part, and an announced end is an end.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::sync::Arc;
use std::time::{Duration, Instant};

use adapters_http::ServerTls;
use serde_json::json;

use crate::alipayplus_side::{ID, Request, Response, SUCCESS, Service, Setup};
use crate::callback::{CERTIFICATE, PRIVATE_KEY, tls_to};
use crate::wallet_side::{Api, PAY, payment};

const STRANGER: &[u8] = b"GET /x HTTP/1.1\r\nHost: a\r\n\r\n";

fn with_header(header: &str) -> Request {
    Request::with(|request| request.other_headers = vec![header.to_owned()])
}

/// All that comes until the server closes.
fn rest(stream: &mut impl Read) -> String {
    let mut rest = String::new();
    // A server that closes before it has read everything resets the connection; what it said came before.
    let _ = stream.read_to_string(&mut rest);
    rest
}

#[test]
fn f69_after_an_announced_close_nothing_more_is_read() {
    let refused = |body: &str| format!("POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: {}\r\n\r\n{body}", body.len());
    let too_long = Request::with(|request| request.body.resize(65 * 1024, b' '));
    let firsts: Vec<(&str, Vec<u8>)> = vec![
        ("the caller wants it", with_header("Connection: close").bytes()),
        ("a stranger wants it", b"GET /x HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n".to_vec()),
        ("HTTP/1.0 is like that", b"GET /x HTTP/1.0\r\n\r\n".to_vec()),
        ("a body is not read", refused("hello").into_bytes()),
        ("a media type is refused before the body", Request::with(|r| r.content_types = vec![b"text/plain".to_vec()]).bytes()),
        ("a body is too long", too_long.bytes()),
        ("an upgrade is asked for", with_header("Upgrade: websocket").bytes()),
    ];
    for (why, first) in firsts {
        let service = Service::start();
        let other = "20200101234567890133";
        let second = Request::of(String::from_utf8(Request::valid().body).unwrap().replace(ID, other));
        let mut stream = service.connect();
        let _ = stream.write_all(&[first, second.bytes(), STRANGER.repeat(100)].concat());
        let answers = rest(&mut stream);
        assert_eq!(answers.matches("HTTP/1.").count(), 1, "{why}: {answers}");
        // Without a word HTTP/1.0 means the same.
        assert!(answers.contains("connection: close\r\n") || answers.starts_with("HTTP/1.0"), "{why}: {answers}");
        assert!(service.timeline(other).is_empty(), "{why}: the second request was executed");
    }
}

#[test]
fn f69_the_last_answer_reaches_a_caller_that_has_said_everything_or_still_speaks() {
    let service = Service::start();
    for header in ["Connection: close", "X-Nothing: else"] {
        let mut stream = service.connect();
        stream.write_all(&with_header(header).bytes()).unwrap();
        stream.shutdown(Shutdown::Write).unwrap();
        assert!(rest(&mut stream).ends_with(SUCCESS), "{header}");
    }
    let mut stream = service.connect();
    stream.write_all(&with_header("Connection: close").bytes()).unwrap();
    let begun = Instant::now();
    while begun.elapsed() < Duration::from_millis(300) && stream.write_all(&[b'x'; 1024]).is_ok() {
        std::thread::sleep(Duration::from_millis(5));
    }
    assert_eq!(Response::read(&mut stream, false).body, SUCCESS);
}

#[test]
fn f70_a_good_request_that_asks_for_an_upgrade_is_answered_as_without_it() {
    for upgrade in [
        "Upgrade: websocket\r\nConnection: Upgrade",
        "Upgrade: websocket",
        "Upgrade: WebSocket\r\nConnection: keep-alive, upgrade",
    ] {
        let service = Service::start();
        let begun = Instant::now();
        let mut stream = service.connect();
        stream.write_all(&with_header(upgrade).bytes()).unwrap();
        let response = Response::read(&mut stream, false);
        assert_eq!((response.status, response.body.as_str()), (200, SUCCESS), "{upgrade}");
        assert!(begun.elapsed() < Duration::from_secs(20), "it does not wait for the answer budget of 30 s");
        assert!(service.case(ID).unwrap().case.is_cancelled());
    }
    let service = Service::start();
    let mut chunked = service.connect();
    let request = with_header("Upgrade: websocket");
    let body = format!("{:x}\r\n", request.body.len());
    let chunks = [&request.head()[..], b"Transfer-Encoding: chunked\r\n\r\n", body.as_bytes(), &request.body, b"\r\n0\r\n\r\n"];
    chunked.write_all(&chunks.concat()).unwrap();
    assert_eq!(Response::read(&mut chunked, false).body, SUCCESS);
}

#[test]
fn f70_the_wallet_api_ignores_upgrades_too() {
    let api = Api::with_ledger();
    let body = payment().to_string();
    let head =
        format!("PUT /wallet/v1/payments/p1 HTTP/1.1\r\nhost: wallet\r\nauthorization: Bearer {PAY}\r\nupgrade: websocket\r\n");
    let reply = api.send(format!("{head}content-length: {}\r\n\r\n{body}", body.len()).as_bytes());
    assert_eq!((reply.status, reply.json()), (200, json!({"disposition": "proceed"})));
}

#[test]
fn f68_who_never_reads_is_closed_and_who_reads_slowly_gets_every_answer() {
    let service = Service::start();
    let (mut greedy, mut slow) = (service.connect(), service.connect());
    greedy.set_nonblocking(true).unwrap();
    slow.write_all(&STRANGER.repeat(2_000)).unwrap();
    let (begun, mut sent, mut answered) = (Instant::now(), 0, Vec::new());
    // It sends until it is closed; nobody could send so much who is read from without end.
    loop {
        match greedy.write(&STRANGER.repeat(100)) {
            Ok(more) => sent += more,
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => std::thread::sleep(Duration::from_millis(5)),
            Err(_closed) => break,
        }
        assert!(begun.elapsed() < Duration::from_secs(60), "{sent} bytes are taken, and the connection is open");
    }
    while answered.windows(9).filter(|word| *word == b"HTTP/1.1 ").count() < 2_000 {
        let mut some = [0; 4096];
        let read = slow.read(&mut some).unwrap();
        assert!(read > 0, "closed after {} bytes", answered.len());
        answered.extend_from_slice(&some[..read]);
        std::thread::sleep(Duration::from_millis(1));
    }
    assert_eq!(service.code(&Request::valid()), "SUCCESS");
}

#[test]
fn f68_requests_behind_one_that_waits_are_not_read_without_end() {
    let service = Service::with(Setup { gate_is_open: false, ..Setup::default() });
    let mut stream = service.connect();
    stream.write_all(&Request::valid().bytes()).unwrap();
    stream.set_write_timeout(Some(Duration::from_millis(500))).unwrap();
    // The kernels on the way take some megabytes, and the server a hundred kilobytes.
    let mut sent = 0;
    while let Ok(more) = stream.write(&STRANGER.repeat(100)) {
        sent += more;
        assert!(sent < 64 << 20, "the server reads on");
    }
    service.open_gate();
    assert_eq!(Response::read(&mut stream, false).body, SUCCESS);
    for _ in 0..1_000 {
        assert!([404, 429].contains(&Response::read(&mut stream, false).status));
    }
}

#[test]
fn f68_many_requests_in_one_piece_are_all_answered_in_their_order() {
    let service = Service::start();
    let mut stream = service.connect();
    let mut sending = stream.try_clone().unwrap();
    let sender = std::thread::spawn(move || sending.write_all(&STRANGER.repeat(1_000)).unwrap());
    for _ in 0..1_000 {
        assert_eq!(Response::read(&mut stream, false).status, 404);
    }
    sender.join().unwrap();
}

#[test]
fn long_bodies_one_after_another_are_all_read() {
    let service = Service::start();
    let mut stream = service.connect();
    for _ in 0..3 {
        stream.write_all(&Request::with(|request| request.body.resize(64 * 1024, b' ')).bytes()).unwrap();
        assert_eq!(Response::read(&mut stream, false).body, SUCCESS);
    }
}

#[test]
fn f69_a_request_behind_an_unasked_close_is_not_executed() {
    // The server closes by itself where it answers while the body of a later request is on its way.
    for _ in 0..20 {
        let service = Service::start();
        let other = "20200101234567890133";
        let second = Request::of(String::from_utf8(Request::valid().body).unwrap().replace(ID, other)).bytes();
        let (begin, end) = second.split_at(second.len() - 20);
        let mut stream = service.connect();
        stream.write_all(&[&Request::valid().bytes(), begin].concat()).unwrap();
        let first = Response::read(&mut stream, false);
        let _ = stream.write_all(&[end, STRANGER].concat());
        let answers =
            if first.header("connection") == Some("close") { rest(&mut stream) } else { Response::read(&mut stream, false).body };
        let is_closed = first.header("connection") == Some("close");
        assert_eq!(answers.is_empty(), is_closed, "{answers}");
        assert_eq!(service.timeline(other).is_empty(), is_closed);
    }
}

#[test]
fn f68_the_same_holds_behind_tls() {
    let service = Service::with(Setup { tls: Some(ServerTls::from_pem(CERTIFICATE, PRIVATE_KEY).unwrap()), ..Setup::default() });
    // Strangers who begin TLS and go no further keep nobody waiting.
    let idle: Vec<TcpStream> = (0..600).map(|_| service.connect()).collect();
    let mut stream = tls_to(service.connect());
    stream.write_all(&[with_header("Connection: close").bytes(), Request::valid().bytes()].concat()).unwrap();
    let answers = rest(&mut stream);
    assert_eq!(answers.matches("HTTP/1.").count(), 1, "{answers}");
    assert!(answers.ends_with(SUCCESS));
    drop(idle);
    let mut greedy = tls_to(service.connect());
    let begun = Instant::now();
    while greedy.write_all(&STRANGER.repeat(100)).is_ok() {
        assert!(begun.elapsed() < Duration::from_secs(60), "the connection is open");
    }
}

#[test]
fn f68_calls_without_a_token_are_limited_and_those_with_one_are_not() {
    let api = Api::with_ledger();
    let mut stream = TcpStream::connect(api.address).unwrap();
    let mut asking = stream.try_clone().unwrap();
    let line = b"GET /wallet/v1/deferred HTTP/1.1\r\nhost: a\r\n\r\n".as_slice();
    let sender = std::thread::spawn(move || asking.write_all(&line.repeat(5_000)).unwrap());
    let statuses: Vec<u16> = (0..5_000).map(|_| Response::read(&mut stream, false).status).collect();
    sender.join().unwrap();
    let refused = |status: u16| statuses.iter().filter(|met| **met == status).count();
    assert!(refused(401) >= 2_000 && refused(401) + refused(429) == 5_000, "{} and {}", refused(401), refused(429));
    assert!(refused(429) > 0, "more than 500 a second are refused");
    let known = api.get("/wallet/v1/deferred");
    assert_eq!(known.status, 200, "{known:?}");
}

#[test]
fn a_body_that_does_not_arrive_at_the_wallet_api_ends_with_the_call_budget() {
    let store = ports::testing::MemoryStore::new(ports::testing::ledger_policy());
    let api = Api::over(Arc::new(store), Duration::from_millis(100));
    let reply = api.send(
        format!("PUT /wallet/v1/payments/p1 HTTP/1.1\r\nhost: a\r\nauthorization: Bearer {PAY}\r\ncontent-length: 9\r\n\r\n{{")
            .as_bytes(),
    );
    assert_eq!((reply.status, reply.problem().as_str()), (400, "the body could not be read to its end"));
    assert_eq!(reply.header("connection"), Some("close"));
}

#[test]
fn a_connection_is_kept_after_a_body_that_was_read() {
    let service = Service::start();
    let mut stream = service.connect();
    for _ in 0..3 {
        stream.write_all(&Request::valid().bytes()).unwrap();
        let response = Response::read(&mut stream, false);
        assert_eq!((response.body.as_str(), response.header("connection")), (SUCCESS, None));
    }
}
