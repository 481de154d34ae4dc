//! The calls: the two of the contract, and the two for tests.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use percent_encoding::percent_decode_str;
use serde_json::{Value, json};
use tokio::net::{TcpListener, TcpStream};

use super::books::{Answer, Books, Entry, Outcome, Payment};
use super::faults::{Fault, Faults, Place, What};
use super::http::{Connection, Received};
use super::journal::{Journal, Mark};
use crate::output::complain;

/// A wallet core that is being asked.
pub(super) struct WalletCore {
    pub(super) state: Mutex<State>,
    pub(super) faults: Mutex<Faults>,
    /// How late a delayed answer is.
    pub(super) delay: Duration,
    /// What callers have to show.
    pub(super) token: Option<String>,
}

/// The books and the journal, which change together.
pub(super) struct State {
    pub(super) books: Books,
    pub(super) journal: Journal,
}

/// A status and a body. It may be told once its mark is durable: it rests on what is before it in the journal.
struct Reply {
    status: u16,
    body: Value,
    rests_on: Option<Mark>,
}

impl Reply {
    fn new(status: u16, body: Value) -> Self {
        Self { status, body, rests_on: None }
    }

    fn problem(status: u16, title: &str) -> Self {
        Self::new(status, json!({ "type": "about:blank", "title": title, "status": status }))
    }
}

/// Serves every connection for as long as the task lives.
pub(super) async fn serve(core: Arc<WalletCore>, listener: TcpListener) {
    loop {
        match listener.accept().await {
            Ok((stream, _)) => drop(tokio::spawn(converse(Arc::clone(&core), stream))),
            // Out of file descriptors, say. Their holders close them sooner or later.
            Err(_) => tokio::time::sleep(Duration::from_millis(100)).await,
        }
    }
}

/// Answers one request after the other until the connection ends, by the caller or by a fault.
async fn converse(core: Arc<WalletCore>, stream: TcpStream) {
    // Answers are written in one piece; without it they would only be later.
    let _ = stream.set_nodelay(true);
    let mut connection = Connection::new(stream);
    loop {
        let reply = match connection.receive().await {
            Ok(Some(request)) => core.reply(&request).await,
            Ok(None) => return,
            Err(_) => {
                let Reply { status, body, .. } = Reply::problem(400, "This is no request that can be read");
                let _ = connection.answer(status, &body).await;
                return;
            }
        };
        let Some(reply) = reply else { return };
        if connection.answer(reply.status, &reply.body).await.is_err() {
            return;
        }
    }
}

impl WalletCore {
    /// What is answered; nothing closes the connection.
    async fn reply(&self, request: &Received) -> Option<Reply> {
        let mut parts = request.path.trim_start_matches('/').splitn(2, '/');
        let (collection, id) =
            (parts.next().unwrap_or_default(), parts.next().map(|id| percent_decode_str(id).decode_utf8_lossy()));
        if (request.method.as_str(), collection) == ("GET", "livez") {
            return Some(Reply::new(200, json!("ok")));
        }
        let shown = request.authorization.as_deref().and_then(|value| value.strip_prefix("Bearer "));
        if self.token.is_some() && shown != self.token.as_deref() {
            return Some(Reply::problem(401, "This call needs the core's token"));
        }
        match (request.method.as_str(), collection, id.as_deref()) {
            ("GET", "accounts", Some(account)) => self.durable(self.entries(account, &request.query)).await,
            ("PUT", "reversals", Some(id)) => self.give_back(id, request).await,
            ("GET", "payments", Some(id)) => self.durable(self.find(id)).await,
            ("PUT", "payments", Some(id)) => self.durable(self.tell(id, request)).await,
            _ => Some(Reply::problem(404, "There is no such call")),
        }
    }

    /// The one call that faults are for.
    async fn give_back(&self, id: &str, request: &Received) -> Option<Reply> {
        let fault = self.faults.lock().unwrap_or_else(PoisonError::into_inner).draw();
        if let Some(Fault { what, place: Place::Before }) = fault
            && let Some(instead) = self.meet(what).await
        {
            return instead;
        }
        let reply = self.durable(self.reverse(id, request)).await;
        if let Some(Fault { what, place: Place::After }) = fault
            && let Some(instead) = self.meet(what).await
        {
            return instead;
        }
        reply
    }

