//! Broken requests, one by one: each gets its own answer, none harms the process, none changes anything.

use testkit::process::Process;
use testkit::{ACQUIRER, CLIENT_ID, Deployment, PATH, PSP_ID, TestEngine};

use crate::broken::request::{Keys, Request};
use crate::broken::wire::{Connection, Response};
use crate::broken::{assert_unharmed, token, view};

/// What is done to a valid cancel, before it is signed or after.
enum Break {
    Signed(Box<dyn Fn(&mut Request)>),
    Unsigned(Box<dyn Fn(&mut Request)>),
}

/// A way to break a cancel, and its answer.
struct Case {
    what: String,
    how: Break,
    answer: &'static str,
}

/// The break is signed over, so that the signature is not what is wrong.
fn signed(answer: &'static str, what: &str, how: impl Fn(&mut Request) + 'static) -> Case {
    Case { what: what.to_owned(), how: Break::Signed(Box::new(how)), answer }
}

/// The break comes after the signature was made.
fn unsigned(answer: &'static str, what: &str, how: impl Fn(&mut Request) + 'static) -> Case {
    Case { what: what.to_owned(), how: Break::Unsigned(Box::new(how)), answer }
}

const METHOD: &str = "F METHOD_NOT_SUPPORTED";
const MEDIA_TYPE: &str = "F MEDIA_TYPE_NOT_ACCEPTABLE";
const CLIENT: &str = "F INVALID_CLIENT";
const SIGNATURE: &str = "F INVALID_SIGNATURE";
const KEY: &str = "F KEY_NOT_FOUND";
const ILLEGAL: &str = "F PARAM_ILLEGAL";
const OTHER_PSP: &str = "F ACCESS_DENIED";

fn around_the_body() -> Vec<Case> {
    let mut cases = vec![
        signed("404", "another path", |r| r.target = "/other".to_owned()),
        signed("404", "a longer path", |r| r.target += "/"),
        signed("404", "the path in capitals", |r| r.target = PATH.to_uppercase()),
        signed("404", "the path percent-encoded", |r| r.target = PATH.replace('c', "%63")),
        signed("413", "65 KiB", |r| r.body.resize(65 * 1024, b' ')),
        signed("413", "64 KiB and a byte", |r| r.body.resize(64 * 1024 + 1, b' ')),
        signed(ILLEGAL, "64 KiB of no cancel", |r| r.body.resize(64 * 1024, b'x')),
    ];
    for method in ["GET", "PUT", "DELETE", "HEAD", "OPTIONS", "PATCH", "post"] {
        cases.push(signed(METHOD, method, move |r| r.method = method.to_owned()));
    }
    for media_type in ["text/plain", "", "application/jsonx", "application/json; charset=utf-16", "multipart/form-data", "\u{ff}"]
    {
        cases.push(signed(MEDIA_TYPE, media_type, move |r| r.set("Content-Type", media_type)));
    }
    cases.push(signed(MEDIA_TYPE, "two media types", |r| r.add("Content-Type", "text/plain")));
    cases
}

fn headers() -> Vec<Case> {
    let mut cases = vec![
        unsigned(CLIENT, "Client-Id missing", |r| r.remove("Client-Id")),
        unsigned(CLIENT, "Client-Id empty", |r| r.set("Client-Id", "")),
        unsigned(CLIENT, "Client-Id no text", |r| r.set("Client-Id", b"\xff\xfe")),
        signed(CLIENT, "Client-Id unknown", |r| r.set("Client-Id", "SANDBOX_OTHER")),
        signed(CLIENT, "Client-Id in lower case", |r| r.set("Client-Id", CLIENT_ID.to_lowercase())),
        signed(CLIENT, "Client-Id over-long", |r| r.set("Client-Id", "9".repeat(5000))),
        unsigned(SIGNATURE, "Signature missing", |r| r.remove("Signature")),
        unsigned(SIGNATURE, "Signature empty", |r| r.set("Signature", "")),
        unsigned(SIGNATURE, "Signature no text", |r| r.set("Signature", b"\xff\xfe")),
        unsigned(ILLEGAL, "Request-Time missing", |r| r.remove("Request-Time")),
        unsigned(ILLEGAL, "Request-Time empty", |r| r.set("Request-Time", "")),
        unsigned(ILLEGAL, "Client-Id doubled, one of them unknown", |r| r.add("Client-Id", "SANDBOX_OTHER")),
        unsigned(ILLEGAL, "Signature doubled, one of them malformed", |r| r.add("Signature", "x")),
    ];
    for name in ["Client-Id", "Signature", "Request-Time"] {
        cases.push(unsigned(ILLEGAL, &format!("{name} doubled"), |r| r.double(name)));
    }
    cases
}

