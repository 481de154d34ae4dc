//! The wallet's rules, in memory: right unless it is given a fault.

use std::collections::BTreeMap;
use std::sync::Mutex;

use chrono::{DateTime, FixedOffset, NaiveTime, TimeDelta, Utc};
use serde_json::Value;

use super::faults::Fault;

/// Status and code.
pub(crate) type Answer = (&'static str, &'static str);

const SUCCESS: Answer = ("S", "SUCCESS");
const PROCESS_FAIL: Answer = ("F", "PROCESS_FAIL");
const PARAM_ILLEGAL: Answer = ("F", "PARAM_ILLEGAL");
pub(crate) const NOT_EXIST: Answer = ("F", "ORDER_NOT_EXIST");
const UNKNOWN: Answer = ("U", "UNKNOWN_EXCEPTION");

/// All that the wallet knows.
#[derive(Default)]
pub(crate) struct Books {
    cases: BTreeMap<String, Case>,
    pub(crate) entries: Vec<Entry>,
}

#[derive(Default, Clone)]
struct Case {
    acquirer: Option<String>,
    payment: Option<Payment>,
    refunds: Vec<Refund>,
    /// What Alipay+ was told; U only where a fault makes it stick.
    answer: Option<Answer>,
    is_cancelled: bool,
    /// A cancel waits for a refund's result.
    is_deferred: bool,
}

#[derive(Clone)]
struct Payment {
    account: String,
    amount: i64,
    currency: String,
    is_held: bool,
    initiated_at: DateTime<FixedOffset>,
    status: &'static str,
}

#[derive(Clone)]
struct Refund {
    id: String,
    amount: i64,
    status: &'static str,
}

/// A movement of money.
pub(crate) struct Entry {
    pub(crate) account: String,
    pub(crate) payment_request_id: String,
    pub(crate) kind: &'static str,
    pub(crate) amount: i64,
    pub(crate) currency: String,
}

/// What a cancel does once it is decided.
enum Decision {
    Answer(Answer),
    /// Recorded, and the payment is closed.
    Close {
        gives_back: i64,
    },
    Refuse(Answer),
    Defer,
}

/// The wallet behind its doors.
pub(crate) struct Wallet {
    pub(crate) fault: Option<Fault>,
    clock_ahead: TimeDelta,
    pub(crate) books: Mutex<Books>,
}

impl Wallet {
    pub(crate) fn new(fault: Option<Fault>, clock_ahead: TimeDelta) -> Self {
        Self { fault, clock_ahead, books: Mutex::default() }
    }

    pub(crate) fn has(&self, fault: Fault) -> bool {
        self.fault == Some(fault)
    }

    pub(crate) fn key_of(&self, id: &str) -> String {
        if self.has(Fault::IgnoresCapitals) { id.to_lowercase() } else { id.to_owned() }
    }

    /// Decides and records under one lock, unless there is a moment in between.
    pub(crate) async fn cancel(&self, id: &str, acquirer: &str) -> Answer {
        let id = self.key_of(id);
        if !self.has(Fault::LooksThenActs) {
            let mut books = self.books.lock().unwrap();
            let decision = self.decide(books.cases.entry(id.clone()).or_default(), acquirer);
            return self.record(&mut books, (&id, acquirer), decision);
        }
        let decision = self.decide(self.books.lock().unwrap().cases.entry(id.clone()).or_default(), acquirer);
        actix_web::rt::time::sleep(std::time::Duration::from_millis(20)).await;
        self.record(&mut self.books.lock().unwrap(), (&id, acquirer), decision)
    }

    /// Remembers that a message about this payment was refused.
    pub(crate) fn remember(&self, id: &str, answer: Answer) {
        self.books.lock().unwrap().cases.entry(self.key_of(id)).or_default().answer = Some(answer);
    }

