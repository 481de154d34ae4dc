//! The wallet core, inside the test: it has the users' money and a journal of what it gave back, and it fails on demand.

use std::collections::{BTreeMap, HashMap};
use std::hash::{BuildHasher, RandomState};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio::sync::watch;

/// A wallet core. Clones are the same one.
#[derive(Clone)]
pub(crate) struct WalletCore(Arc<Inner>);

struct Inner {
    address: SocketAddr,
    /// Bound and never listening: nobody else gets the port while the core refuses connections.
    _port: TcpSocket,
    reach: watch::Sender<Reach>,
    held: watch::Sender<Vec<(Gate, String)>>,
    books: Mutex<Books>,
}

/// How it is reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reach {
    Up,
    /// No connection comes about.
    Refusing,
    /// Connections come about, and nothing is ever answered.
    Silent,
}

/// Where a request is held.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Gate {
    /// Before anything happened.
    Request,
    /// After everything happened, before it is told.
    Answer,
}

/// How often it fails, in percent of the requests.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Faults {
    /// Before the money moves.
    pub(crate) before: u64,
    /// After the money moved.
    pub(crate) after: u64,
    /// By being late, before or after the money moved.
    pub(crate) late: u64,
    /// By how much it is late.
    pub(crate) delay: Duration,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Fault {
    Before,
    After,
    LateEffect,
    LateAnswer,
}

/// Money that went back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Effect {
    pub(crate) id: String,
    pub(crate) account: String,
    pub(crate) amount: i64,
    pub(crate) at: Instant,
}

#[derive(Default)]
struct Books {
    /// What was taken for a payment, of which account.
    taken: HashMap<String, (String, i64)>,
    /// Payments as they are looked up.
    payments: HashMap<String, Value>,
    journal: Vec<Effect>,
    /// The kind and the id of everything that was to be given back, in the order it was told.
    told: Vec<(String, String)>,
    looked_up: usize,
    lookups_fail: bool,
    /// What is answered for an id, whatever the books say.
    says: HashMap<String, (u16, Value)>,
    faults: Faults,
    met: BTreeMap<Fault, usize>,
    waiting: usize,
    asked: usize,
    wrong: Vec<String>,
}

impl WalletCore {
    /// Listens on a port of its own, on the current runtime.
    pub(crate) fn start() -> Self {
        let port = socket("127.0.0.1:0".parse().unwrap());
        let address = port.local_addr().unwrap();
        let (reach, held) = (watch::Sender::new(Reach::Up), watch::Sender::default());
        let core = Self(Arc::new(Inner { address, _port: port, reach, held, books: Mutex::default() }));
        tokio::spawn(core.clone().listen());
        core
    }

    /// What `funds.url` has to be.
    pub(crate) fn url(&self) -> String {
        format!("http://{}/core", self.0.address)
    }

    /// Changes how it is reached; connections that are open are closed by it.
    pub(crate) fn is_now(&self, reach: Reach) {
        self.0.reach.send_replace(reach);
    }

    /// Fails from now on.
    pub(crate) fn fails(&self, faults: Faults) {
        self.books().faults = faults;
    }

    /// Does not answer lookups, until it is told otherwise.
    pub(crate) fn lookups_fail(&self, fail: bool) {
        self.books().lookups_fail = fail;
    }

    /// Holds every request for an id that begins like this.
    pub(crate) fn hold(&self, gate: Gate, prefix: &str) {
        self.0.held.send_modify(|held| held.push((gate, prefix.to_owned())));
    }

    /// Lets everything go on.
    pub(crate) fn release(&self) {
        self.0.held.send_replace(Vec::new());
    }

    /// How many requests are held now.
    pub(crate) fn held(&self) -> usize {
        self.books().waiting
    }

    /// Debits an account for a payment.
    pub(crate) fn debits(&self, id: &str, account: &str, amount: i64) {
        self.books().taken.insert(id.to_owned(), (account.to_owned(), amount));
    }

    /// Knows a payment from now on, as it is looked up.
    pub(crate) fn knows(&self, id: &str, payment: Value) {
        self.books().payments.insert(id.to_owned(), payment);
    }

    /// Answers this for a reversal from now on, and moves nothing; `None` goes by its books again.
    pub(crate) fn says(&self, id: &str, answer: Option<(u16, Value)>) {
        let mut books = self.books();
        match answer {
            Some(answer) => books.says.insert(id.to_owned(), answer),
            None => books.says.remove(id),
        };
    }

    /// All the money that went back, in order.
    pub(crate) fn journal(&self) -> Vec<Effect> {
        self.books().journal.clone()
    }