/// The value without its last `count` characters of base64.
fn without_last(request: &mut Request, count: usize) {
    let signature =
        String::from_utf8(request.value("Signature")).unwrap().replace("%3D", "").replace("%2B", "-").replace("%2F", "_");
    request.set("Signature", &signature[..signature.len() - count]);
}

fn signatures() -> Vec<Case> {
    let mut cases = vec![
        // 256 bytes are 342 characters: one less cannot be, two less are 255 bytes.
        unsigned(SIGNATURE, "base64 of an impossible length", |r| without_last(r, 1)),
        unsigned(SIGNATURE, "a signature of 255 bytes", |r| without_last(r, 2)),
        unsigned(SIGNATURE, "half a signature", |r| without_last(r, 171)),
        unsigned(SIGNATURE, "a signature of 259 bytes", |r| r.resign("signature=", "signature=AAAA")),
        unsigned(SIGNATURE, "another alphabet", |r| r.resign("signature=", "signature=!*")),
        unsigned(SIGNATURE, "a broken percent-encoding", |r| r.resign("signature=", "signature=%4")),
        unsigned(SIGNATURE, "a NUL percent-encoded", |r| r.resign("signature=", "signature=%00")),
        unsigned(SIGNATURE, "padding inside", |r| r.resign("signature=", "signature=AA%3D")),
        unsigned(SIGNATURE, "no algorithm", |r| r.resign("algorithm=RSA256,", "")),
        unsigned(SIGNATURE, "an empty algorithm", |r| r.resign("RSA256", "")),
        unsigned(SIGNATURE, "two algorithms", |r| r.resign("algorithm", "algorithm=RSA256,algorithm")),
        unsigned(SIGNATURE, "no signature inside", |r| r.set("Signature", "algorithm=RSA256,keyVersion=1")),
        unsigned(SIGNATURE, "semicolons", |r| r.resign(",", ";")),
        unsigned(SIGNATURE, "a signature over another path", |r| r.target += "?a=b"),
        unsigned(SIGNATURE, "a signature over another time", |r| r.set("Request-Time", "2026-01-02T03:04:06+08:00")),
        unsigned(SIGNATURE, "a signature over another body", |r| r.body.push(b' ')),
        unsigned(SIGNATURE, "a signature over another acquirer", |r| r.write(ACQUIRER, "1022188000000000002")),
        unsigned(SIGNATURE, "a signature over an empty body", |r| r.body.clear()),
        unsigned(METHOD, "a signature over another method", |r| r.method = "PUT".to_owned()),
    ];
    for algorithm in ["RSA512", "RSA", "ECC256", "ECC224", "none", "RSA256 RSA256"] {
        cases.push(unsigned(SIGNATURE, algorithm, move |r| r.resign("RSA256", algorithm)));
    }
    for version in ["2", "0", "-1", "+1", "1.0", "one", "", "4294967296", "4294967297", "99999999999999999999"] {
        cases.push(unsigned(KEY, version, move |r| r.resign("keyVersion=1", &format!("keyVersion={version}"))));
    }
    cases
}

/// The body with `tail` as the last of its members.
fn with_tail(tail: &str) -> impl Fn(&mut Request) + use<> {
    let tail = tail.to_owned();
    move |request| {
        let last = request.body.len() - 1;
        drop(request.body.splice(last..last, tail.bytes()));
    }
}

/// An array that makes `levels` levels together with the object around it.
fn nested(levels: usize) -> String {
    format!(",\"x\":{}{}", "[".repeat(levels - 1), "]".repeat(levels - 1))
}

