//! The rules of a wallet core in memory: right unless it is given something to do wrong.

use std::collections::HashMap;

use serde_json::{Value, json};

use super::wrong::Wrong;

/// A status and a body.
pub(crate) type Said = (u16, Value);

/// All that the core knows.
#[derive(Default)]
pub(crate) struct Books {
    pub(crate) wrong: Option<Wrong>,
    payments: HashMap<String, Value>,
    ended: HashMap<String, String>,
    /// The ids of what ended, in its order.
    order: Vec<String>,
    entries: Vec<Entry>,
    paid_last: Option<String>,
    /// What ended last, until something else is written: it is not on the disk.
    unwritten: Option<String>,
}

struct Entry {
    account: String,
    payment: String,
    kind: &'static str,
    value: i64,
    currency: String,
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

fn number(value: &Value) -> i64 {
    value.as_str().and_then(|digits| digits.parse().ok()).unwrap_or_default()
}

impl Books {
    pub(crate) fn new(wrong: Option<Wrong>) -> Self {
        Self { wrong, ..Self::default() }
    }

    pub(crate) fn does(&self, wrong: Wrong) -> bool {
        self.wrong == Some(wrong)
    }

    pub(crate) fn key(&self, id: &str) -> String {
        if self.does(Wrong::IgnoresCapitals) { id.to_lowercase() } else { id.to_owned() }
    }

    // ---- Reversals ----

    /// What is said to a reversal, before anything moves; the outcome where it ends now.
    pub(crate) fn decide(&self, id: &str, body: &Value) -> Result<&'static str, Said> {
        let ended = self.ended.get(id).map(String::as_str);
        let forgotten = self.does(Wrong::ForgetsTheOldest) && self.order.iter().rev().take(100).all(|kept| kept != id);
        match ended {
            Some("done") if self.does(Wrong::CreditsAgain) || forgotten => {}
            Some("done") if self.does(Wrong::SaysDoneToAll) => return Err(outcome("done")),
            Some("done") => return Err(outcome("already-done")),
            Some(known) => return Err(outcome(known)),
            None => {}
        }
        let paid = self.payments.get(id).filter(|payment| payment["status"] == "S");
        let Some(payment) = paid else {
            return match self.wrong {
                Some(Wrong::SaysNotFound) => Err((404, json!({ "title": "no such payment" }))),
                Some(Wrong::SaysDoneToAll) => Err(outcome("done")),
                _ => Ok("nothing-to-do"),
            };
        };
        if payment["refundRunning"] == true && !self.does(Wrong::IgnoresRunningRefunds) {
            return Err((202, json!({ "title": "a refund is running" })));
        }
        let refunded = number(&payment["refunded"]["value"]);
        Ok(match self.wrong {
            Some(Wrong::SaysRefunded) if payment["refunded"].is_object() => "fully-refunded",
            Some(Wrong::ActsOnTaken) if body["taken"] == "nothing-known" => "nothing-to-do",
            Some(Wrong::HasAPeriod) if text(&payment["initiatedAt"]) < super::days_ago(2) => "nothing-to-do",
            Some(Wrong::GivesBackTheRest) => "done",
            _ if refunded == 0 => "done",
            _ if refunded < number(&payment["amount"]["value"]) => "partly-refunded",
            _ => "fully-refunded",
        })
    }

