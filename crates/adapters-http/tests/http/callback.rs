//! The callback over real sockets.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::time::Duration;

use adapters_http::ServerTls;
use chrono::{DateTime, TimeDelta, Utc};
use ports::testing::Wallet;
use use_cases::LaneSettings;

use crate::alipayplus_side::{
    CLIENT, ID, METHOD_NOT_SUPPORTED, PATH, PSP, Request, Response, SUCCESS, Service, Setup, TIME, Unreachable, body,
};

#[test]
fn a_good_cancel_is_answered_success_in_a_signed_response() {
    let service = Service::start();
    let response = service.send(&Request::valid());
    assert_eq!((response.status, response.body.as_str()), (200, SUCCESS));
    for (name, value) in [
        ("client-id", CLIENT),
        ("response-time", "2026-01-02T03:04:06+08:00"),
        ("content-type", "application/json; charset=UTF-8"),
        ("cache-control", "no-store"),
    ] {
        assert_eq!(response.header(name), Some(value), "{response:?}");
    }
    for line in response.head.lines().skip(1).filter(|line| !line.is_empty()) {
        let name = line.split(':').next().unwrap();
        assert_eq!(name, name.to_lowercase(), "some clients look for the names in lower case only");
    }
    assert!(service.case(ID).unwrap().case.is_cancelled());
    assert_eq!(service.send(&Request::valid()).body, SUCCESS, "the same again is answered the same");
}

type Break = fn(&mut Request);

fn unknown_client(request: &mut Request) {
    request.client_ids = vec![b"SANDBOX_TEST0002".to_vec()];
}

fn no_signature(request: &mut Request) {
    request.signatures = Some(vec![]);
}

fn doubled(signature: &mut Request) {
    signature.signatures = Some(vec![signature.signature().into_bytes(); 2]);
}

/// Each way to break a rule, in the order of precedence, with its answer.
fn rules() -> Vec<(&'static str, Vec<Break>)> {
    vec![
        ("404", vec![|r| r.target = "/other".into(), |r| r.target += "/", |r| r.target = PATH.replace('c', "%63")]),
        ("METHOD_NOT_SUPPORTED", vec![|r| r.method = "PUT".into(), |r| r.method = "GET".into(), |r| r.method = "post".into()]),
        (
            "MEDIA_TYPE_NOT_ACCEPTABLE",
            vec![
                |r| r.content_types = vec![b"text/plain".to_vec()],
                |r| r.content_types = vec![b"application/json; charset=latin1".to_vec()],
                |r| r.content_types.push(b"text/plain".to_vec()),
            ],
        ),
        ("413", vec![|r| r.body.resize(65 * 1024, b' ')]),
        (
            "INVALID_CLIENT",
            vec![
                unknown_client,
                |r| r.client_ids.clear(),
                |r| r.client_ids = vec![vec![]],
                |r| r.client_ids = vec![b"\xff".to_vec()],
                |r| r.client_ids = vec![b"a".to_vec(), b"b".to_vec()],
            ],
        ),
        (
            "INVALID_SIGNATURE",
            vec![
                no_signature,
                |r| r.signatures = Some(vec![vec![]]),
                |r| r.signatures = Some(vec![b"algorithm=RSA256,keyVersion=1,signature=A".to_vec()]),
                |r| r.signatures = Some(vec![b"x".to_vec(), b"y".to_vec()]),
                |r| r.algorithm = "RSA512".into(),
            ],
        ),
        (
            "KEY_NOT_FOUND",
            vec![|r| r.key_version = Some("3".into()), |r| r.key_version = Some("one".into()), |r| {
                r.key_version = Some(String::new())
            }],
        ),
        (
            "PARAM_ILLEGAL",
            vec![
                |r| r.times.clear(),
                |r| r.times = vec![vec![]],
                |r| r.times = vec![TIME.into(); 2],
                |r| r.client_ids = vec![CLIENT.into(); 2],
                |r| r.client_ids.push(b"SANDBOX_TEST0002".to_vec()),
                |r| r.client_ids.insert(0, b"SANDBOX_TEST0002".to_vec()),
                doubled,
                |r| r.signatures = Some(vec![r.signature().into_bytes(), b"x".to_vec()]),
                |r| r.signatures = Some(vec![b"x".to_vec(), r.signature().into_bytes()]),
            ],
        ),
        (
            "INVALID_SIGNATURE",
            vec![|r| r.tampered = true, |r| r.key_version = Some("2".into()), |r| {
                r.signatures = Some(vec![b"algorithm=RSA256,keyVersion=1,signature=AAAA".to_vec()])
            }],
        ),
        (
            "UNKNOWN_EXCEPTION",
            vec![|r| r.times = vec![b"2026-01-02T02:49:05+08:00".to_vec()], |r| r.times = vec![b"1767380646790".to_vec()], |r| {
                r.times = vec![b"yesterday".to_vec()]
            }],
        ),
        ("PARAM_ILLEGAL", vec![|r| r.body.push(b'x'), |r| r.body = vec![], |r| r.body = b"{}".to_vec()]),
        ("ACCESS_DENIED", vec![|r| r.body = body("1022172000000000002").into()]),
    ]
}