fn bodies() -> Vec<Case> {
    let mut cases = vec![
        signed(ILLEGAL, "an empty body", |r| r.body.clear()),
        signed(ILLEGAL, "non-UTF-8", |r| drop(r.body.splice(2..2, *b"\xff"))),
        signed(ILLEGAL, "half a character", |r| drop(r.body.splice(2..2, *b"\xc3"))),
        signed(ILLEGAL, "a surrogate in UTF-8", |r| drop(r.body.splice(2..2, *b"\xed\xa0\x80"))),
        signed(ILLEGAL, "UTF-16", |r| r.body = r.body.iter().flat_map(|byte| [*byte, 0]).collect()),
        signed(ILLEGAL, "a byte order mark", |r| drop(r.body.splice(0..0, *b"\xef\xbb\xbf"))),
        signed(ILLEGAL, "a NUL before", |r| r.body.insert(0, 0)),
        signed(ILLEGAL, "a NUL behind", |r| r.body.push(0)),
        signed(ILLEGAL, "a NUL between", |r| r.body.insert(1, 0)),
        signed(ILLEGAL, "another object behind", |r| r.body.extend(b"{}")),
        signed(ILLEGAL, "a brace behind", |r| r.body.push(b'}')),
        signed(ILLEGAL, "cut short", |r| r.body.truncate(r.body.len() - 1)),
        signed(ILLEGAL, "an array around", |r| r.body = [b"[", &r.body[..], b"]"].concat()),
        signed(ILLEGAL, "a string around", |r| r.body = serde_json::to_vec(&String::from_utf8_lossy(&r.body)).unwrap()),
        signed(ILLEGAL, "single quotes", |r| r.body.iter_mut().filter(|b| **b == b'"').for_each(|b| *b = b'\'')),
        signed(OTHER_PSP, "another pspId", |r| r.write(PSP_ID, "1022172000000000002")),
        signed(OTHER_PSP, "the pspId with a zero before", |r| r.write(PSP_ID, &format!("0{PSP_ID}"))),
        signed(OTHER_PSP, "the pspId of one character", |r| r.write(PSP_ID, "1")),
    ];
    for whole in ["null", "true", "1", "[]", "{}", "\"\"", " ", "\n", "NaN", "{\"result\":{}}"] {
        cases.push(signed(ILLEGAL, whole, move |r| r.body = whole.as_bytes().to_vec()));
    }
    for levels in [128, 1000, 30_000] {
        cases.push(signed(ILLEGAL, &format!("{levels} levels"), with_tail(&nested(levels))));
        let open = format!(",\"x\":{}", "[".repeat(levels));
        cases.push(signed(ILLEGAL, &format!("{levels} levels that do not end"), with_tail(&open)));
    }
    let psp = format!(",\"pspId\":\"{PSP_ID}\"");
    let escaped = psp.replace("pspId", "psp\\u0049d");
    for tail in [
        &psp,
        &escaped,
        ",\"pspId\":null",
        ",\"x\":1,\"x\":1",
        ",\"x\":[0,{\"y\":{\"z\":1,\"z\":2}}]",
        ",",
        ",\"x\"",
        ",\"x\":",
        ",\"x\":01",
        ",\"x\":1e999",
        ",\"x\":.5",
        ",\"x\":+1",
        ",\"x\":\"\t\"",
        ",\"x\":\"\\x\"",
        ",\"x\":\"\\ud800\"",
        ",\"x\":\"\0\"",
        ",x:1",
        ",/**/\"x\":1",
    ] {
        cases.push(signed(ILLEGAL, tail, with_tail(tail)));
    }
    cases
}

/// Each of the three members with everything that it must not be.
fn members() -> Vec<Case> {
    let long = format!("\"{}\"", "9".repeat(65));
    let values =
        ["null", "1", "1.5", "true", "[]", "[\"1\"]", "{}", "{\"id\":\"1\"}", "\"\"", "\" \"", "\"1 \"", "\"a b\"", &long];
    let texts =
        ["\".\"", "\"..\"", "\"\\u0000\"", "\"1\\u0000\"", "\"\0\"", "\"1\\n\"", "\"é\"", "\"\\u00e9\"", "\"\\ud800\"", "\"１\""];
    let mut cases = Vec::new();
    for name in ["acquirerId", "pspId", "paymentRequestId"] {
        for value in values.iter().chain(&texts) {
            let value = (*value).to_owned();
            cases.push(signed(ILLEGAL, &format!("{name}: {value}"), move |r| replace_member(r, name, &value)));
        }
        cases.push(signed(ILLEGAL, &format!("{name} missing"), |r| r.write(name, "other")));
        cases.push(signed(ILLEGAL, &format!("{name} in capitals"), |r| r.write(name, &name.to_uppercase())));
        let twice = format!(",\"{name}\":\"x\"");
        cases.push(signed(ILLEGAL, &format!("{name} twice"), with_tail(&twice)));
    }
    cases
}