    /// What is answered in the place of a right answer; nothing where that is only late.
    async fn meet(&self, what: What) -> Option<Option<Reply>> {
        match what {
            What::Fail => Some(Some(Reply::problem(500, "This failed on purpose"))),
            What::Drop => Some(None),
            What::Delay => {
                tokio::time::sleep(self.delay).await;
                None
            }
        }
    }

    /// The reply, once what it rests on is on the disk; nothing where it never will be.
    async fn durable(&self, mut reply: Reply) -> Option<Reply> {
        if let Some(mark) = reply.rests_on.take()
            && !mark.becomes_durable().await
        {
            return None;
        }
        Some(reply)
    }

    fn find(&self, id: &str) -> Reply {
        let state = self.state();
        let reply = match state.books.payment(id) {
            Some(payment) => Reply::new(200, json!(payment)),
            None => Reply::problem(404, "No such payment"),
        };
        Reply { rests_on: Some(state.journal.mark()), ..reply }
    }

    /// A page of what is booked: the route for tests. An account that nobody knows has no entries.
    fn entries(&self, account: &str, query: &str) -> Reply {
        let number = |name: &str| {
            let value = query.split('&').find_map(|part| part.strip_prefix(name)?.strip_prefix('='));
            value.map_or(Some(None), |value| value.parse::<usize>().ok().map(Some))
        };
        let (Some(limit), Some(after)) = (number("limit"), number("after")) else {
            return Reply::problem(400, "limit and after are numbers");
        };
        let (limit, after, state) = (limit.unwrap_or(100).clamp(1, 1_000), after.unwrap_or(0), self.state());
        let all = state.books.account(account);
        let (entries, end) = (all.iter().skip(after).take(limit).collect::<Vec<_>>(), after.saturating_add(limit));
        let mut body = json!({ "account": account, "entries": entries });
        if end < all.len() {
            body["next"] = end.to_string().into();
        }
        Reply { rests_on: Some(state.journal.mark()), ..Reply::new(200, body) }
    }

    fn tell(&self, id: &str, request: &Received) -> Reply {
        let payment: Payment = match serde_json::from_slice(&request.body) {
            Ok(payment) => payment,
            Err(error) => return Reply::problem(400, &format!("This is no payment: {error}")),
        };
        let mut state = self.state();
        match state.books.tell(id, &payment) {
            Err(why) => Reply { rests_on: Some(state.journal.mark()), ..Reply::problem(409, why) },
            Ok(entry) => state.record(entry, Reply::new(200, json!(payment))),
        }
    }

    fn reverse(&self, id: &str, request: &Received) -> Reply {
        let body: Value = serde_json::from_slice(&request.body).unwrap_or_default();
        if body["paymentRequestId"] != id || !["debit", "hold", "nothing-known"].iter().any(|taken| body["taken"] == *taken) {
            return Reply::problem(400, "A reversal has the paymentRequestId of its path, and what is known to be taken");
        }
        let mut state = self.state();
        let (answer, entry) = state.books.give_back(id);
        let (status, outcome) = match answer {
            Answer::Ends(Outcome::Done) => (200, "done"),
            Answer::Ends(Outcome::NothingToDo) => (200, "nothing-to-do"),
            Answer::Ends(Outcome::PartlyRefunded) => (200, "partly-refunded"),
            Answer::Ends(Outcome::FullyRefunded) => (200, "fully-refunded"),
            Answer::AlreadyDone => (200, "already-done"),
            Answer::Running => (202, "running"),
        };
        state.record(entry, Reply::new(status, json!({ "outcome": outcome })))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn record(&mut self, entry: Option<Entry>, reply: Reply) -> Reply {
        if let Some(entry) = entry {
            match self.journal.append(&entry) {
                Ok(at) => self.books.apply(entry, &at),
                Err(failure) => {
                    complain(&failure);
                    return Reply::problem(500, "The journal cannot be written");
                }
            }
        }
        Reply { rests_on: Some(self.journal.mark()), ..reply }
    }
}