#[test]
fn each_refusal_comes_before_every_later_one() {
    let service = Service::with(Setup { freshness: Some(TimeDelta::minutes(15)), ..Setup::default() });
    let rules = rules();
    let steps = rules.iter().enumerate().flat_map(|step| [(step, false), (step, true)]);
    for ((step, (answer, breaks)), inquires) in steps {
        for (variant, own) in breaks.iter().enumerate() {
            let mut alone = Request::valid();
            own(&mut alone);
            let mut with_all_later = Request::valid();
            rules[step + 1..].iter().rev().for_each(|(_, later)| later[0](&mut with_all_later));
            own(&mut with_all_later);
            for request in [alone, with_all_later] {
                let request = if inquires { request.into_inquiry() } else { request };
                let response = service.send(&request);
                let got = if response.status == 200 { response.code() } else { response.status.to_string() };
                assert_eq!(got, *answer, "rule {step}, variant {variant}: {response:?}");
            }
        }
    }
    assert!(service.has_no_case(), "a rejection leaves no trace");
    assert_eq!(service.code(&Request::valid().into_inquiry()), "ORDER_NOT_EXIST");
    assert_eq!(service.code(&Request::valid()), "SUCCESS");
}

#[test]
fn a_body_that_is_no_valid_request_changes_nothing() {
    let service = Service::start();
    let (good, bytes) = (body(PSP), body(PSP).into_bytes());
    let long = "9".repeat(65);
    let bodies: Vec<Vec<u8>> = vec![
        vec![],
        bytes[..bytes.len() - 1].to_vec(),
        good.replace('}', ",\"pspId\":\"1022172000000000001\"}").into(),
        good.replace('}', ",\"x\":{\"y\":1,\"y\":2}}").into(),
        good.replace('}', &format!(",\"x\":{}{}}}", "[".repeat(20_000), "]".repeat(20_000))).into(),
        good.replace(&format!("\"{ID}\""), "\"\"").into(),
        good.replace(&format!("\"{ID}\""), ID).into(),
        good.replace(&format!("\"{ID}\""), "null").into(),
        good.replace(ID, &long).into(),
        good.replace(ID, &format!("{ID}\\u0000")).into(),
        good.replace(ID, &format!("{ID}\0")).into(),
        [&bytes[..], b"\0"].concat(),
        [&bytes[..30], b"\xff", &bytes[30..]].concat(),
        [b"\xef\xbb\xbf", &bytes[..]].concat(),
        format!("[{good}]").into(),
        format!("{good}{good}").into(),
    ];
    for body in bodies {
        let shown = String::from_utf8_lossy(&body[..body.len().min(120)]).into_owned();
        assert_eq!(service.code(&Request::of(body)), "PARAM_ILLEGAL", "{shown}");
    }
    assert!(service.has_no_case());
}

