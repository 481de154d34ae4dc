//! The promises of both ports, before a core that has books.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use adapters_wallet_core::{CoreSettings, WalletCore};
use domain::{CorePayment, PaymentKind, PaymentRequestId, PaymentStatus, ReversalOutcome};
use ports::testing::async_trait;
use ports::testing::contracts::wallet_core::{CoreSubject, CoreTrouble, FundsSubject, PaymentsSubject};
use ports::{FundsGateway, Payments};
use serde_json::{Value, json};

use crate::server::{Act, ReceivedRequest, Server, answer};
use crate::settings;

const TOKEN: &str = "SECRET-TOKEN";
const QUOTED: &str = "SECRET-BODY";

/// Long enough for a call on a busy machine.
const TIME_LIMIT: Duration = Duration::from_secs(2);

/// The adapter, before a core that keeps payments and reverses them as `docs/integrate/wallet-core.md` says.
struct PlayedCore {
    adapter: WalletCore,
    books: Arc<Mutex<Books>>,
}

#[derive(Default)]
struct Books {
    payments: BTreeMap<PaymentRequestId, Value>,
    left: BTreeMap<PaymentRequestId, i64>,
    reversed: BTreeSet<PaymentRequestId>,
    answers: VecDeque<ReversalOutcome>,
    trouble: Option<CoreTrouble>,
}

impl PlayedCore {
    fn without_payments() -> Self {
        let books = Arc::new(Mutex::new(Books::default()));
        let of_server = Arc::clone(&books);
        let server = Server::responding(Box::new(move |request| of_server.lock().unwrap().act(request)));
        let reached = CoreSettings { timeout: TIME_LIMIT, token: Some(TOKEN.to_owned()), ..settings(&server.url()) };
        Self { adapter: WalletCore::new(&reached).unwrap(), books }
    }

    fn books(&self) -> MutexGuard<'_, Books> {
        self.books.lock().unwrap()
    }
}

impl Books {
    fn act(&mut self, request: &ReceivedRequest) -> Act {
        assert_eq!(request.header("authorization"), Some(&*format!("Bearer {TOKEN}")));
        match self.trouble.take() {
            None => Act::Say(self.reply(request)),
            Some(CoreTrouble::Silence) => Act::SayAndWait(String::new()),
            Some(CoreTrouble::Refusal) => Act::SayAndClose(String::new()),
            Some(CoreTrouble::LostAnswer) => {
                self.reply(request);
                Act::SayAndClose(String::new())
            }
            Some(CoreTrouble::HalfAnswer) => {
                let whole = self.reply(request);
                Act::SayAndClose(whole[..whole.len() - 1].to_owned())
            }
            Some(CoreTrouble::OtherLanguage) => Act::Say(answer(200, &json!({ "outcome": QUOTED, QUOTED: TOKEN }).to_string())),
            Some(CoreTrouble::NotFinished) => Act::Say(answer(202, r#"{"outcome":"done"}"#)),
            Some(CoreTrouble::WrongPlace) => Act::Say(answer(404, &format!("<html>{QUOTED} {TOKEN}</html>"))),
        }
    }

    fn reply(&mut self, request: &ReceivedRequest) -> String {
        let mut words = request.line().split([' ', '/']);
        let (method, id) = (words.next().unwrap(), words.nth(3).unwrap());
        let id = PaymentRequestId::parse(id).unwrap();
        match method {
            "GET" => self.payments.get(&id).map_or_else(|| answer(404, "{}"), |payment| answer(200, &payment.to_string())),
            _ => self.reverse(id),
        }
    }

    fn reverse(&mut self, id: PaymentRequestId) -> String {
        match self.answers.pop_front() {
            Some(ReversalOutcome::Impossible(reason)) => {
                answer(422, &json!({ "outcome": "impossible", "reason": reason }).to_string())
            }
            Some(ReversalOutcome::PartlyRefunded(Some(part))) => {
                let refunded = json!({ "value": part.minor().to_string(), "currency": part.currency().code() });
                answer(200, &json!({ "outcome": "partly-refunded", "refunded": refunded }).to_string())
            }
            Some(outcome) => answer(200, &json!({ "outcome": outcome.name().as_str() }).to_string()),
            None => {
                let was_reversed = !self.reversed.insert(id.clone());
                let taken = self.left.insert(id, 0);
                let outcome = match (taken, was_reversed) {
                    (None, _) => "nothing-to-do",
                    (Some(_), false) => "done",
                    (Some(_), true) => "already-done",
                };
                answer(200, &json!({ "outcome": outcome }).to_string())
            }
        }
    }
}

/// The body of a 200, with every member that is known.
fn payment_body(CorePayment { payment, refunded, refund_running }: &CorePayment) -> Value {
    let (status, completed_at) = match payment.status {
        PaymentStatus::Succeeded { completed_at, .. } => ("S", Some(completed_at)),
        PaymentStatus::Failed { completed_at, reason: _ } => ("F", Some(completed_at)),
        PaymentStatus::InProgress => ("U", None),
    };
    let currency = payment.amount.currency().code();
    json!({
        "status": status,
        "acquirerId": payment.acquirer_id.as_str(),
        "paymentId": payment.payment_id.as_ref().map(domain::PaymentId::as_str),
        "account": payment.account.as_str(),
        "amount": { "value": payment.amount.minor().to_string(), "currency": currency },
        "kind": match payment.kind {
            PaymentKind::Payment => "payment",
            PaymentKind::Authorization => "authorization",
        },
        "initiatedAt": payment.initiated_at.to_rfc3339(),
        "completedAt": completed_at.map(|at| at.to_rfc3339()),
        "refunded": { "value": refunded.to_string(), "currency": currency },
        "refundRunning": refund_running,
    })
}

#[async_trait]
impl CoreSubject for PlayedCore {
    async fn keep(&self, id: &PaymentRequestId, payment: &CorePayment) {
        let mut books = self.books();
        let left = if books.reversed.contains(id) { 0 } else { payment.payment.amount.minor() };
        books.left.insert(id.clone(), left);
        books.payments.insert(id.clone(), payment_body(payment));
    }

    async fn disturb(&self, trouble: CoreTrouble) {
        self.books().trouble = Some(trouble);
    }

    fn time_limit(&self) -> Duration {
        TIME_LIMIT
    }

    fn secrets(&self) -> Vec<String> {
        vec![TOKEN.to_owned(), QUOTED.to_owned()]
    }
}

#[async_trait]
impl FundsSubject for PlayedCore {
    fn funds(&self) -> Arc<dyn FundsGateway> {
        Arc::new(self.adapter.clone())
    }

    async fn left(&self, id: &PaymentRequestId) -> i64 {
        self.books().left.get(id).copied().unwrap_or_default()
    }

    async fn answer_next(&self, outcome: ReversalOutcome) {
        self.books().answers.push_back(outcome);
    }
}

#[async_trait]
impl PaymentsSubject for PlayedCore {
    fn payments(&self) -> Arc<dyn Payments> {
        Arc::new(self.adapter.clone())
    }
}

mod funds {
    ports::funds_contract!(super::PlayedCore::without_payments());
}

mod payments {
    ports::payments_contract!(super::PlayedCore::without_payments());
}