    fn decide(&self, case: &Case, acquirer: &str) -> Decision {
        let is_other = case.acquirer.as_ref().is_some_and(|known| known != acquirer);
        if is_other && !self.has(Fault::IgnoresTheAcquirer) {
            return Decision::Answer(PARAM_ILLEGAL);
        }
        let paid = case.payment.as_ref().filter(|payment| payment.status == "S");
        if let Some(answer) = case.answer {
            return match paid {
                Some(payment) if self.has(Fault::GivesBackOnEveryRepeat) => Decision::Close { gives_back: payment.amount },
                Some(_) | None => Decision::Answer(answer),
            };
        }
        if self.has(Fault::KnowsNoPayment) {
            return Decision::Answer(("F", "ORDER_NOT_EXIST"));
        }
        let Some(payment) = &case.payment else {
            let forgets = self.has(Fault::ForgetsTheFence);
            return if forgets { Decision::Answer(SUCCESS) } else { Decision::Close { gives_back: 0 } };
        };
        if self.now() >= self.closes(payment.initiated_at) {
            return Decision::Refuse(PROCESS_FAIL);
        }
        if case.refunds.iter().any(|refund| refund.status == "U") {
            return if self.has(Fault::RemembersWhatIsNotKnown) { Decision::Refuse(UNKNOWN) } else { Decision::Defer };
        }
        let refunded: i64 = case.refunds.iter().filter(|refund| refund.status == "S").map(|refund| refund.amount).sum();
        match payment.status {
            "F" if self.has(Fault::RefusesFailedPayments) => Decision::Refuse(PROCESS_FAIL),
            "U" | "F" => Decision::Close { gives_back: 0 },
            _ if refunded == 0 || self.has(Fault::ForgetsRefunds) => Decision::Close { gives_back: payment.amount },
            _ if refunded == payment.amount => Decision::Refuse(SUCCESS),
            _ if self.has(Fault::GivesBackTheRest) => Decision::Close { gives_back: payment.amount - refunded },
            _ => Decision::Refuse(PROCESS_FAIL),
        }
    }

    fn record(&self, books: &mut Books, (id, acquirer): (&str, &str), decision: Decision) -> Answer {
        let case = books.cases.entry(id.to_owned()).or_default();
        let answer = match decision {
            Decision::Answer(answer) => return answer,
            Decision::Defer => {
                case.is_deferred = true;
                UNKNOWN
            }
            Decision::Refuse(answer) => answer,
            Decision::Close { .. } => SUCCESS,
        };
        case.acquirer.get_or_insert_with(|| acquirer.to_owned());
        if !matches!(decision, Decision::Defer) {
            case.answer = Some(answer);
        }
        if let Decision::Close { gives_back } = decision {
            case.is_cancelled = true;
            self.give_back(books, id, gives_back);
        }
        answer
    }

    fn give_back(&self, books: &mut Books, id: &str, amount: i64) {
        let Some(payment) = books.cases.get(id).and_then(|case| case.payment.clone()) else { return };
        let stuck = payment.is_held && self.has(Fault::ReleasesNothing);
        if amount == 0 || stuck || self.has(Fault::SaysSuccessOnly) {
            return;
        }
        let kind = if payment.is_held { "release" } else { "credit" };
        // The nearest number that a double can hold.
        #[expect(clippy::cast_possible_truncation, clippy::cast_precision_loss, reason = "it is the fault that is planted")]
        let amount = if self.has(Fault::CountsInFloatingPoint) { amount as f64 as i64 } else { amount };
        books.book(&payment, id, (kind, amount));
    }

    pub(crate) fn now(&self) -> DateTime<Utc> {
        #[expect(clippy::disallowed_methods, reason = "this wallet is a program of its own")]
        let now = Utc::now();
        now + self.clock_ahead
    }

    fn closes(&self, initiated_at: DateTime<FixedOffset>) -> DateTime<Utc> {
        let offset = if self.has(Fault::CountsDaysInUtc) { 0 } else { 8 };
        let minutes = match self.fault {
            Some(Fault::EndsAQuarterEarly) => 15,
            Some(Fault::EndsAQuarterLate) => 45,
            Some(Fault::NeverEnds) => 1_000_000_000,
            Some(_) | None => 30,
        };
        if self.has(Fault::CountsHoursFromInitiation) {
            return initiated_at.to_utc() + TimeDelta::minutes(24 * 60 + minutes);
        }
        let date = initiated_at.with_timezone(&FixedOffset::east_opt(offset * 3600).unwrap()).date_naive();
        (date.and_time(NaiveTime::MIN) + TimeDelta::days(1) + TimeDelta::minutes(minutes) - TimeDelta::hours(8)).and_utc()
    }

    // ---- What the wallet is told ----