fn replace_member(request: &mut Request, name: &str, value: &str) {
    let body = String::from_utf8(request.body.clone()).unwrap();
    let before = format!("\"{name}\":");
    let from = body.find(&before).unwrap() + before.len();
    let to = from + body[from..].find([',', '}']).unwrap();
    request.body = [&body[..from], value, &body[to..]].concat().into_bytes();
}

struct Front {
    process: Process,
    keys: Keys,
    token: String,
    connection: Connection,
    deployment: Deployment,
}

impl Front {
    async fn new() -> Self {
        let deployment = Deployment::on(TestEngine::Sqlite);
        let (process, keys, token) = (deployment.start().await, Keys::of(&deployment), token(&deployment));
        let connection = Connection::to(process.callback);
        Self { process, keys, token, connection, deployment }
    }

    /// Sends a cancel of `id`, broken; checks all that holds for every answer.
    async fn send(&mut self, id: &str, Case { what, how, .. }: &Case) -> Response {
        let mut request = Request::cancel(id);
        if let Break::Signed(change) = how {
            change(&mut request);
        }
        self.keys.sign(&mut request).await;
        if let Break::Unsigned(change) = how {
            change(&mut request);
        }
        let mut response = self.connection.ask(&request.bytes()).await;
        if request.method == "HEAD" {
            response.body = METHOD_NOT_SUPPORTED.as_bytes().to_vec();
        }
        if response.status == 200 {
            assert!(self.keys.have_signed(&response, &request.method, &request.target), "{what}: not signed: {response:?}");
        } else {
            assert_eq!((response.header("signature"), response.body.len()), (None, 0), "{what}: {response:?}");
        }
        response
    }

    async fn paid(&self, id: &str) -> Vec<u8> {
        self.process.wallet.announce(id, "user-1", 1000).await.unwrap();
        self.process.wallet.report(id, "S").await.unwrap();
        self.view(id).await.unwrap()
    }

    async fn view(&self, id: &str) -> Option<Vec<u8>> {
        view(&self.process, &self.token, id).await
    }
}

/// What a HEAD is answered, as it would stand there for a GET.
const METHOD_NOT_SUPPORTED: &str =
    r#"{"result":{"resultCode":"METHOD_NOT_SUPPORTED","resultStatus":"F","resultMessage":"The method must be POST"}}"#;

#[tokio::test]
async fn every_broken_cancel_gets_its_code_and_changes_nothing() {
    let mut front = Front::new().await;
    let paid = front.paid("paid-1").await;
    let cases = [around_the_body(), headers(), signatures(), bodies(), members()];
    for (number, case) in cases.iter().flatten().enumerate() {
        let unseen = format!("unseen-{number}");
        for id in ["paid-1", &unseen] {
            let response = front.send(id, case).await;
            assert_eq!(response.brief(), case.answer, "{}: {response:?}", case.what);
        }
        assert!(front.view("paid-1").await.as_ref() == Some(&paid), "{} changed the payment", case.what);
        assert_eq!(front.view(&unseen).await, None, "{} left a trace", case.what);
    }
    assert_unharmed(&front.process).await;
    let whole = front.send("paid-1", &signed("S SUCCESS", "nothing broken", |_| ())).await;
    assert_eq!(whole.brief(), "S SUCCESS");
    assert_eq!(front.process.wallet.payment("paid-1").await.unwrap()["cancellation"]["state"], "cancelled");
    assert_eq!(front.deployment.run(&["explain", "unseen-1"]).status.code(), Some(1), "the database itself knows nothing");
}

