//! A wallet API over a real socket, and a client that speaks to it in raw HTTP.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::time::Duration;

use adapters_http::{Listening, Readiness, Tokens, WalletApi, serve_wallet_api};
use chrono::TimeDelta;
use domain::{Action, AttemptEnd, Jitter, Policy, PspId, ReversalOutcome};
use ports::testing::{ManualClock, MemoryStore, Wallet, core_policy, ledger_policy, moment};
use ports::{CancellationStore, Clock, EventFeed, ReceivedCommand, SettlementStore};
use serde_json::{Value, json};
use tokio::runtime::Runtime;
use use_cases::{FeedReaders, LaneSettings, Lanes, Ports};

pub(crate) const PAY: &str = "pay-token-0123456789";
pub(crate) const OPERATOR: &str = "operator-token-0123456789";

/// The stable name of the problem behind each status.
const PROBLEMS: [(u16, &str); 10] = [
    (400, "malformed"),
    (401, "unauthorized"),
    (403, "forbidden"),
    (404, "not-found"),
    (409, "conflict"),
    (410, "stale-cursor"),
    (413, "too-large"),
    (422, "not-acceptable"),
    (429, "too-many-requests"),
    (503, "unavailable"),
];

/// A running API.
pub(crate) struct Api {
    pub(crate) store: Arc<dyn CancellationStore>,
    pub(crate) days: Arc<dyn SettlementStore>,
    /// What the days are kept in, and the feed where nothing else is said.
    pub(crate) others: MemoryStore,
    pub(crate) feed: Arc<FeedReaders>,
    pub(crate) readiness: Readiness,
    pub(crate) ports: Arc<Ports>,
    /// The process's clock.
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) address: SocketAddr,
    runtime: Runtime,
}

/// An answer of the API.
#[derive(Debug, PartialEq)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: String,
}

impl Reply {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let lines = self.head.lines().filter_map(|line| line.split_once(": "));
        lines.into_iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    }

    /// The detail of a problem, which has to look like one.
    pub(crate) fn problem(&self) -> String {
        assert_eq!(self.header("content-type"), Some("application/problem+json"), "{self:?}");
        let problem = self.json();
        assert_eq!(problem["status"], self.status);
        let name = PROBLEMS.iter().find(|(status, _)| *status == self.status).unwrap().1;
        assert_eq!(problem["type"], format!("urn:rescind:problem:{name}"));
        assert!(problem["title"].as_str().is_some_and(|title| !title.is_empty()));
        problem["detail"].as_str().unwrap().to_owned()
    }
}

impl Api {
    pub(crate) fn with_ledger() -> Self {
        Self::under(ledger_policy(), "psp-1")
    }

    pub(crate) fn with_core() -> Self {
        Self::under(core_policy(), "psp-1")
    }

    /// The API of the wallet with this id.
    pub(crate) fn under(policy: Policy, psp_id: &str) -> Self {
        let store = MemoryStore::new(policy);
        let feed = Arc::new(store.clone());
        Self::start((Arc::new(store.clone()), store, feed), Duration::from_secs(60), psp_id)
    }

    pub(crate) fn over(store: Arc<dyn CancellationStore>, call_budget: Duration) -> Self {
        let others = MemoryStore::new(ledger_policy());
        Self::start((store, others.clone(), Arc::new(others)), call_budget, "psp-1")
    }

    pub(crate) fn over_feed(feed: Arc<dyn EventFeed>) -> Self {
        let store = MemoryStore::new(ledger_policy());
        Self::start((Arc::new(store.clone()), store, feed), Duration::from_secs(60), "psp-1")
    }

    /// The days are those of the second store.
    fn start(
        (store, others, feed): (Arc<dyn CancellationStore>, MemoryStore, Arc<dyn EventFeed>),
        call_budget: Duration,
        psp_id: &str,
    ) -> Self {
        let runtime = Runtime::new().unwrap();
        let entered = runtime.enter();
        let clock = Arc::new(ManualClock::at(moment(0)));
        let as_port: Arc<dyn Clock> = Arc::clone(&clock) as _;
        let days: Arc<dyn SettlementStore> = Arc::new(others.clone());
        let feed = Arc::new(FeedReaders::new(feed, Arc::clone(&as_port)));
        let lanes = Lanes::start(&store, &as_port, LaneSettings { lanes: 2, queue: 64, batch: 16 });
        let ports = Arc::new(Ports::new(lanes, Arc::clone(&store), as_port, None));
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let readiness = Readiness::new();
        let api = WalletApi {
            feed: Arc::clone(&feed),
            psp_id: PspId::parse(psp_id).unwrap(),
            call_budget,
            tokens: Tokens::parse(&format!("payflow pay {PAY}\nops operator {OPERATOR}\n")).unwrap(),
            ports: Arc::clone(&ports),
            days: Arc::clone(&days),
            oldest_open_reversal: TimeDelta::minutes(5),
            requires_standby: true,
            readiness: readiness.clone(),
            metrics: Arc::new(|| "# counted\n".to_owned()),
        };
        let server = serve_wallet_api(Listening { listener, tls: None }, api).unwrap();
        drop(entered);
        runtime.spawn(server);
        Self { store, days, others, feed, readiness, ports, clock, address, runtime }
    }

    /// Sends a request as it stands and reads until the server closes.
    pub(crate) fn send(&self, request: &[u8]) -> Reply {
        let mut connection = TcpStream::connect(self.address).unwrap();
        connection.write_all(request).unwrap();
        let mut received = String::new();
        connection.read_to_string(&mut received).unwrap();
        let (head, body) = received.split_once("\r\n\r\n").unwrap_or_else(|| panic!("no answer: {received:?}"));
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        Reply { status, head: head.to_owned(), body: body.to_owned() }
    }

