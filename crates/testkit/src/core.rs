//! The wallet core, inside the test: it has the users' money and a journal of what it gave back, and it fails on demand.

mod http;

use std::collections::{BTreeMap, HashMap};
use std::hash::{BuildHasher, RandomState};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tokio::io::AsyncReadExt;
use tokio::net::{TcpSocket, TcpStream};
use tokio::sync::watch;

use http::{HttpReply, Request};

/// A wallet core. Clones are the same one.
#[derive(Clone)]
pub struct FakeCore(Arc<Inner>);

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
pub enum Reach {
    /// Every request is answered.
    Up,
    /// No connection comes about.
    Refusing,
    /// Connections come about, and nothing is ever answered.
    Silent,
}

/// Where a request is held.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Gate {
    /// Before anything happened.
    Request,
    /// After everything happened, before the answer is sent.
    Answer,
}

/// How often it fails, in percent of the requests.
#[derive(Debug, Clone, Copy, Default)]
pub struct Faults {
    /// Before the money moves.
    pub before: u64,
    /// After the money moved.
    pub after: u64,
    /// By being late, before or after the money moved.
    pub late: u64,
    /// By how much it is late.
    pub delay: Duration,
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
pub struct Effect {
    /// Of the payment, and of its reversal.
    pub id: String,
    /// Whose money it is.
    pub account: String,
    /// In yen.
    pub amount: i64,
    /// When it went back.
    pub at: Instant,
}

#[derive(Default)]
struct Books {
    /// What was taken for a payment, of which account.
    taken: HashMap<String, (String, i64)>,
    /// Payments as they are looked up.
    payments: HashMap<String, Value>,
    journal: Vec<Effect>,
    /// What each request to give money back said was taken, and its id, in the order they came.
    reversals: Vec<(String, String)>,
    lookups: usize,
    lookups_fail: bool,
    /// The fixed answers by id; the books do not matter for these.
    answers: HashMap<String, (u16, Value)>,
    faults: Faults,
    met: BTreeMap<Fault, usize>,
    waiting: usize,
    requests: usize,
    wrong: Vec<String>,
}

impl FakeCore {
    /// Listens on a port of its own, on the current runtime.
    pub fn start() -> Self {
        let port = socket("127.0.0.1:0".parse().unwrap());
        let address = port.local_addr().unwrap();
        let (reach, held) = (watch::Sender::new(Reach::Up), watch::Sender::default());
        let core = Self(Arc::new(Inner { address, _port: port, reach, held, books: Mutex::default() }));
        tokio::spawn(core.clone().listen());
        core
    }

    /// What `funds.url` has to be.
    pub fn url(&self) -> String {
        format!("http://{}/core", self.0.address)
    }

    /// Changes how it is reached; connections that are open are closed by it.
    pub fn set_reach(&self, reach: Reach) {
        self.0.reach.send_replace(reach);
    }

    /// Fails this often from now on.
    pub fn set_faults(&self, faults: Faults) {
        self.books().faults = faults;
    }

    /// Fails lookups from now on, or answers them again.
    pub fn fail_lookups(&self, fail: bool) {
        self.books().lookups_fail = fail;
    }

    /// Holds every request for an id that begins like this.
    pub fn hold(&self, gate: Gate, prefix: &str) {
        self.0.held.send_modify(|held| held.push((gate, prefix.to_owned())));
    }

    /// Lets everything go on.
    pub fn release(&self) {
        self.0.held.send_replace(Vec::new());
    }

    /// How many requests are held now.
    pub fn held_requests(&self) -> usize {
        self.books().waiting
    }

    /// Debits an account for a payment.
    pub fn debit(&self, id: &str, account: &str, amount: i64) {
        self.books().taken.insert(id.to_owned(), (account.to_owned(), amount));
    }

    /// Adds a payment, as a lookup shows it.
    pub fn add_payment(&self, id: &str, payment: Value) {
        self.books().payments.insert(id.to_owned(), payment);
    }

    /// Answers this for a reversal from now on, and moves no money; with `None` the books decide again.
    pub fn set_answer(&self, id: &str, answer: Option<(u16, Value)>) {
        let mut books = self.books();
        match answer {
            Some(answer) => books.answers.insert(id.to_owned(), answer),
            None => books.answers.remove(id),
        };
    }

    /// All the money that went back, in order.
    pub fn journal(&self) -> Vec<Effect> {
        self.books().journal.clone()
    }

    /// What each request to reverse a payment said was taken, in order; one for each request.
    pub fn taken_of(&self, id: &str) -> Vec<String> {
        self.books().reversals.iter().filter(|(_, of)| of == id).map(|(taken, _)| taken.clone()).collect()
    }

    /// How many requests it received.
    pub fn requests(&self) -> usize {
        self.books().requests
    }

    /// How many requests to reverse a payment reached its books.
    pub fn reversal_requests(&self) -> usize {
        self.books().reversals.len()
    }

    /// How many lookups reached its books.
    pub fn lookups(&self) -> usize {
        self.books().lookups
    }

    /// How often it failed, by the kind of failure.
    pub fn failures(&self) -> String {
        let met = self.books().met.clone();
        assert_eq!(met.len(), 4, "not every kind of failure was met: {met:?}");
        format!("{met:?}")
    }

    /// What it received always agreed with its books.
    pub fn assert_told_the_truth(&self) {
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

    async fn reply(&self, request: &Request, stream: &mut TcpStream) -> HttpReply {
        if !self.lets_through(Gate::Request, request, stream).await {
            return HttpReply::Closed;
        }
        let (fault, delay) = self.books().draw();
        if fault == Some(Fault::Before) {
            return [HttpReply::Whole(500, Value::Null), HttpReply::Closed][one_of(2)].clone();
        }
        if fault == Some(Fault::LateEffect) {
            tokio::time::sleep(delay).await;
        }
        let (status, body) = self.books().answer(request);
        if fault == Some(Fault::After) {
            return [HttpReply::Whole(500, Value::Null), HttpReply::Closed, HttpReply::Half(status, body)][one_of(3)].clone();
        }
        if fault == Some(Fault::LateAnswer) {
            tokio::time::sleep(delay).await;
        }
        self.lets_through(Gate::Answer, request, stream).await;
        HttpReply::Whole(status, body)
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
        self.requests += 1;
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
                self.lookups += 1;
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
        let received = (text(&body["account"]), text(&body["amount"]["value"]));
        // A payment that is not known is left out; what is said of a known one is true.
        let is_true = |(account, amount): &(String, i64)| {
            received == (None, None) || received == (Some(account.clone()), Some(amount.to_string()))
        };
        if body["paymentRequestId"] != id || !taken.as_ref().is_none_or(is_true) {
            self.wrong.push(format!("{id}: {body}"));
        }
        self.reversals.push((text(&body["taken"]).unwrap_or_default(), id.to_owned()));
        if let Some(answer) = self.answers.get(id) {
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
pub fn one_of(many: usize) -> usize {
    (RandomState::new().hash_one(many) % many as u64) as usize
}
