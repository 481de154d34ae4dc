//! Random changes to valid messages: every answer is one that Rescind means, and only a real cancel cancels.
//!
//! `RESCIND_SEED` repeats a run; a failure names the message that it began with.

use std::collections::{BTreeMap, HashMap};
use std::future::Future;
use std::sync::{Arc, Mutex};

use testkit::process::Process;
use testkit::{ACQUIRER, Deployment, PATH, PSP_ID, TestEngine};

use crate::broken::random::{HTTP_PIECES, JSON_PIECES, Random};
use crate::broken::reading::{Meaning, meaning, request_lines, says_the_same};
use crate::broken::request::{Keys, Request};
use crate::broken::wire::{Connection, Response};
use crate::broken::{assert_unharmed, scaled, seed, token, view};

/// How many connections are in use at any time.
const CONNECTIONS: usize = 8;
/// After so many messages everything is looked over.
const ROUND: usize = 1000;
/// How many paid payments there are, which no valid cancel ever names, and ids that may be cancelled.
const NAMED: usize = 16;

/// Every code that may leave the callback here.
const CODES: [&str; 11] = [
    "S SUCCESS",
    "F METHOD_NOT_SUPPORTED",
    "F MEDIA_TYPE_NOT_ACCEPTABLE",
    "F INVALID_CLIENT",
    "F INVALID_SIGNATURE",
    "F KEY_NOT_FOUND",
    "F PARAM_ILLEGAL",
    "F ACCESS_DENIED",
    "F PROCESS_FAIL",
    "U UNKNOWN_EXCEPTION",
    "U REQUEST_TRAFFIC_EXCEED_LIMIT",
];

/// A message as it is sent, and what is known of it.
struct Message {
    bytes: Vec<u8>,
    /// Its end is where it says, so that the connection can be used further.
    is_whole: bool,
    expected: Expected,
}

enum Expected {
    /// Exactly this.
    Only(&'static str),
    /// S, or U where it is not known yet.
    Cancelled,
    /// As [`Cancelled`](Self::Cancelled), but another acquirer may have come first.
    CancelledUnlessOthers,
    /// Anything but S.
    NeverCancelled,
    /// Anything, because it may still be the cancel that was signed.
    Anything,
}

impl Expected {
    fn allows(&self, answer: &str) -> bool {
        let cancelled = answer == "S SUCCESS" || answer.starts_with("U ");
        match self {
            Self::Only(only) => answer == *only,
            Self::Cancelled => cancelled,
            Self::CancelledUnlessOthers => cancelled || answer == "F PARAM_ILLEGAL",
            Self::NeverCancelled => answer != "S SUCCESS",
            Self::Anything => true,
        }
    }

    /// Whether the payment that it names may be cancelled by it.
    fn may_cancel(&self) -> bool {
        self.allows("S SUCCESS")
    }
}

struct Front {
    seed: u64,
    process: Process,
    /// Outlives the process.
    _deployment: Deployment,
    keys: Keys,
    token: String,
    /// Paid, with what was known of them then.
    paid: HashMap<String, Vec<u8>>,
    /// Signed cancels of the paid payments, which are never sent as they are.
    of_paid: Vec<Request>,
    /// Signed cancels that may be sent as they are.
    harmless: Vec<Request>,
    /// How often each answer came.
    answers: Mutex<BTreeMap<String, usize>>,
}

impl Front {
    async fn new() -> Self {
        let deployment = Deployment::on(TestEngine::Sqlite);
        let (process, keys, token) = (deployment.start().await, Keys::of(&deployment), token(&deployment));
        let (mut paid, mut of_paid, mut harmless) = (HashMap::new(), Vec::new(), Vec::new());
        for number in 0..NAMED {
            let (id, other) = (format!("paid-{number:016}"), format!("harmless-{number:016}"));
            process.wallet.announce(&id, "user-1", 1000).await.unwrap();
            process.wallet.report(&id, "S").await.unwrap();
            paid.insert(id.clone(), view(&process, &token, &id).await.unwrap());
            for (id, among) in [(&id, &mut of_paid), (&other, &mut harmless)] {
                let mut request = Request::cancel(id);
                keys.sign(&mut request).await;
                among.push(request);
            }
            assert_eq!(process.alipayplus.cancel(&other).await.unwrap().brief(), "S SUCCESS");
        }
        let (seed, answers) = (seed(), Mutex::default());
        Self { seed, process, _deployment: deployment, keys, token, paid, of_paid, harmless, answers }
    }

