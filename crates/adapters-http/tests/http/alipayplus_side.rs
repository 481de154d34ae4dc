//! Alipay+'s side of the callback: builds signed requests, sends them as bytes and checks the signature of every answer.

use std::hash::{DefaultHasher, Hasher};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use actix_web::dev::ServerHandle;
use adapters_http::{Callback, Inquiries, Listening, serve_callback};
use async_trait::async_trait;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use chrono::{DateTime, TimeDelta, Utc};
use domain::{AccountId, Case, InquiryReply, PaymentInquiry, PaymentRequestId, PspId};
use ports::testing::{ManualClock, MemoryStore, ledger_policy};
use ports::{
    AccountStatement, Backlog, CancellationStore, CaseFile, Clock, LeasedLookup, LeasedReversal, MessageSigner, MessageVerifier,
    Page, ReceivedCommand, ReversalFilter, Signature, SignedText, UnavailableError,
};
use tokio::runtime::Runtime;
use tokio::sync::Semaphore;
use use_cases::{LaneSettings, Lanes, Ports};

pub(crate) const PATH: &str = "/aps/api/v1/payments/cancelPayment";
pub(crate) const INQUIRY_PATH: &str = "/aps/api/v1/payments/inquiryPayment";
pub(crate) const CLIENT: &str = "SANDBOX_TEST0001";
pub(crate) const TIME: &str = "2026-01-02T03:04:05+08:00";
pub(crate) const PSP: &str = "1022172000000000001";
pub(crate) const ID: &str = "20200101234567890132";
pub(crate) const SUCCESS: &str = r#"{"result":{"resultCode":"SUCCESS","resultStatus":"S","resultMessage":"Success"}}"#;

/// Alipay+'s two live keys, and the wallet's.
const ALIPAYPLUS_1: u64 = 11;
const ALIPAYPLUS_2: u64 = 12;
const WALLET: u64 = 13;

/// Stands in for RSA, which has tests of its own: a keyed hash of fixed length.
fn signature(key: u64, text: &[u8]) -> Vec<u8> {
    let word = |counter: u64| {
        let mut hasher = DefaultHasher::new();
        hasher.write_u64(key);
        hasher.write_u64(counter);
        hasher.write(text);
        hasher.finish().to_be_bytes()
    };
    (0..4).flat_map(word).collect()
}

struct Clients;

impl MessageVerifier for Clients {
    fn knows_client(&self, client_id: &str) -> bool {
        client_id == CLIENT
    }

    fn knows_key(&self, client_id: &str, key_version: Option<u32>, _: DateTime<Utc>) -> bool {
        self.knows_client(client_id) && key_version.is_none_or(|version| version == 1 || version == 2)
    }

    fn verify(&self, signed: &SignedText<'_>, _: DateTime<Utc>) -> bool {
        let keys = [(1, ALIPAYPLUS_1), (2, ALIPAYPLUS_2)].into_iter();
        let mut named = keys.filter(|(version, _)| signed.key_version.is_none_or(|named| named == *version));
        self.knows_client(signed.client_id) && named.any(|(_, key)| signature(key, signed.text) == signed.signature)
    }
}

struct Wallet;

#[async_trait]
impl MessageSigner for Wallet {
    async fn sign(&self, text: &[u8]) -> Result<Signature, UnavailableError> {
        Ok(Signature { key_version: 9, bytes: signature(WALLET, text) })
    }
}

/// A signer that counts what it signs.
#[derive(Default)]
pub(crate) struct Counting(pub(crate) AtomicUsize);

#[async_trait]
impl MessageSigner for Counting {
    async fn sign(&self, text: &[u8]) -> Result<Signature, UnavailableError> {
        self.0.fetch_add(1, Ordering::SeqCst);
        Wallet.sign(text).await
    }
}

/// A signer whose key cannot be reached.
pub(crate) struct Unreachable;

#[async_trait]
impl MessageSigner for Unreachable {
    async fn sign(&self, _: &[u8]) -> Result<Signature, UnavailableError> {
        Err(UnavailableError::because("the key cannot be reached"))
    }
}

/// The store in memory, with a gate before its decisions.
pub(crate) struct GatedStore {
    memory: MemoryStore,
    gate: Semaphore,
    waiting: AtomicUsize,
}

impl GatedStore {
    /// How many batches have come to the gate.
    pub(crate) fn waiting(&self) -> usize {
        self.waiting.load(Ordering::SeqCst)
    }
}