#[test]
fn f25_the_bytes_are_verified_as_they_came() {
    let service = Service::start();
    for body in [
        format!(
            "{{\n   \"paymentRequestId\": \"{ID}\",\n   \"pspId\": \"{PSP}\",\n   \"acquirerId\": \"1022188000000000001\"\n}}"
        ),
        body(PSP).replace('}', ",\"unknown\":{\"é\":[1.50,null]}}\r\n"),
        body(PSP).replace("pspId", "psp\\u0049d"),
    ] {
        assert_eq!(service.code(&Request::of(body.clone())), "SUCCESS", "{body}");
        let mut other = Request::of(body);
        other.signatures = Some(vec![other.signature().into_bytes()]);
        other.body.push(b' ');
        assert_eq!(service.code(&other), "INVALID_SIGNATURE", "one more blank is another text");
    }
}

#[test]
fn f26_both_live_keys_verify_by_their_version_or_without_any() {
    let service = Service::start();
    for version in [Some("2".to_owned()), None] {
        let mut request = Request::with(|request| request.key_version = version);
        request.by_second_key();
        assert_eq!(service.code(&request), "SUCCESS");
    }
    assert_eq!(service.code(&Request::with(|request| request.key_version = None)), "SUCCESS");
}

#[test]
fn f65_every_name_of_utf_8_is_taken_and_no_other_charset() {
    let service = Service::start();
    let charset = |name: &str| format!("application/json; charset={name}");
    for name in
        ["utf8", "UTF8", "\"utf8\"", "'utf-8'", "utf-8", "unicode-1-1-utf-8", "unicode11utf8", "unicode20utf8", "X-Unicode20UTF8"]
    {
        let media_type = charset(name);
        assert_eq!(service.code(&Request::with(|r| r.content_types = vec![media_type.into()])), "SUCCESS", "{name}");
    }
    for name in ["utf-16", "utf-7", "latin1", "iso-8859-1", "gbk", "us-ascii", "utf", "utf-88", "cesu-8", "\"\""] {
        let media_type = charset(name);
        let code = service.code(&Request::with(|r| r.content_types = vec![media_type.into()]));
        assert_eq!(code, "MEDIA_TYPE_NOT_ACCEPTABLE", "{name}");
    }
}

#[test]
fn the_media_type_is_optional_and_its_spelling_does_not_matter() {
    let service = Service::start();
    for good in
        ["application/json", "Application/JSON;charset=utf-8", "application/json ; x=y; Charset=\"UTF-8\"", "application/json;"]
    {
        assert_eq!(service.code(&Request::with(|r| r.content_types = vec![good.into()])), "SUCCESS", "{good}");
    }
    for bad in ["", "json", "application/jsonx", "application/json; charset=utf-16", "application/json;charset=", "text/json"] {
        let code = service.code(&Request::with(|r| r.content_types = vec![bad.into()]));
        assert_eq!(code, "MEDIA_TYPE_NOT_ACCEPTABLE", "{bad}");
    }
    let without = Request::with(|request| {
        request.content_types.clear();
        request.other_headers =
            vec!["Accept: text/plain,text/xml".into(), "Accept-Encoding: br".into(), "X-sdkVersion: 1".into()];
    });
    assert_eq!(service.send(&without).body, SUCCESS);
}

#[test]
fn the_signature_covers_the_path_and_query_of_every_form_of_target() {
    let service = Service::start();
    for target in [
        format!("http://wallet.example:8443{PATH}"),
        format!("{PATH}?a=b%2F&c"),
        format!("https://w{PATH}?x"),
        format!("{PATH}?"),
    ] {
        assert_eq!(service.code(&Request::with(|request| request.target = target.clone())), "SUCCESS", "{target}");
    }
    for target in
        ["/", "*", "/aps/api/v1/payments//cancelPayment", "/aps/../aps/api/v1/payments/cancelPayment", "http://wallet.example/"]
    {
        assert_eq!(service.send(&Request::with(|request| request.target = target.into())).status, 404, "{target}");
    }
}

#[test]
fn another_method_is_refused_over_that_method() {
    let service = Service::start();
    for method in ["GET", "PUT", "DELETE", "OPTIONS", "PATCH", "TRACE", "BREW"] {
        assert_eq!(service.send(&Request::with(|request| request.method = method.into())).body, METHOD_NOT_SUPPORTED, "{method}");
    }
    let head = service.send(&Request::with(|request| request.method = "HEAD".into()));
    assert_eq!((head.status, head.header("content-length")), (200, Some(METHOD_NOT_SUPPORTED.len().to_string().as_str())));
}