    /// The message of this number. Three of four begin as a cancel of a paid payment, unless chance left it one.
    async fn message(&self, number: usize) -> Message {
        let mut random = Random::of(self.seed, number);
        let kind = random.below(10);
        if random.below(4) > 0 {
            let message = self.changed(self.of_paid[random.below(NAMED)].clone(), kind, &mut random).await;
            if !message.expected.may_cancel() {
                return message;
            }
        }
        let mut request = self.harmless[random.below(NAMED)].clone();
        if kind < 5 {
            request = Request::cancel(&format!("{:032x}", u128::from(random.next()) << 64 | u128::from(random.next())));
        }
        self.changed(request, kind, &mut random).await
    }

    /// Half of all messages have a changed body under a good signature, so that they get as far as the JSON.
    async fn changed(&self, mut request: Request, kind: usize, random: &mut Random) -> Message {
        let original = request.clone();
        let times = 1 + random.below(3);
        if kind < 7 {
            (0..times).for_each(|_| random.change(&mut request.body, JSON_PIECES));
        }
        if kind < 5 {
            self.keys.sign(&mut request).await;
            let bytes = if kind == 0 { request.chunked() } else { request.bytes() };
            return Message { bytes, is_whole: true, expected: self.asked_for(&request.body, &original.body) };
        }
        if kind < 7 {
            let same = request.body == original.body;
            let expected = if same { Expected::Cancelled } else { Expected::Only("F INVALID_SIGNATURE") };
            return Message { bytes: request.bytes(), is_whole: true, expected };
        }
        let times = times.min(2);
        let mut bytes = if kind == 7 { request.chunked() } else { request.bytes() };
        if kind == 9 {
            (0..times).for_each(|_| random.change(&mut bytes, HTTP_PIECES));
        } else {
            let body = bytes.windows(4).position(|four| four == b"\r\n\r\n").unwrap() + 4;
            let mut head: Vec<u8> = bytes.drain(..body).collect();
            (0..times).for_each(|_| random.change_lines(&mut head, HTTP_PIECES));
            bytes.splice(..0, head);
        }
        let expected = if says_the_same(&bytes, &original) { Expected::Anything } else { Expected::NeverCancelled };
        Message { bytes, is_whole: false, expected }
    }

    /// What a properly signed body has to be answered.
    fn asked_for(&self, body: &[u8], original: &[u8]) -> Expected {
        let Meaning::Cancel { id, .. } = meaning(original) else { panic!("the original is no cancel") };
        match meaning(body) {
            Meaning::Illegal => Expected::Only("F PARAM_ILLEGAL"),
            Meaning::OtherPsp => Expected::Only("F ACCESS_DENIED"),
            Meaning::Cancel { id: named, acquirer } if named == id && acquirer == ACQUIRER => Expected::Cancelled,
            Meaning::Cancel { id: named, acquirer } if acquirer != ACQUIRER && self.paid.contains_key(&named) => {
                Expected::Only("F PARAM_ILLEGAL")
            }
            Meaning::Cancel { .. } => Expected::CancelledUnlessOthers,
        }
    }

    /// Sends the messages of one connection's share of a round.
    async fn send(&self, numbers: impl Iterator<Item = usize>, peer: usize) {
        let mut connection = Connection::to(self.process.callback).with_peer(peer);
        for number in numbers {
            let message = self.message(number).await;
            let answers = if message.is_whole {
                connection.ask_within_patience(&message.bytes).await.map(|answer| vec![answer])
            } else {
                connection.throw(&message.bytes).await
            };
            let judged = answers.and_then(|answers| self.judge(&message, &answers));
            if let Err(what) = judged {
                panic!("RESCIND_SEED={}, message {number}: {what}\n{}", self.seed, message.bytes.escape_ascii());
            }
        }
    }