#[async_trait]
impl CancellationStore for GatedStore {
    async fn decide(&self, batch: Vec<ReceivedCommand>) -> Vec<Result<ports::Decided, UnavailableError>> {
        self.waiting.fetch_add(1, Ordering::SeqCst);
        let _open = self.gate.acquire().await;
        self.memory.decide(batch).await
    }

    async fn lease_due(&self, now: DateTime<Utc>, limit: u32) -> Result<Vec<LeasedReversal>, UnavailableError> {
        self.memory.lease_due(now, limit).await
    }

    async fn lease_lookups(&self, now: DateTime<Utc>, limit: u32) -> Result<Vec<LeasedLookup>, UnavailableError> {
        self.memory.lease_lookups(now, limit).await
    }

    async fn hasten_lookups(&self, now: DateTime<Utc>, within: TimeDelta, limit: u32) -> Result<u32, UnavailableError> {
        self.memory.hasten_lookups(now, within, limit).await
    }

    async fn find(&self, id: &PaymentRequestId) -> Result<Option<CaseFile>, UnavailableError> {
        self.memory.find(id).await
    }

    async fn inquire(&self, batch: Vec<PaymentInquiry>) -> Vec<Result<InquiryReply, UnavailableError>> {
        self.memory.inquire(batch).await
    }

    async fn account(&self, account: &AccountId, page: &Page) -> Result<AccountStatement, UnavailableError> {
        self.memory.account(account, page).await
    }

    async fn reversals(&self, filter: ReversalFilter, page: &Page) -> Result<Vec<Case>, UnavailableError> {
        self.memory.reversals(filter, page).await
    }

    async fn deferred(&self, page: &Page) -> Result<Vec<Case>, UnavailableError> {
        self.memory.deferred(page).await
    }

    async fn backlog(&self) -> Result<Backlog, UnavailableError> {
        self.memory.backlog().await
    }

    async fn check(&self) -> Result<Option<DateTime<Utc>>, UnavailableError> {
        self.memory.check().await
    }
}

/// The parts of a service that a test may choose.
pub(crate) struct Setup {
    pub(crate) answer_budget: Duration,
    pub(crate) freshness: Option<TimeDelta>,
    pub(crate) signer: Arc<dyn MessageSigner>,
    /// Of inquiries: of answers that name nothing of a payment, and of those that do. `None` serves no inquiries.
    pub(crate) inquiry_signers: Option<[Arc<dyn MessageSigner>; 2]>,
    pub(crate) lanes: LaneSettings,
    pub(crate) gate_is_open: bool,
    pub(crate) tls: Option<adapters_http::ServerTls>,
}

impl Default for Setup {
    fn default() -> Self {
        Self {
            answer_budget: Duration::from_secs(30),
            freshness: None,
            signer: Arc::new(Wallet),
            inquiry_signers: Some([Arc::new(Wallet), Arc::new(Wallet)]),
            lanes: LaneSettings { lanes: 2, queue: 64, batch: 16 },
            gate_is_open: true,
            tls: None,
        }
    }
}

/// A callback on a socket of its own.
pub(crate) struct Service {
    pub(crate) address: SocketAddr,
    pub(crate) store: Arc<GatedStore>,
    handle: ServerHandle,
    runtime: Runtime,
}

impl Service {
    pub(crate) fn start() -> Self {
        Self::with(Setup::default())
    }

    pub(crate) fn with(setup: Setup) -> Self {
        let runtime = Runtime::new().unwrap();
        let entered = runtime.enter();
        let gate = Semaphore::new(usize::from(setup.gate_is_open));
        let store = Arc::new(GatedStore { memory: MemoryStore::new(ledger_policy()), gate, waiting: AtomicUsize::new(0) });
        let as_store: Arc<dyn CancellationStore> = Arc::clone(&store) as _;
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let clock: Arc<dyn Clock> = Arc::new(ManualClock::at("2026-01-01T19:04:06.789Z".parse().unwrap()));
        let callback = Callback {
            inquiries: setup.inquiry_signers.map(|[signer, signer_of_paid]| Inquiries {
                path: INQUIRY_PATH.into(),
                signer,
                signer_of_paid,
            }),
            cancel_payment_path: PATH.into(),
            psp_id: PspId::parse(PSP).unwrap(),
            answer_budget: setup.answer_budget,
            freshness: setup.freshness,
            ports: Arc::new(Ports::new(Lanes::start(&as_store, &clock, setup.lanes), as_store, clock, None)),
            signer: setup.signer,
            verifier: Arc::new(Clients),
        };
        let server = serve_callback(Listening { listener, tls: setup.tls }, callback).unwrap();
        let handle = server.handle();
        runtime.spawn(server);
        drop(entered);
        Self { address, store, handle, runtime }
    }