#[tokio::test]
async fn what_is_just_within_every_limit_is_a_cancel() {
    let mut front = Front::new().await;
    let longest = "9".repeat(64);
    let cases = [
        signed("", "64 KiB", |r| r.body.resize(64 * 1024, b' ')),
        signed("", "127 levels", with_tail(&nested(127))),
        signed("", "a doubled member in two objects", with_tail(",\"x\":[{\"y\":1},{\"y\":1}]")),
        signed("", "a NUL where nobody looks", with_tail(",\"x\":\"\\u0000\"")),
        signed("", "blanks around", |r| r.body = [b"\r\n\t ", &r.body[..], b"\n"].concat()),
        signed("", "escapes", |r| r.write("acquirerId", "\\u0061cquirerId")),
        signed("", "an acquirer of 64 characters", |r| r.write(ACQUIRER, &"8".repeat(64))),
        signed("", "no media type", |r| r.remove("Content-Type")),
        signed("", "a query", |r| r.target += "?a=%00"),
        unsigned("", "the signature in the other alphabet, unpadded", |r| without_last(r, 0)),
        unsigned("", "no key version", |r| r.resign("keyVersion=1,", "")),
        unsigned("", "the algorithm in lower case", |r| r.resign("RSA256", "rsa256")),
        unsigned("", "unknown headers", |r| r.add("Encrypt", "algorithm=RSA_AES,keyVersion=2")),
    ];
    for (number, case) in cases.iter().enumerate() {
        let id = format!("within-{number}");
        let response = front.send(&id, case).await;
        assert_eq!(response.brief(), "S SUCCESS", "{}: {response:?}", case.what);
        assert!(front.view(&id).await.is_some(), "{}", case.what);
    }
    let response = front.send(&longest, &signed("", "64 characters", |_| ())).await;
    assert_eq!(response.brief(), "S SUCCESS");
    assert!(front.view(&longest).await.is_some());
    assert_unharmed(&front.process).await;
}