    fn judge(&self, message: &Message, answers: &[Response]) -> Result<(), String> {
        let mut counted = self.answers.lock().unwrap();
        if answers.is_empty() {
            *counted.entry("no answer".to_owned()).or_default() += 1;
        }
        for answer in answers {
            let brief = answer.brief();
            *counted.entry(brief.clone()).or_default() += 1;
            if answer.status >= 500 {
                return Err(format!("HTTP {}", answer.status));
            }
            let is_head = answer.body.is_empty() && request_lines(&message.bytes).iter().any(|(method, _)| method == "HEAD");
            if answer.status == 200 && !is_head {
                self.judge_result(message, answer, &brief)?;
            } else if message.is_whole && answer.status != 429 {
                return Err(format!("HTTP {}", answer.status));
            }
        }
        Ok(())
    }

    fn judge_result(&self, message: &Message, answer: &Response, brief: &str) -> Result<(), String> {
        if !CODES.contains(&brief) {
            return Err(format!("an unknown code: {answer:?}"));
        }
        if !message.expected.allows(brief) {
            return Err(format!("{brief} is not what it asked for"));
        }
        let mut lines = request_lines(&message.bytes);
        lines.push(("POST".to_owned(), PATH.to_owned()));
        let signed = lines.iter().any(|(method, uri)| self.keys.have_signed(answer, method, uri));
        if signed { Ok(()) } else { Err(format!("not signed: {answer:?}")) }
    }