    /// What was known to be taken at each reversal that it was asked for, in order; one for every call.
    pub(crate) fn told(&self, id: &str) -> Vec<String> {
        self.books().told.iter().filter(|(_, of)| of == id).map(|(kind, _)| kind.clone()).collect()
    }

    /// How often it was asked for anything.
    pub(crate) fn asked(&self) -> usize {
        self.books().asked
    }

    /// How often any reversal reached it, and it did not fail before.
    pub(crate) fn calls(&self) -> usize {
        self.books().told.len()
    }

    /// How often it was asked for a payment.
    pub(crate) fn lookups(&self) -> usize {
        self.books().looked_up
    }

    /// How often it failed, by the kind of failure.
    pub(crate) fn failures(&self) -> String {
        let met = self.books().met.clone();
        assert_eq!(met.len(), 4, "not every kind of failure was met: {met:?}");
        format!("{met:?}")
    }

    /// What it was told was always what its books say.
    pub(crate) fn was_told_the_truth(&self) {
        assert_eq!(self.books().wrong, Vec::<String>::new());
    }

    fn books(&self) -> MutexGuard<'_, Books> {
        self.0.books.lock().unwrap()
    }

    async fn listen(self) {
        let mut reach = self.0.reach.subscribe();
        loop {
            until(&mut reach, |reach| *reach != Reach::Refusing).await;
            let listener = socket(self.0.address).listen(1024).unwrap();
            loop {
                let accepted = tokio::select! {
                    () = until(&mut reach, |reach| *reach == Reach::Refusing) => break,
                    accepted = listener.accept() => accepted,
                };
                if let Ok((stream, _)) = accepted {
                    tokio::spawn(self.clone().serve(stream));
                }
            }
        }
    }

    async fn serve(self, mut stream: TcpStream) {
        let mut reach = self.0.reach.subscribe();
        loop {
            let request = tokio::select! {
                () = until(&mut reach, |reach| *reach == Reach::Refusing) => None,
                request = Request::read(&mut stream) => request,
            };
            let Some(request) = request else { return };
            if *reach.borrow_and_update() != Reach::Up {
                tokio::select! {
                    () = until(&mut reach, |reach| *reach != Reach::Silent) => {}
                    () = gone(&mut stream) => {}
                }
                return;
            }
            let reply = self.reply(&request, &mut stream).await;
            if !reply.write(&mut stream).await {
                return;
            }
        }
    }

    async fn reply(&self, request: &Request, stream: &mut TcpStream) -> Reply {
        if !self.lets_through(Gate::Request, request, stream).await {
            return Reply::Closed;
        }
        let (fault, delay) = self.books().draw();
        if fault == Some(Fault::Before) {
            return [Reply::Whole(500, Value::Null), Reply::Closed][one_of(2)].clone();
        }
        if fault == Some(Fault::LateEffect) {
            tokio::time::sleep(delay).await;
        }
        let (status, body) = self.books().answer(request);
        if fault == Some(Fault::After) {
            return [Reply::Whole(500, Value::Null), Reply::Closed, Reply::Half(status, body)][one_of(3)].clone();
        }
        if fault == Some(Fault::LateAnswer) {
            tokio::time::sleep(delay).await;
        }
        self.lets_through(Gate::Answer, request, stream).await;
        Reply::Whole(status, body)
    }

    /// Whether its caller still waits when a held request may go on.
    async fn lets_through(&self, gate: Gate, request: &Request, stream: &mut TcpStream) -> bool {
        let mut held = self.0.held.subscribe();
        self.books().waiting += 1;
        let is_free = |held: &Vec<(Gate, String)>| !held.iter().any(|(at, prefix)| *at == gate && request.id.starts_with(prefix));
        let waits = tokio::select! {
            biased;
            () = until(&mut held, is_free) => true,
            () = gone(stream) => false,
        };
        self.books().waiting -= 1;
        waits
    }
}

impl Books {
    fn draw(&mut self) -> (Option<Fault>, Duration) {
        self.asked += 1;
        let Faults { before, after, late, delay } = self.faults;
        let drawn = one_of(100) as u64;
        let fault = match drawn {
            _ if drawn < before => Some(Fault::Before),
            _ if drawn < before + after => Some(Fault::After),
            _ if drawn < before + after + late => Some([Fault::LateEffect, Fault::LateAnswer][one_of(2)]),
            _ => None,
        };
        if let Some(fault) = fault {
            *self.met.entry(fault).or_default() += 1;
        }
        (fault, delay)
    }