#[test]
fn only_a_harmless_client_id_is_repeated() {
    let service = Service::start();
    let longest = "a-Z_9".repeat(12) + "1234";
    for (id, repeated) in
        [("unknown-1", "unknown-1"), (&longest, &longest), (&format!("{longest}5"), ""), ("<b>", ""), ("a b", ""), ("", "")]
    {
        let response = service.send(&Request::with(|request| request.client_ids = vec![id.into()]));
        assert_eq!((response.code().as_str(), response.header("client-id")), ("INVALID_CLIENT", Some(repeated)), "{id}");
    }
}

#[test]
fn a_body_of_64_kib_is_read_and_a_larger_one_is_not() {
    let service = Service::start();
    let padded = |length: usize| Request::with(|request| request.body.resize(length, b' '));
    assert_eq!(service.code(&padded(64 * 1024)), "SUCCESS");
    assert_eq!(service.send(&padded(64 * 1024 + 1)).status, 413);
    assert_eq!(service.send(&padded(65 * 1024)).status, 413);
    for (length, status) in [(64 * 1024, 200), (65 * 1024, 413)] {
        let request = padded(length);
        let mut stream = service.connect();
        stream.write_all(&[&request.head()[..], b"Transfer-Encoding: chunked\r\n\r\n"].concat()).unwrap();
        for chunk in request.body.chunks(1000) {
            // The server may have closed already.
            let _ = stream.write_all(&[format!("{:x}\r\n", chunk.len()).as_bytes(), chunk, b"\r\n"].concat());
        }
        let _ = stream.write_all(b"0\r\n\r\n");
        assert_eq!(Response::read(&mut stream, false).status, status, "{length} in chunks");
    }
}

#[test]
fn a_body_that_does_not_arrive_ends_with_the_answer_budget() {
    let service = Service::with(Setup { answer_budget: Duration::from_millis(100), ..Setup::default() });
    let request = Request::valid();
    let mut stream = service.connect();
    let bytes = request.bytes();
    stream.write_all(&bytes[..bytes.len() - 1]).unwrap();
    let response = Response::read(&mut stream, false);
    assert_eq!((response.status, response.body.as_str()), (408, ""));
    assert_eq!(stream.read(&mut [0]).unwrap(), 0, "the connection is closed");
    assert!(service.has_no_case());
}

#[test]
fn f15_a_body_that_breaks_off_changes_nothing() {
    let service = Service::start();
    let bytes = Request::valid().bytes();
    let mut stream = service.connect();
    stream.write_all(&bytes[..bytes.len() - 1]).unwrap();
    stream.shutdown(std::net::Shutdown::Write).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 400"), "{answer}");
    assert!(service.has_no_case());
}