    pub(crate) fn open_gate(&self) {
        self.store.gate.add_permits(1);
    }

    pub(crate) fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(self.address).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
        stream
    }

    /// Sends a request on a connection of its own.
    pub(crate) fn send(&self, request: &Request) -> Response {
        let mut stream = self.connect();
        // Where the head alone is refused, the server may close before it has read the rest.
        let _ = stream.write_all(&request.bytes());
        let response = Response::read(&mut stream, request.method == "HEAD");
        response.check_signature(&request.method, &request.signed_uri());
        response
    }

    /// The result code of the signed answer.
    pub(crate) fn code(&self, request: &Request) -> String {
        let response = self.send(request);
        assert_eq!(response.status, 200, "{response:?}");
        response.code()
    }

    /// Has commands of the wallet decided.
    pub(crate) fn decide(&self, batch: Vec<ReceivedCommand>) {
        let decided = self.runtime.block_on(self.store.decide(batch));
        assert!(decided.iter().all(Result::is_ok), "{decided:?}");
    }

    pub(crate) fn case(&self, id: &str) -> Option<CaseFile> {
        self.runtime.block_on(self.store.find(&PaymentRequestId::parse(id).unwrap())).unwrap()
    }

    /// The names of a case's events.
    pub(crate) fn timeline(&self, id: &str) -> Vec<String> {
        self.case(id).map(|file| file.timeline.into_iter().map(|entry| entry.what).collect()).unwrap_or_default()
    }

    pub(crate) fn has_no_case(&self) -> bool {
        self.case(ID).is_none()
    }

    /// A graceful stop, from now on.
    pub(crate) fn stop(&self) -> tokio::task::JoinHandle<()> {
        self.runtime.spawn(self.handle.stop(true))
    }

    pub(crate) fn wait_for(&self, task: tokio::task::JoinHandle<()>) {
        self.runtime.block_on(task).unwrap();
    }
}

/// A cancel, valid until a test breaks it.
#[derive(Clone)]
pub(crate) struct Request {
    pub(crate) method: String,
    pub(crate) target: String,
    pub(crate) content_types: Vec<Vec<u8>>,
    pub(crate) client_ids: Vec<Vec<u8>>,
    pub(crate) times: Vec<Vec<u8>>,
    pub(crate) algorithm: String,
    pub(crate) key_version: Option<String>,
    /// The key that signs it; the header may name another version.
    pub(crate) key: u64,
    pub(crate) tampered: bool,
    /// Sent instead of the right signature.
    pub(crate) signatures: Option<Vec<Vec<u8>>>,
    pub(crate) other_headers: Vec<String>,
    pub(crate) body: Vec<u8>,
}

impl Request {
    pub(crate) fn valid() -> Self {
        Self {
            method: "POST".into(),
            target: PATH.into(),
            content_types: vec![b"application/json; charset=UTF-8".to_vec()],
            client_ids: vec![CLIENT.into()],
            times: vec![TIME.into()],
            algorithm: "RSA256".into(),
            key_version: Some("1".into()),
            key: ALIPAYPLUS_1,
            tampered: false,
            signatures: None,
            other_headers: Vec::new(),
            body: body(PSP).into(),
        }
    }

    pub(crate) fn with(change: impl FnOnce(&mut Self)) -> Self {
        let mut request = Self::valid();
        change(&mut request);
        request
    }

    /// With another body, signed as it is.
    pub(crate) fn of(body: impl Into<Vec<u8>>) -> Self {
        Self::with(|request| request.body = body.into())
    }

    /// The same as an inquiry.
    pub(crate) fn into_inquiry(mut self) -> Self {
        self.target = self.target.replace(PATH, INQUIRY_PATH);
        self
    }

    pub(crate) fn by_second_key(&mut self) {
        self.key = ALIPAYPLUS_2;
    }

    fn signed_uri(&self) -> String {
        self.target.find("://").map_or(self.target.clone(), |scheme| {
            let host_and_path = &self.target[scheme + 3..];
            host_and_path[host_and_path.find('/').unwrap()..].to_owned()
        })
    }