    /// Nothing that no valid cancel named has changed, and the process is as it was.
    async fn look_over(&self) {
        for (id, before) in &self.paid {
            let after = view(&self.process, &self.token, id).await;
            assert!(after.as_ref() == Some(before), "RESCIND_SEED={}: {id} has changed", self.seed);
        }
        assert_unharmed(&self.process).await;
    }
}

/// Gives each connection its share of a round, and a peer's number.
async fn in_parallel<Share: Future<Output = ()> + Send + 'static>(
    round: usize,
    share: impl Fn(std::iter::StepBy<std::ops::Range<usize>>, usize) -> Share,
) {
    let first = round * ROUND;
    let numbers = |task: usize| (first + task..first + ROUND).step_by(CONNECTIONS);
    let tasks: Vec<_> = (0..CONNECTIONS).map(|task| tokio::spawn(share(numbers(task), round * CONNECTIONS + task))).collect();
    for task in tasks {
        task.await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn random_changes_to_cancels_never_harm_and_never_cancel() {
    let front = Arc::new(Front::new().await);
    let all = scaled(20_000, 1_000_000);
    for round in 0..all / ROUND {
        in_parallel(round, |numbers, peer| {
            let front = Arc::clone(&front);
            async move { front.send(numbers, peer).await }
        })
        .await;
        front.look_over().await;
    }
    let answers = front.answers.lock().unwrap().clone();
    println!("RESCIND_SEED={}, {all} messages: {answers:#?}", front.seed);
    let times = |answer: &str| answers.get(answer).copied().unwrap_or_default();
    for reached in CODES[..8].iter().chain(&["400", "404"]) {
        assert!(times(reached) > 0, "no message came as far as {reached}");
    }
    assert!(times("429") * 100 < all, "so many answers were withheld that little was tested");
    let cancelled = front.process.alipayplus.cancel(&format!("paid-{:016}", 0)).await.unwrap();
    assert_eq!(cancelled.brief(), "S SUCCESS", "a paid payment can still be cancelled");
}

/// The wallet's side, where every call is one that the wallet may make.
struct WalletSide {
    seed: u64,
    process: Process,
    /// Outlives the process.
    _deployment: Deployment,
    token: String,
    /// How often each status came.
    statuses: Mutex<BTreeMap<u16, usize>>,
}

impl WalletSide {
    /// A valid call about one of few payments.
    fn call(&self, random: &mut Random) -> (String, String) {
        let (id, refund) = (random.below(200), random.below(3));
        let amount = r#"{"value":"1000","currency":"JPY"}"#;
        let completed = r#""completedAt":"2026-01-02T03:04:06+08:00""#;
        let (method, path, body) = match random.below(5) {
            0 | 1 => (
                "PUT",
                String::new(),
                format!(
                    r#"{{"acquirerId":"{ACQUIRER}","pspId":"{PSP_ID}","account":"user-{id}","amount":{amount},"kind":"payment","initiatedAt":"2026-01-02T03:04:05+08:00","settlementAmount":{amount}}}"#
                ),
            ),
            2 => (
                "POST",
                "/result".to_owned(),
                format!(r#"{{"status":"S",{completed},"paymentId":"p-{id}","fee":{{"value":"1","currency":"JPY"}}}}"#),
            ),
            3 => {
                let part = r#"{"value":"10","currency":"JPY"}"#;
                ("POST", "/refunds".to_owned(), format!(r#"{{"refundRequestId":"refund-{refund}","amount":{part}}}"#))
            }
            _ => ("POST", format!("/refunds/refund-{refund}/result"), format!(r#"{{"status":"F",{completed}}}"#)),
        };
        let line = format!("{method} /wallet/v1/payments/payment-{id}{path} HTTP/1.1\r\n");
        let rest = format!("host: wallet\r\nauthorization: Bearer {}\r\ncontent-type: application/json\r\n", self.token);
        (line + &rest, body)
    }

    /// A call that is changed; whether its end is where it says.
    fn message(&self, number: usize) -> (Vec<u8>, bool) {
        let mut random = Random::of(self.seed, number);
        let (head, body) = self.call(&mut random);
        let (mut head, mut body) = (head.into_bytes(), body.into_bytes());
        let (times, kind) = (random.below(4), random.below(4));
        if kind < 2 {
            (0..times).for_each(|_| random.change(&mut body, JSON_PIECES));
        }
        head.extend(format!("content-length: {}\r\n\r\n", body.len()).as_bytes());
        if kind == 2 {
            (0..times).for_each(|_| random.change_lines(&mut head, HTTP_PIECES));
        }
        let mut bytes = [head, body].concat();
        if kind == 3 {
            (0..times).for_each(|_| random.change(&mut bytes, HTTP_PIECES));
        }
        (bytes, kind < 2)
    }

    async fn send(&self, numbers: impl Iterator<Item = usize>) {
        let mut connection = Connection::to(self.process.wallet_api);
        for number in numbers {
            let (bytes, is_whole) = self.message(number);
            let answers = if is_whole {
                connection.ask_within_patience(&bytes).await.map(|answer| vec![answer])
            } else {
                connection.throw(&bytes).await
            };
            let judged = answers.and_then(|answers| answers.iter().try_for_each(|answer| self.judge(&bytes, answer)));
            if let Err(what) = judged {
                panic!("RESCIND_SEED={}, message {number}: {what}\n{}", self.seed, bytes.escape_ascii());
            }
        }
    }

    fn judge(&self, sent: &[u8], answer: &Response) -> Result<(), String> {
        *self.statuses.lock().unwrap().entry(answer.status).or_default() += 1;
        let carries_token = sent.windows(self.token.len()).any(|part| part == self.token.as_bytes());
        match answer.status {
            500.. => Err(format!("{answer:?}")),
            200 if !carries_token => Err("answered without a token".to_owned()),
            200 if !answer.body.is_empty() && answer.json().is_null() => Err(format!("no JSON: {answer:?}")),
            // A head that is no HTTP is answered without a body.
            401.. if !answer.body.is_empty() && answer.json()["status"] != answer.status => {
                Err(format!("no problem: {answer:?}"))
            }
            _ => Ok(()),
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn random_changes_to_the_wallets_calls_never_harm() {
    let deployment = Deployment::on(TestEngine::Sqlite);
    let (process, token, statuses) = (deployment.start().await, token(&deployment), Mutex::default());
    let side = Arc::new(WalletSide { seed: seed(), process, _deployment: deployment, token, statuses });
    let all = scaled(5000, 100_000);
    for round in 0..all / ROUND {
        in_parallel(round, |numbers, _| {
            let side = Arc::clone(&side);
            async move { side.send(numbers).await }
        })
        .await;
        assert_unharmed(&side.process).await;
    }
    let statuses = side.statuses.lock().unwrap().clone();
    println!("RESCIND_SEED={}, {all} messages: {statuses:?}", side.seed);
    for reached in [200, 400, 401, 404, 409, 422] {
        assert!(statuses.contains_key(&reached), "no call came as far as {reached}");
    }
}