    pub(crate) fn announce(&self, id: &str, content: &Value) -> &'static str {
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        let mut books = self.books.lock().unwrap();
        let case = books.cases.entry(self.key_of(id)).or_default();
        if case.payment.is_none() {
            case.acquirer = Some(text(&content["acquirerId"]));
            case.payment = Some(Payment {
                account: text(&content["account"]),
                amount: text(&content["amount"]["value"]).parse().unwrap(),
                currency: text(&content["amount"]["currency"]),
                is_held: content["kind"] == "authorization",
                initiated_at: DateTime::parse_from_rfc3339(&text(&content["initiatedAt"])).unwrap(),
                status: "U",
            });
        }
        if case.is_cancelled { "closed" } else { "proceed" }
    }

    pub(crate) fn report(&self, id: &str, status: &str) -> &'static str {
        let (mut books, key) = (self.books.lock().unwrap(), self.key_of(id));
        let case = books.cases.get_mut(&key).unwrap();
        let (payment, is_cancelled) = (case.payment.as_mut().unwrap(), case.is_cancelled);
        let reverses = is_cancelled && !self.has(Fault::KeepsLateSuccess);
        if status == "S" && payment.status != "S" {
            payment.status = "S";
            let payment = payment.clone();
            let kind = if payment.is_held { "hold" } else { "debit" };
            books.book(&payment, &key, (kind, payment.amount));
            if reverses {
                self.give_back(&mut books, &key, payment.amount);
            }
        } else if status == "F" {
            payment.status = "F";
        }
        if status == "S" && reverses { "reversed" } else { "stands" }
    }

    pub(crate) fn refund(&self, id: &str, refund: &str, amount: i64) -> &'static str {
        let mut books = self.books.lock().unwrap();
        let case = books.cases.get_mut(&self.key_of(id)).unwrap();
        let paid = case.payment.as_ref().filter(|payment| payment.status == "S").map_or(0, |payment| payment.amount);
        let given: i64 = case.refunds.iter().filter(|refund| refund.status != "F").map(|refund| refund.amount).sum();
        let is_closed = (case.is_cancelled || case.is_deferred) && !self.has(Fault::RefundsWhatIsCancelled);
        if is_closed || given + amount > paid {
            return "refused";
        }
        case.refunds.push(Refund { id: refund.to_owned(), amount, status: "U" });
        "proceed"
    }

    pub(crate) fn report_refund(&self, id: &str, refund: &str, status: &str) -> &'static str {
        let (mut books, key) = (self.books.lock().unwrap(), self.key_of(id));
        let case = books.cases.get_mut(&key).unwrap();
        let payment = case.payment.clone().unwrap();
        let refund = case.refunds.iter_mut().find(|known| known.id == refund).unwrap();
        refund.status = if status == "S" { "S" } else { "F" };
        let amount = refund.amount;
        if status == "S" {
            books.book(&payment, &key, ("credit", amount));
        }
        "stands"
    }

    pub(crate) fn inquiry(&self, id: &str) -> Answer {
        let books = self.books.lock().unwrap();
        let case = books.cases.get(&self.key_of(id)).cloned().unwrap_or_default();
        match case.payment.as_ref().map(|payment| payment.status) {
            Some("S") if self.has(Fault::InquiresWhatWas) => SUCCESS,
            None if case.is_cancelled && self.has(Fault::DeniesFences) => NOT_EXIST,
            _ if case.is_cancelled => ("F", "ORDER_IS_CLOSED"),
            Some("U") if self.has(Fault::ClosesEarly) => ("F", "ORDER_IS_CLOSED"),
            _ if case.is_deferred && case.answer.is_none() => ("U", "PAYMENT_IN_PROCESS"),
            Some("S") => SUCCESS,
            Some("F") => PROCESS_FAIL,
            Some(_) => ("U", "PAYMENT_IN_PROCESS"),
            None => NOT_EXIST,
        }
    }

    /// What an acquirer is told by an inquiry: the answer, and the amount of what was paid.
    pub(crate) fn inquire(&self, id: &str, acquirer: &str) -> (Answer, Option<(i64, String)>) {
        if self.has(Fault::InquiryCancels) {
            self.books.lock().unwrap().cases.entry(self.key_of(id)).or_default().is_cancelled = true;
        }
        let case = self.books.lock().unwrap().cases.get(&self.key_of(id)).cloned().unwrap_or_default();
        let is_other = case.acquirer.as_ref().is_some_and(|known| known != acquirer);
        if is_other && !self.has(Fault::TellsOtherAcquirers) {
            return (NOT_EXIST, None);
        }
        let answer = self.inquiry(id);
        let paid = case.payment.filter(|_| answer == SUCCESS && !self.has(Fault::LeavesOutTheAmount));
        (answer, paid.map(|payment| (payment.amount, payment.currency)))
    }
}

impl Books {
    fn book(&mut self, payment: &Payment, id: &str, (kind, amount): (&'static str, i64)) {
        let Payment { account, currency, .. } = payment.clone();
        self.entries.push(Entry { account, payment_request_id: id.to_owned(), kind, amount, currency });
    }
}