    pub(crate) fn signature(&self) -> String {
        let first = |values: &[Vec<u8>]| values.first().cloned().unwrap_or_default();
        let head = format!("{} {}\n", self.method, self.signed_uri());
        let text = [head.as_bytes(), &first(&self.client_ids), b".", &first(&self.times), b".", &self.body].concat();
        let mut signature = signature(self.key, &text);
        signature[0] ^= u8::from(self.tampered);
        let value = STANDARD.encode(signature).replace('+', "%2B").replace('/', "%2F").replace('=', "%3D");
        let version = self.key_version.as_ref().map_or(String::new(), |version| format!("keyVersion={version}, "));
        format!("algorithm={}, {version}signature={value}", self.algorithm)
    }

    pub(crate) fn head(&self) -> Vec<u8> {
        let mut head = format!("{} {} HTTP/1.1\r\nHost: wallet\r\n", self.method, self.target).into_bytes();
        let signatures = self.signatures.clone().unwrap_or_else(|| vec![self.signature().into_bytes()]);
        let headers = [
            ("Content-Type", &self.content_types),
            ("Client-Id", &self.client_ids),
            ("Request-Time", &self.times),
            ("Signature", &signatures),
        ];
        for (name, values) in headers {
            for value in values {
                head.extend([name.as_bytes(), b": ", value, b"\r\n"].concat());
            }
        }
        for header in &self.other_headers {
            head.extend([header.as_bytes(), b"\r\n"].concat());
        }
        head
    }

    pub(crate) fn bytes(&self) -> Vec<u8> {
        let length = format!("Content-Length: {}\r\n\r\n", self.body.len());
        [&self.head()[..], length.as_bytes(), &self.body].concat()
    }
}

pub(crate) fn body(psp_id: &str) -> String {
    format!(r#"{{"acquirerId":"1022188000000000001","pspId":"{psp_id}","paymentRequestId":"{ID}"}}"#)
}

/// An answer of the callback.
#[derive(Debug)]
pub(crate) struct Response {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: String,
}

impl Response {
    pub(crate) fn read(stream: &mut impl Read, without_body: bool) -> Self {
        let mut bytes = Vec::new();
        while !bytes.ends_with(b"\r\n\r\n") {
            let mut byte = [0];
            stream.read_exact(&mut byte).expect("an answer");
            bytes.push(byte[0]);
        }
        let head = String::from_utf8(bytes).unwrap();
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        let mut response = Self { status, head, body: String::new() };
        let length = response.header("content-length").expect("a length").parse().unwrap();
        let mut body = vec![0; if without_body { 0 } else { length }];
        stream.read_exact(&mut body).expect("the whole body");
        response.body = String::from_utf8(body).unwrap();
        response
    }

    /// A header by its name in lower case, exactly as some clients of Alipay+ look for it.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().filter_map(|line| line.split_once(": ")).find(|(key, _)| *key == name).map(|(_, value)| value)
    }

    pub(crate) fn code(&self) -> String {
        self.member("resultCode")
    }

    pub(crate) fn result_status(&self) -> String {
        self.member("resultStatus")
    }

    fn member(&self, name: &str) -> String {
        let body: serde_json::Value = serde_json::from_str(&self.body).unwrap();
        body["result"][name].as_str().unwrap().to_owned()
    }

    /// An answer with a result is signed; one without is empty and has no signature.
    fn check_signature(&self, method: &str, uri: &str) {
        if self.status != 200 {
            assert_eq!((self.body.as_str(), self.header("signature")), ("", None), "{self:?}");
            return;
        }
        let (client_id, time) = (self.header("client-id").unwrap(), self.header("response-time").unwrap());
        let body = if method == "HEAD" { METHOD_NOT_SUPPORTED } else { &self.body };
        let text = format!("{method} {uri}\n{client_id}.{time}.{body}");
        let value = STANDARD.encode(signature(WALLET, text.as_bytes()));
        let value = value.replace('+', "%2B").replace('/', "%2F").replace('=', "%3D");
        let expected = format!("algorithm=RSA256,keyVersion=9,signature={value}");
        assert_eq!(self.header("signature"), Some(expected.as_str()), "{self:?}");
    }
}

pub(crate) const METHOD_NOT_SUPPORTED: &str =
    r#"{"result":{"resultCode":"METHOD_NOT_SUPPORTED","resultStatus":"F","resultMessage":"The method must be POST"}}"#;