    /// Records how a reversal ends, and moves the money.
    pub(crate) fn end(&mut self, id: &str, body: &Value, ends: &'static str) -> Said {
        self.ended.insert(id.to_owned(), ends.to_owned());
        self.unwritten = Some(id.to_owned());
        self.order.push(id.to_owned());
        let payment = self.payments.get(id).cloned().filter(|_| ends == "done" && !self.does(Wrong::CreditsNobody));
        let Some(payment) = payment else { return outcome(ends) };
        let (mut account, mut currency) = (text(&payment["account"]), text(&payment["amount"]["currency"]));
        let mut value = number(&payment["amount"]["value"]) - number(&payment["refunded"]["value"]);
        match self.wrong {
            Some(Wrong::CreditsWhoPaidLast) => account = self.paid_last.clone().unwrap_or(account),
            Some(Wrong::CreditsInYen) => currency = "JPY".to_owned(),
            Some(Wrong::CreditsAPart) => value = value.min(i64::from(i32::MAX)),
            Some(Wrong::TrustsTheBody) if body["account"].is_string() => account = text(&body["account"]),
            _ => {}
        }
        let is_hold = payment["kind"] == "authorization";
        self.book((account.clone(), id), if is_hold { "release" } else { "credit" }, (value, currency.clone()));
        if is_hold && self.does(Wrong::ReleasesAndKeeps) {
            self.book((account, id), "debit", (value, currency));
        }
        outcome(ends)
    }

    fn book(&mut self, (account, payment): (String, &str), kind: &'static str, (value, currency): (i64, String)) {
        self.entries.push(Entry { account, payment: payment.to_owned(), kind, value, currency });
    }

    // ---- The two routes for tests, and looking a payment up ----

    /// Whether a fence keeps this payment from being debited.
    pub(crate) fn is_fenced(&self, id: &str) -> bool {
        self.ended.contains_key(id) && !self.does(Wrong::DebitsAfterNothingToDo)
    }

    pub(crate) fn tell(&mut self, id: &str, told: &Value) -> Said {
        self.unwritten = None;
        let known = self.payments.insert(id.to_owned(), told.clone()).unwrap_or_default();
        let amount = |value: i64| (value, text(&told["amount"]["currency"]));
        if told["status"] == "S" && known["status"] != "S" {
            let kind = if told["kind"] == "authorization" { "hold" } else { "debit" };
            self.paid_last = Some(text(&told["account"]));
            self.book((text(&told["account"]), id), kind, amount(number(&told["amount"]["value"])));
        }
        let more = number(&told["refunded"]["value"]) - number(&known["refunded"]["value"]);
        if more > 0 {
            self.book((text(&told["account"]), id), "credit", amount(more));
        }
        (200, told.clone())
    }

    pub(crate) fn find(&self, id: &str) -> Said {
        let hides = self.does(Wrong::HidesWhatItHas) && self.ended.contains_key(id);
        let found = self.payments.get(id).filter(|_| !hides);
        found.map_or_else(|| (404, json!({ "title": "no such payment" })), |payment| (200, payment.clone()))
    }

    pub(crate) fn account(&self, account: &str, (limit, after): (usize, usize)) -> Said {
        let all: Vec<_> = self.entries.iter().filter(|entry| entry.account == account).collect();
        let shown = |entry: &&Entry| {
            let amount = json!({ "value": entry.value.to_string(), "currency": entry.currency });
            json!({ "paymentRequestId": entry.payment, "kind": entry.kind, "amount": amount, "at": "2026-03-01T00:00:00Z" })
        };
        let page: Vec<_> = all.iter().skip(after).take(limit).map(shown).collect();
        let end = after + limit + usize::from(self.does(Wrong::SkipsAnEntry));
        let next = (end < all.len()).then(|| end.to_string());
        (200, json!({ "account": account, "entries": page, "next": next }))
    }

    /// What is left after a kill: everything, in a right core.
    pub(crate) fn restart(&mut self) {
        let unwritten = self.unwritten.take();
        match self.wrong {
            Some(Wrong::AnswersBeforeItIsDurable) => {
                self.ended.retain(|id, _| Some(id) != unwritten.as_ref());
                self.entries.retain(|entry| entry.kind == "debit" || Some(&entry.payment) != unwritten.as_ref());
            }
            Some(Wrong::ForgetsAtRestart) => self.ended.retain(|_, outcome| outcome != "done"),
            Some(Wrong::ForgetsTheFenceAtRestart) => self.ended.retain(|_, outcome| outcome != "nothing-to-do"),
            _ => {}
        }
    }
}

fn outcome(outcome: &str) -> Said {
    (200, json!({ "outcome": outcome }))
}