/// Waits for what happens by itself, for a minute at most.
fn wait_until(condition: impl Fn() -> bool) {
    for _ in 0..6000 {
        if condition() {
            return;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    panic!("it did not happen within a minute");
}

#[test]
fn f15_a_cancel_is_decided_though_the_client_has_gone() {
    let service = Service::with(Setup { gate_is_open: false, ..Setup::default() });
    let mut stream = service.connect();
    stream.write_all(&Request::valid().bytes()).unwrap();
    drop(stream);
    service.open_gate();
    wait_until(|| service.case(ID).is_some_and(|file| file.case.is_cancelled()));
}

#[test]
fn an_accepted_cancel_is_finished_while_the_server_stops() {
    let service = Service::with(Setup { gate_is_open: false, ..Setup::default() });
    let mut stream = service.connect();
    stream.write_all(&Request::valid().bytes()).unwrap();
    wait_until(|| service.store.waiting() > 0);
    let stopping = service.stop();
    service.open_gate();
    assert_eq!(Response::read(&mut stream, false).body, SUCCESS);
    service.wait_for(stopping);
}

#[test]
fn f16_what_is_not_known_within_the_answer_budget_is_u_and_never_final() {
    let service = Service::with(Setup { gate_is_open: false, answer_budget: Duration::from_secs(1), ..Setup::default() });
    for _ in 0..2 {
        let response = service.send(&Request::valid());
        assert_eq!((response.code().as_str(), response.result_status().as_str()), ("UNKNOWN_EXCEPTION", "U"));
    }
    service.open_gate();
    wait_until(|| service.send(&Request::valid()).body == SUCCESS);
    assert_eq!(service.timeline(ID), ["cancel-received", "cancelled"], "a U is not recorded");
}

#[test]
fn f13_concurrent_repeats_of_a_cancel_all_get_its_answer() {
    let service = Service::start();
    let answers: Vec<Response> = std::thread::scope(|scope| {
        let sent: Vec<_> = (0..40).map(|_| scope.spawn(|| service.send(&Request::valid()))).collect();
        sent.into_iter().map(|sent| sent.join().unwrap()).collect()
    });
    for answer in answers {
        assert_eq!((answer.status, answer.body.as_str()), (200, SUCCESS));
    }
    assert_eq!(service.timeline(ID), ["cancel-received", "cancelled"]);
}

#[test]
fn f17_the_same_id_in_other_json_is_the_same_request() {
    let service = Service::start();
    let escaped: String = ID.chars().map(|digit| format!("\\u00{:02x}", u32::from(digit))).collect();
    for same in [
        body(PSP),
        format!(r#"{{"paymentRequestId":"{ID}","pspId":"{PSP}","acquirerId":"1022188000000000001"}}"#),
        body(PSP).replace(':', " :\t\r\n "),
        body(PSP).replace('}', r#","sentAt":"2026-01-02T03:04:05+08:00","attempt":{"number":7}}"#),
        body(PSP).replace(ID, &escaped),
    ] {
        let mut request = Request::of(same.clone());
        request.times = vec![format!("2026-01-02T03:04:{:02}+08:00", same.len() % 60).into()];
        assert_eq!(service.code(&request), "SUCCESS", "{same}");
        assert_eq!(service.timeline(ID), ["cancel-received", "cancelled"], "{same}");
    }
}

#[test]
fn f40_too_many_waiting_cancels_are_u_and_touch_nothing() {
    let lanes = LaneSettings { lanes: 1, queue: 1, batch: 1 };
    let budget = Duration::from_secs(2);
    let service = Service::with(Setup { gate_is_open: false, lanes, answer_budget: budget, ..Setup::default() });
    let answers: Vec<(String, String)> = std::thread::scope(|scope| {
        let sent = |_| scope.spawn(|| service.send(&Request::valid()));
        let sent: Vec<_> = (0..6).map(sent).collect();
        sent.into_iter().map(|sent| sent.join().unwrap()).map(|answer| (answer.code(), answer.result_status())).collect()
    });
    // One is being decided, one waits.
    let refused = answers.iter().filter(|(code, _)| code == "REQUEST_TRAFFIC_EXCEED_LIMIT").count();
    assert!(refused >= 4 && answers.iter().all(|(_, status)| status == "U"), "{answers:?}");
    assert!(service.has_no_case());
    service.open_gate();
}

#[test]
fn an_answer_that_cannot_be_signed_is_503_without_a_body() {
    let service = Service::with(Setup { signer: Arc::new(Unreachable), ..Setup::default() });
    assert_eq!(service.send(&Request::valid()).status, 503);
    assert!(service.case(ID).unwrap().case.is_cancelled(), "what was decided stays decided");
}

#[test]
fn an_old_request_is_accepted_where_freshness_is_off() {
    let service = Service::start();
    for time in ["1999-01-01T00:00:00Z", "yesterday", "0", "2026-01-02T03:04:05+0800"] {
        assert_eq!(service.code(&Request::with(|request| request.times = vec![time.into()])), "SUCCESS", "{time}");
    }
}

#[test]
fn several_requests_share_a_connection() {
    let service = Service::start();
    let mut stream = service.connect();
    let refused = Request::with(|request| request.tampered = true).bytes();
    stream.write_all(&[refused, Request::valid().bytes(), Request::valid().bytes()].concat()).unwrap();
    for code in ["INVALID_SIGNATURE", "SUCCESS", "SUCCESS"] {
        assert_eq!(Response::read(&mut stream, false).code(), code);
    }
}

pub(crate) const CERTIFICATE: &[u8] = include_bytes!("fixtures/tls-certificate.pem");
pub(crate) const PRIVATE_KEY: &[u8] = include_bytes!("fixtures/tls-private.pem");

/// TLS on a connection to a server with this certificate.
pub(crate) fn tls_to(stream: TcpStream) -> rustls::StreamOwned<rustls::ClientConnection, TcpStream> {
    use rustls_pki_types::pem::PemObject;

    let mut roots = rustls::RootCertStore::empty();
    roots.add(rustls_pki_types::CertificateDer::from_pem_slice(CERTIFICATE).unwrap()).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let client = rustls::ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let client = Arc::new(client.with_root_certificates(roots).with_no_client_auth());
    let connection = rustls::ClientConnection::new(client, "localhost".try_into().unwrap()).unwrap();
    rustls::StreamOwned::new(connection, stream)
}

#[test]
fn https_is_answered_where_a_certificate_is_given() {
    let tls = ServerTls::from_pem(CERTIFICATE, PRIVATE_KEY).unwrap();
    let service = Service::with(Setup { tls: Some(tls), ..Setup::default() });
    let mut stream = tls_to(service.connect());
    stream.write_all(&Request::valid().bytes()).unwrap();
    assert_eq!(Response::read(&mut stream, false).body, SUCCESS);
}

#[test]
fn tls_that_cannot_work_is_refused_in_one_sentence() {
    let other_key: &[u8] = include_bytes!("../../../adapters-keys/tests/fixtures/rsa-4096-private.pem");
    for (certificate, key) in [
        (b"".as_slice(), PRIVATE_KEY),
        (PRIVATE_KEY, PRIVATE_KEY),
        (CERTIFICATE, b""),
        (CERTIFICATE, CERTIFICATE),
        (CERTIFICATE, other_key),
    ] {
        let sentence = ServerTls::from_pem(certificate, key).err().unwrap();
        assert!(sentence.ends_with('.') && !sentence.contains("MII"), "{sentence}");
    }
}

/// The service's clock shows four minutes past seven in the evening of the first of January, UTC.
const INITIATED: &str = "2025-12-31T12:00:00Z";

/// A payment whose period ended at 16:30 of the day before.
fn paid_on_the_last_day(service: &Service) {
    let initiated_at: DateTime<Utc> = INITIATED.parse().unwrap();
    let wallet = Wallet { at: initiated_at, ..Wallet::of(ID) };
    let mut pays = wallet.pays();
    if let domain::Action::Pay(payment) = &mut pays.command.action {
        payment.initiated_at = initiated_at;
        payment.acquirer_id = domain::AcquirerId::parse("1022188000000000001").unwrap();
    }
    service.decide(vec![pays, wallet.reports(domain::ReportedResult::Succeeded)]);
}

#[test]
fn f63_the_signed_request_time_bears_witness_against_our_clock() {
    let service = Service::start();
    paid_on_the_last_day(&service);
    let in_time = Request { times: vec![b"2026-01-01T00:29:59+08:00".to_vec()], ..Request::valid() };
    assert_eq!(service.code(&in_time), "UNKNOWN_EXCEPTION");
    assert_eq!(service.timeline(ID), ["payment-recorded", "succeeded", "cancel-received", "clocks-disagree"]);
    let entry = service.case(ID).unwrap().timeline.pop().unwrap();
    assert_eq!(entry.details["requestTime"], "2025-12-31T16:29:59.000Z");
    assert_eq!(entry.details["receivedAt"], "2026-01-01T19:04:06.789Z");
}

#[test]
fn f63_a_request_time_that_agrees_with_our_clock_or_cannot_be_read_decides_nothing() {
    for time in [TIME, "yesterday"] {
        let service = Service::start();
        paid_on_the_last_day(&service);
        let late = Request { times: vec![time.as_bytes().to_vec()], ..Request::valid() };
        assert_eq!(service.code(&late), "PROCESS_FAIL", "{time}");
    }
}