/// A request of the wallet's: method, path behind `/wallet/v1`, body, and the answer.
type WalletCase = (&'static str, String, Vec<u8>, u16);

const ANNOUNCEMENT: &str = r#"{"acquirerId":"1022188000000000001","pspId":"1022172000000000001","account":"user-1","amount":{"value":"1000","currency":"JPY"},"kind":"payment","initiatedAt":"2026-01-02T03:04:05+08:00"}"#;
const RESULT: &str = r#"{"status":"S","completedAt":"2026-01-02T03:04:06+08:00","fee":{"value":"1","currency":"JPY"}}"#;
const REFUND: &str = r#"{"refundRequestId":"refund-1","amount":{"value":"10","currency":"JPY"}}"#;

fn broken_announcements() -> Vec<WalletCase> {
    let long = format!("\"{}\"", "9".repeat(65));
    let changes: &[(&str, &str)] = &[
        ("\"1000\"", "1000"),
        ("\"1000\"", "null"),
        ("\"1000\"", "[\"1000\"]"),
        ("\"1000\"", "\"\""),
        ("\"1000\"", "\"0\""),
        ("\"1000\"", "\"-1\""),
        ("\"1000\"", "\"+1\""),
        ("\"1000\"", "\"01\""),
        ("\"1000\"", "\"1.0\""),
        ("\"1000\"", "\"1e3\""),
        ("\"1000\"", "\" 1\""),
        ("\"1000\"", "\"１\""),
        ("\"1000\"", "\"9223372036854775808\""),
        ("\"JPY\"", "\"jpy\""),
        ("\"JPY\"", "\"\""),
        ("\"JPY\"", "392"),
        ("{\"value\":\"1000\",\"currency\":\"JPY\"}", "[\"1000\",\"JPY\"]"),
        ("{\"value\":\"1000\",\"currency\":\"JPY\"}", "\"1000\""),
        ("{\"value\":\"1000\",\"currency\":\"JPY\"}", "null"),
        ("\"payment\"", "\"Payment\""),
        ("\"payment\"", "null"),
        ("\"payment\"", "{\"payment\":1}"),
        ("2026-01-02T03:04:05+08:00", "2026-01-02T03:04:05"),
        ("2026-01-02T03:04:05+08:00", "2026-02-30T03:04:05+08:00"),
        ("2026-01-02T03:04:05+08:00", "2026-01-02"),
        ("2026-01-02T03:04:05+08:00", "1767380645000"),
        ("2026-01-02T03:04:05+08:00", "9999-12-31T23:59:59Z"),
        ("2026-01-02T03:04:05+08:00", "99999-01-01T00:00:00Z"),
        ("\"2026-01-02T03:04:05+08:00\"", "1767380645"),
        ("1022172000000000001", "1022172000000000002"),
        ("\"1022172000000000001\"", "1022172000000000001"),
        ("\"1022188000000000001\"", "\"\""),
        ("\"1022188000000000001\"", "\"..\""),
        ("\"user-1\"", "\"\\u0000\""),
        ("\"user-1\"", "\"user 1\""),
        ("\"user-1\"", &long),
        ("\"account\"", "\"other\""),
        ("\"kind\"", "\"KIND\""),
    ];
    let of = |body: String, status| ("PUT", "/payments/broken".to_owned(), body.into_bytes(), status);
    changes
        .iter()
        .map(|(from, to)| {
            assert!(ANNOUNCEMENT.contains(from), "{from}");
            of(ANNOUNCEMENT.replacen(from, to, 1), 422)
        })
        .collect()
}

fn broken_json() -> Vec<WalletCase> {
    let of = |body: Vec<u8>, status| ("PUT", "/payments/broken".to_owned(), body, status);
    let changed = |from: &str, to: &str| ANNOUNCEMENT.replacen(from, to, 1).into_bytes();
    let deep = |levels: usize| format!("\"x\":{}{},\"acq", "[".repeat(levels), "]".repeat(levels));
    let padded = |length: usize| [ANNOUNCEMENT.as_bytes(), &vec![b' '; length - ANNOUNCEMENT.len()]].concat();
    let mut cases = vec![
        of(Vec::new(), 400),
        of(ANNOUNCEMENT.as_bytes()[1..].to_vec(), 400),
        of([ANNOUNCEMENT, "{}"].concat().into_bytes(), 400),
        of(["\u{feff}", ANNOUNCEMENT].concat().into_bytes(), 400),
        of([ANNOUNCEMENT.as_bytes(), b"\0"].concat(), 400),
        of(ANNOUNCEMENT.bytes().flat_map(|byte| [byte, 0]).collect(), 400),
        of([b"\xff", ANNOUNCEMENT.as_bytes()].concat(), 400),
        of(changed("user-1", "user\0"), 400),
        of(changed("user-1", "\\ud800"), 400),
        of(changed("\"kind\"", "\"pspId\":\"1\",\"kind\""), 400),
        of(changed("\"value\"", "\"value\":\"1\",\"value\""), 400),
        of(changed("\"kind\"", "\"x\":[{\"y\":1,\"y\":1}],\"kind\""), 400),
        of(changed("\"acq", &deep(128)), 400),
        of(changed("\"acq", &deep(30_000)), 400),
        of(padded(65 * 1024), 413),
        of(padded(64 * 1024 + 1), 413),
    ];
    for whole in ["null", "true", "1", "\"\"", "[]", "{}", "[\"1\",\"2\",\"3\",{},\"payment\",\"x\"]"] {
        cases.push(of(whole.as_bytes().to_vec(), 422));
    }
    cases
}

fn broken_reports() -> Vec<WalletCase> {
    let (result, refunds) = ("/payments/paid-1/result", "/payments/paid-1/refunds");
    let refund_result = "/payments/paid-1/refunds/refund-1/result";
    let changed = |text: &str, from: &str, to: &str| {
        assert!(text.contains(from), "{from}");
        text.replacen(from, to, 1).into_bytes()
    };
    let of = |path: &str, body, status| ("POST", path.to_owned(), body, status);
    vec![
        of(result, changed(RESULT, "\"S\"", "\"U\""), 422),
        of(result, changed(RESULT, "\"S\"", "\"\""), 422),
        of(result, changed(RESULT, "\"S\"", "null"), 422),
        of(result, changed(RESULT, "\"S\"", "{\"S\":null,\"F\":null}"), 422),
        of(result, changed(RESULT, "2026-01-02T03:04:06+08:00", "soon"), 422),
        of(result, changed(RESULT, "completedAt", "completed"), 422),
        of(result, changed(RESULT, "\"1\"", "\"-1\""), 422),
        of(result, changed(RESULT, "\"1\"", "\"00\""), 422),
        of(result, changed(RESULT, "JPY", "JP"), 422),
        of(result, changed(RESULT, "{\"status\"", "{\"paymentId\":\"\",\"status\""), 422),
        of(result, changed(RESULT, "{\"status\"", "{\"paymentId\":7,\"status\""), 422),
        of(result, changed(RESULT, "{\"status\"", "{\"status\":\"S\",\"status\""), 400),
        of("/payments/never-seen/result", RESULT.as_bytes().to_vec(), 404),
        of(refunds, changed(REFUND, "refund-1", ""), 422),
        of(refunds, changed(REFUND, "refund-1", &"9".repeat(65)), 422),
        of(refunds, changed(REFUND, "\"refund-1\"", "1"), 422),
        of(refunds, changed(REFUND, "\"10\"", "\"0\""), 422),
        of(refunds, changed(REFUND, "\"10\"", "10"), 422),
        of(refunds, changed(REFUND, "amount", "amounts"), 422),
        of(refund_result, changed(RESULT, "\"S\"", "true"), 422),
        of(refund_result, RESULT.as_bytes().to_vec(), 404),
    ]
}

fn broken_paths() -> Vec<WalletCase> {
    let long = "9".repeat(65);
    let mut cases = Vec::new();
    for id in ["%00", "a%00", "a%0A", "%20", "%C3%A9", "%FF", "%2E%2E", "%2e", &long, "a%2Fb%00", "%25%00"] {
        cases.push(("PUT", format!("/payments/{id}"), ANNOUNCEMENT.as_bytes().to_vec(), 422));
        cases.push(("POST", format!("/payments/{id}/result"), RESULT.as_bytes().to_vec(), 422));
        cases.push(("POST", format!("/payments/paid-1/refunds/{id}/result"), RESULT.as_bytes().to_vec(), 422));
        cases.push(("GET", format!("/payments/{id}"), Vec::new(), 422));
        cases.push(("GET", format!("/accounts/{id}"), Vec::new(), 422));
    }
    for query in ["limit=0", "limit=1001", "limit=-1", "limit=x", "limit=1&limit=2", "limit=99999999999", "after=-1", "after=%00"]
    {
        cases.push(("GET", format!("/accounts/user-1?{query}"), Vec::new(), 422));
    }
    for query in ["state=done", "state=", "state=open&state=open", "after=%00", "after=a%20b", "after=%FF"] {
        cases.push(("GET", format!("/reversals?{query}"), Vec::new(), 422));
    }
    for path in ["/payments", "/payments/", "/payments//result", "/payments/a/b", "/payments/a/refunds/b", "/%00", "/settlement"]
    {
        cases.push(("POST", path.to_owned(), RESULT.as_bytes().to_vec(), 404));
    }
    cases
}

async fn ask_wallet_api(connection: &mut Connection, authorization: &str, case: &WalletCase) -> Response {
    let (method, path, body, _) = case;
    let length = body.len();
    let head = format!("{method} /wallet/v1{path} HTTP/1.1\r\nhost: wallet\r\n{authorization}content-length: {length}\r\n\r\n");
    let response = connection.ask(&[head.as_bytes(), body].concat()).await;
    if response.status != 200 {
        let (kind, problem) = (response.header("content-type"), response.json());
        assert_eq!(kind, Some("application/problem+json"), "{case:?}: {response:?}");
        assert_eq!(problem["status"], response.status, "{case:?}: {problem}");
        assert!(problem["detail"].as_str().is_some_and(|detail| !detail.is_empty()), "{case:?}: {problem}");
    }
    response
}

#[tokio::test]
async fn every_broken_call_of_the_wallet_is_told_why_and_changes_nothing() {
    let front = Front::new().await;
    let paid = front.paid("paid-1").await;
    let mut connection = Connection::to(front.process.wallet_api);
    let authorization = format!("authorization: Bearer {}\r\n", front.token);
    let tables = [broken_announcements(), broken_json(), broken_reports(), broken_paths()];
    for case in tables.iter().flatten() {
        let response = ask_wallet_api(&mut connection, &authorization, case).await;
        let shown = String::from_utf8_lossy(&case.2[..case.2.len().min(300)]).into_owned();
        assert_eq!(response.status, case.3, "{} {} {shown}: {}", case.0, case.1, response.json());
        assert!(front.view("paid-1").await.as_ref() == Some(&paid), "{} {} {shown} changed the payment", case.0, case.1);
    }
    assert_eq!(front.view("broken").await, None);
    let whole = ("PUT", "/payments/broken".to_owned(), ANNOUNCEMENT.as_bytes().to_vec(), 200);
    for wrong in [
        String::new(),
        "authorization: \r\n".to_owned(),
        "authorization: Bearer\r\n".to_owned(),
        "authorization: Bearer x\r\n".to_owned(),
        format!("authorization: Basic {}\r\n", front.token),
        format!("authorization: Bearer {}x\r\n", front.token),
        format!("authorization: Bearer {}\r\n", front.token.to_uppercase()),
        format!("authorisation: Bearer {}\r\n", front.token),
    ] {
        assert_eq!(ask_wallet_api(&mut connection, &wrong, &whole).await.status, 401, "{wrong}");
    }
    assert_eq!(front.view("broken").await, None);
    assert_eq!(ask_wallet_api(&mut connection, &authorization, &whole).await.status, 200, "nothing else was wrong with it");
    assert_unharmed(&front.process).await;
}