    pub(crate) fn ask(&self, line: &str, authorization: Option<&str>, body: &[u8]) -> Reply {
        let authorization = authorization.map(|value| format!("authorization: {value}\r\n")).unwrap_or_default();
        let head = format!("{line} HTTP/1.1\r\nhost: wallet\r\nconnection: close\r\n{authorization}");
        let mut request = format!("{head}content-length: {}\r\n\r\n", body.len()).into_bytes();
        request.extend_from_slice(body);
        self.send(&request)
    }

    /// A call of the pay flow.
    pub(crate) fn call(&self, line: &str, body: &Value) -> Reply {
        self.ask(line, Some(&format!("Bearer {PAY}")), body.to_string().as_bytes())
    }

    pub(crate) fn put(&self, id: &str, body: &Value) -> Reply {
        self.call(&format!("PUT /wallet/v1/payments/{id}"), body)
    }

    pub(crate) fn post(&self, path: &str, body: &Value) -> Reply {
        self.call(&format!("POST /wallet/v1/payments/{path}"), body)
    }

    pub(crate) fn get(&self, path: &str) -> Reply {
        self.ask(&format!("GET {path}"), Some(&format!("Bearer {OPERATOR}")), b"")
    }

    /// An operator's command about a reversal.
    pub(crate) fn operate(&self, path: &str, body: &Value) -> Reply {
        let line = format!("POST /wallet/v1/reversals/{path}");
        self.ask(&line, Some(&format!("Bearer {OPERATOR}")), body.to_string().as_bytes())
    }

    /// The view of a case.
    pub(crate) fn case(&self, id: &str) -> Value {
        let reply = self.get(&format!("/wallet/v1/payments/{id}"));
        assert_eq!(reply.status, 200, "{reply:?}");
        reply.json()
    }

    /// Has the store decide a command that does not come through this API.
    pub(crate) fn decide(&self, received: ReceivedCommand) {
        let decided = self.runtime.block_on(self.store.decide(vec![received]));
        assert!(matches!(decided[..], [Ok(_)]), "{decided:?}");
    }

    /// Waits for work that needs no request.
    pub(crate) fn wait_for<T>(&self, work: impl Future<Output = T>) -> T {
        self.runtime.block_on(work)
    }

    /// Pays and cancels, and has the first attempt of the reversal end like this; all at `wallet.at`.
    pub(crate) fn cancel_with_attempt(&self, wallet: &Wallet, outcome: ReversalOutcome) {
        self.pay(wallet.id.as_str());
        self.decide(wallet.is_cancelled());
        self.end_first_attempt(wallet, outcome);
    }

    /// The first attempt of the reversal ends like this.
    pub(crate) fn end_first_attempt(&self, wallet: &Wallet, outcome: ReversalOutcome) {
        self.decide(wallet.does(Action::CompleteAttempt(AttemptEnd { attempt: 1, outcome, jitter: Jitter(0) })));
    }

    /// What `/readyz` says to a caller with a token. Without one it is the first two members, and nothing else.
    pub(crate) fn readiness(&self) -> (u16, Value) {
        let [known, unknown, bare] = [Some(format!("Bearer {PAY}")), Some(format!("Bearer {PAY}0")), None]
            .map(|token| self.ask("GET /readyz", token.as_deref(), b""));
        let brief = json!({ "ready": known.json()["ready"], "reasons": known.json()["reasons"] });
        for reply in [unknown, bare] {
            assert_eq!((reply.status, reply.json()), (known.status, brief.clone()));
        }
        (known.status, known.json())
    }

    pub(crate) fn stop_lanes(&self) {
        self.runtime.block_on(self.ports.stop());
    }

    /// Announces a payment of 1000 yen and reports its success.
    pub(crate) fn pay(&self, id: &str) {
        assert_eq!(disposition(&self.put(id, &payment())), "proceed");
        assert_eq!(disposition(&self.post(&format!("{id}/result"), &success())), "stands");
    }

    pub(crate) fn reserve_refund(&self, id: &str, refund: &str, value: &str) -> String {
        disposition(&self.post(&format!("{id}/refunds"), &refund_of(refund, value)))
    }
}

pub(crate) fn payment() -> Value {
    json!({
        "acquirerId": "acquirer-1", "pspId": "psp-1", "account": "user-1", "kind": "payment",
        "amount": {"value": "1000", "currency": "JPY"}, "initiatedAt": "2026-03-01T12:00:00+08:00",
    })
}

pub(crate) fn success() -> Value {
    json!({"status": "S", "completedAt": "2026-03-01T12:00:00.5+08:00", "paymentId": "p-1", "fee": {"value": "3", "currency": "USD"}})
}

pub(crate) fn failure() -> Value {
    json!({"status": "F", "completedAt": "2026-03-01T12:00:01+08:00"})
}

pub(crate) fn refund_of(refund: &str, value: &str) -> Value {
    json!({"refundRequestId": refund, "amount": {"value": value, "currency": "JPY"}})
}

/// The same object with one member changed, or without it where it is changed to nothing.
pub(crate) fn changed(object: &Value, member: &str, to: Option<Value>) -> Value {
    let mut object = object.clone();
    let members = object.as_object_mut().unwrap();
    match to {
        Some(value) => members.insert(member.to_owned(), value),
        None => members.remove(member),
    };
    object
}

/// The disposition of an answer that has no other member.
pub(crate) fn disposition(reply: &Reply) -> String {
    assert_eq!((reply.status, reply.header("content-type")), (200, Some("application/json")), "{reply:?}");
    let answer = reply.json();
    assert_eq!(answer.as_object().unwrap().len(), 1, "{answer}");
    answer["disposition"].as_str().unwrap().to_owned()
}