    fn answer(&mut self, request: &Request) -> (u16, Value) {
        let Request { method, collection, id, body } = request;
        match (method.as_str(), collection.as_str()) {
            ("PUT", "reversals") => self.reverse(id, body),
            ("GET", "payments") => {
                self.looked_up += 1;
                match self.payments.get(id) {
                    _ if self.lookups_fail => (500, Value::Null),
                    Some(payment) => (200, payment.clone()),
                    None => (404, json!({ "title": "never heard of it" })),
                }
            }
            _ => {
                self.wrong.push(format!("{method} {collection}"));
                (404, Value::Null)
            }
        }
    }

    fn reverse(&mut self, id: &str, body: &Value) -> (u16, Value) {
        let text = |value: &Value| value.as_str().map(ToOwned::to_owned);
        let taken = self.taken.get(id).cloned();
        let told = (text(&body["account"]), text(&body["amount"]["value"]));
        // A payment that is not known is left out; what is said about a known one is true.
        let is_true =
            |(account, amount): &(String, i64)| told == (None, None) || told == (Some(account.clone()), Some(amount.to_string()));
        if body["paymentRequestId"] != id || !taken.as_ref().is_none_or(is_true) {
            self.wrong.push(format!("{id}: {body}"));
        }
        self.told.push((text(&body["taken"]).unwrap_or_default(), id.to_owned()));
        if let Some(answer) = self.says.get(id) {
            return answer.clone();
        }
        let outcome = match taken {
            None => "nothing-to-do",
            Some(_) if self.journal.iter().any(|effect| effect.id == id) => "already-done",
            Some((account, amount)) => {
                self.journal.push(Effect { id: id.to_owned(), account, amount, at: Instant::now() });
                "done"
            }
        };
        (200, json!({ "outcome": outcome }))
    }
}

struct Request {
    method: String,
    collection: String,
    id: String,
    body: Value,
}

impl Request {
    /// `None` where there is no whole request any more.
    async fn read(stream: &mut TcpStream) -> Option<Self> {
        let mut bytes = Vec::new();
        let head = loop {
            if let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") {
                break end;
            }
            stream.read_buf(&mut bytes).await.ok().filter(|read| *read > 0)?;
        };
        let text = String::from_utf8(bytes[..head].to_vec()).ok()?.to_ascii_lowercase();
        let length = text
            .lines()
            .find_map(|line| line.strip_prefix("content-length:"))
            .map_or(Some(0), |value| value.trim().parse().ok())?;
        while bytes.len() < head + 4 + length {
            stream.read_buf(&mut bytes).await.ok().filter(|read| *read > 0)?;
        }
        let line = String::from_utf8_lossy(&bytes[..head]).lines().next()?.to_owned();
        let (method, rest) = line.split_once(' ')?;
        let mut path = rest.split(' ').next()?.trim_start_matches("/core/").split('/').map(ToOwned::to_owned);
        let body = serde_json::from_slice(&bytes[head + 4..]).unwrap_or_default();
        Some(Self { method: method.to_owned(), collection: path.next()?, id: path.next()?, body })
    }
}

#[derive(Clone)]
enum Reply {
    Whole(u16, Value),
    /// The answer's head and half of its body.
    Half(u16, Value),
    Closed,
}

impl Reply {
    /// Whether the connection can be used again.
    async fn write(self, stream: &mut TcpStream) -> bool {
        let (status, body, whole) = match self {
            Self::Whole(status, body) => (status, body.to_string(), true),
            Self::Half(status, body) => (status, body.to_string(), false),
            Self::Closed => return false,
        };
        let length = body.len();
        let sent = if whole { &body[..] } else { &body[..length / 2] };
        let answer = format!("HTTP/1.1 {status} -\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\r\n{sent}");
        stream.write_all(answer.as_bytes()).await.is_ok() && whole
    }
}

fn socket(address: SocketAddr) -> TcpSocket {
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_reuseaddr(true).unwrap();
    socket.bind(address).unwrap();
    socket
}

async fn until<T>(watched: &mut watch::Receiver<T>, holds: impl FnMut(&T) -> bool) {
    watched.wait_for(holds).await.map(drop).unwrap();
}

/// Ends when the caller closes the connection. Nothing is read while a request waits, so there is nothing else to come.
async fn gone(stream: &mut TcpStream) {
    while stream.read(&mut [0; 64]).await.is_ok_and(|read| read > 0) {}
}

/// A random number below `many`.
pub(crate) fn one_of(many: usize) -> usize {
    (RandomState::new().hash_one(many) % many as u64) as usize
}
