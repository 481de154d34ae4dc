//! What a wallet core knows: payments, and what was given back. Whatever changes it is an [`Entry`], which the journal keeps.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};

use crate::money::{Amount, Movement, MovementKind};

/// A payment as the wallet's pay flow tells it, and as the contract has it asked for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Payment {
    pub(crate) status: Status,
    pub(crate) acquirer_id: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) payment_id: Option<String>,
    pub(crate) account: String,
    pub(crate) amount: Amount,
    pub(crate) kind: Kind,
    /// RFC 3339 with offset.
    pub(crate) initiated_at: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) completed_at: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) refunded: Option<Amount>,
    #[serde(default)]
    pub(crate) refund_running: bool,
}

/// Whether the money was taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Status {
    /// It was: debited or held.
    S,
    /// It was not, so far.
    F,
    /// Not yet.
    U,
}

/// How the money was taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Kind {
    Payment,
    Authorization,
}

/// How a reversal ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Outcome {
    Done,
    NothingToDo,
    PartlyRefunded,
    FullyRefunded,
}

/// One change, as a line of the journal has it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "entry", rename_all = "lowercase", rename_all_fields = "camelCase")]
pub(crate) enum Entry {
    /// A payment is as it was told. The first S of an id is the moment at which its account pays.
    Payment { payment_request_id: String, payment: Payment },
    /// A reversal has ended. With `done` its account has the amount back, in this same moment.
    Reversal {
        payment_request_id: String,
        outcome: Outcome,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        account: Option<String>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        amount: Option<Amount>,
    },
}

/// What is said to a reversal that is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Answer {
    /// It ends now.
    Ends(Outcome),
    /// It ended before, and nothing is left to do.
    AlreadyDone,
    /// A refund is running; the caller has to ask again.
    Running,
}

/// Everything that is known, in memory.
#[derive(Debug, Default)]
pub(crate) struct Books {
    payments: HashMap<String, Payment>,
    reversals: HashMap<String, Outcome>,
    /// What was booked, by account, in its order.
    accounts: HashMap<String, Vec<Movement>>,
}

impl Books {
    pub(crate) fn payment(&self, id: &str) -> Option<&Payment> {
        self.payments.get(id)
    }

    /// What becomes of a payment that the pay flow tells; nothing where it is known already.
    ///
    /// # Errors
    /// Why it is not taken. A payment that was reversed is never debited: that is the fence.
    pub(crate) fn tell(&self, id: &str, told: &Payment) -> Result<Option<Entry>, &'static str> {
        let known = self.payments.get(id);
        if known == Some(told) {
            return Ok(None);
        }
        let takes_money = told.status == Status::S && known.is_none_or(|known| known.status != Status::S);
        if takes_money && self.reversals.contains_key(id) {
            return Err("it was reversed, and is not debited any more");
        }
        if let Some(known) = known {
            let same = |payment: &Payment| {
                let Payment { acquirer_id, account, amount, kind, initiated_at, .. } = payment.clone();
                (acquirer_id, account, amount, kind, initiated_at)
            };
            if same(known) != same(told) {
                return Err("another payment has this id");
            }
            if known.status == Status::S && (told.status != Status::S || self.reversals.contains_key(id)) {
                return Err("it succeeded, and that stands");
            }
        }
        Ok(Some(Entry::Payment { payment_request_id: id.to_owned(), payment: told.clone() }))
    }

    /// What is answered to a reversal, and what becomes of it.
    pub(crate) fn give_back(&self, id: &str) -> (Answer, Option<Entry>) {
        match self.reversals.get(id) {
            Some(Outcome::Done | Outcome::NothingToDo) => return (Answer::AlreadyDone, None),
            Some(outcome @ (Outcome::PartlyRefunded | Outcome::FullyRefunded)) => return (Answer::Ends(*outcome), None),
            None => {}
        }
        let debited = self.payments.get(id).filter(|payment| payment.status == Status::S);
        if debited.is_some_and(|payment| payment.refund_running) {
            return (Answer::Running, None);
        }
        let refunded = |payment: &Payment| payment.refunded.as_ref().map_or(0, |refunded| refunded.value);
        let outcome = match debited {
            None => Outcome::NothingToDo,
            Some(payment) if refunded(payment) >= payment.amount.value => Outcome::FullyRefunded,
            Some(payment) if refunded(payment) > 0 => Outcome::PartlyRefunded,
            Some(_) => Outcome::Done,
        };
        let moved = debited.filter(|_| outcome == Outcome::Done);
        let entry = Entry::Reversal {
            payment_request_id: id.to_owned(),
            outcome,
            account: moved.map(|payment| payment.account.clone()),
            amount: moved.map(|payment| payment.amount.clone()),
        };
        (Answer::Ends(outcome), Some(entry))
    }

    /// Everything that was booked on an account; nothing where it is not known.
    pub(crate) fn account(&self, account: &str) -> &[Movement] {
        self.accounts.get(account).map_or(&[], Vec::as_slice)
    }

    /// Takes in what was decided at a moment, and books the money that moves with it.
    pub(crate) fn apply(&mut self, entry: Entry, at: &str) {
        match entry {
            Entry::Payment { payment_request_id: id, payment } => {
                let before = self.payments.insert(id.clone(), payment.clone());
                let has_paid = |payment: &Payment| payment.status == Status::S;
                if has_paid(&payment) && !before.as_ref().is_some_and(has_paid) {
                    self.book((&id, at), &payment, (payment.kind.taking(), payment.amount.value));
                }
                let refunded = |payment: &Payment| payment.refunded.as_ref().map_or(0, |refunded| refunded.value);
                let more = refunded(&payment) - before.as_ref().map_or(0, refunded);
                if has_paid(&payment) && more > 0 {
                    self.book((&id, at), &payment, (payment.kind.giving_back(), more));
                }
            }
            Entry::Reversal { payment_request_id: id, outcome, amount, .. } => {
                if let Some((payment, amount)) = self.payments.get(&id).cloned().zip(amount) {
                    self.book((&id, at), &payment, (payment.kind.giving_back(), amount.value));
                }
                self.reversals.insert(id, outcome);
            }
        }
    }

    fn book(&mut self, (id, at): (&str, &str), payment: &Payment, (kind, value): (MovementKind, i64)) {
        let amount = Amount { value, currency: payment.amount.currency.clone() };
        let movement = Movement { payment_request_id: id.to_owned(), kind, amount, at: at.to_owned() };
        self.accounts.entry(payment.account.clone()).or_default().push(movement);
    }
}

impl Kind {
    fn taking(self) -> MovementKind {
        match self {
            Self::Payment => MovementKind::Debit,
            Self::Authorization => MovementKind::Hold,
        }
    }

    fn giving_back(self) -> MovementKind {
        match self {
            Self::Payment => MovementKind::Credit,
            Self::Authorization => MovementKind::Release,
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// A payment of 1000 JPY with some members changed.
    fn payment(changed: serde_json::Value) -> Payment {
        let mut payment = json!({
            "status": "S", "acquirerId": "A", "account": "alice", "amount": { "value": "1000", "currency": "JPY" },
            "kind": "payment", "initiatedAt": "2026-03-01T09:15:00+08:00",
        });
        payment.as_object_mut().unwrap().extend(changed.as_object().unwrap().clone());
        serde_json::from_value(payment).unwrap()
    }

    impl Books {
        fn told(&mut self, changed: serde_json::Value) -> Result<(), &'static str> {
            if let Some(entry) = self.tell("p", &payment(changed))? {
                self.apply(entry, "");
            }
            Ok(())
        }

        fn asked(&mut self) -> Answer {
            let (answer, entry) = self.give_back("p");
            if let Some(entry) = entry {
                self.apply(entry, "");
            }
            answer
        }
    }

    #[test]
    fn what_was_debited_goes_back_once() {
        let mut books = Books::default();
        books.told(json!({ "status": "U" })).unwrap();
        books.told(json!({})).unwrap();
        let (answer, entry) = books.give_back("p");
        assert_eq!(answer, Answer::Ends(Outcome::Done));
        let Some(Entry::Reversal { account, amount, .. }) = entry else { panic!("nothing is recorded") };
        assert_eq!((account.as_deref(), amount.map(|amount| amount.value)), (Some("alice"), Some(1000)));
        books.asked();
        assert_eq!((books.asked(), books.asked()), (Answer::AlreadyDone, Answer::AlreadyDone));
    }

    #[test]
    fn f12_a_payment_that_was_reversed_before_is_never_debited() {
        for before in [None, Some("U"), Some("F")] {
            let mut books = Books::default();
            if let Some(status) = before {
                books.told(json!({ "status": status })).unwrap();
            }
            assert_eq!(books.asked(), Answer::Ends(Outcome::NothingToDo));
            assert_eq!(books.told(json!({})), Err("it was reversed, and is not debited any more"), "{before:?}");
            assert_eq!(books.asked(), Answer::AlreadyDone);
        }
    }

    #[test]
    fn f45_refunds_are_told_and_nothing_moves() {
        let refunded = |value: &str| json!({ "refunded": { "value": value, "currency": "JPY" } });
        for (changed, answer) in [
            (refunded("0"), Answer::Ends(Outcome::Done)),
            (refunded("1"), Answer::Ends(Outcome::PartlyRefunded)),
            (refunded("999"), Answer::Ends(Outcome::PartlyRefunded)),
            (refunded("1000"), Answer::Ends(Outcome::FullyRefunded)),
        ] {
            let mut books = Books::default();
            books.told(json!({ "refundRunning": true })).unwrap();
            assert_eq!((books.asked(), books.asked()), (Answer::Running, Answer::Running));
            books.told(changed).unwrap();
            assert_eq!(books.asked(), answer);
            let again = if answer == Answer::Ends(Outcome::Done) { Answer::AlreadyDone } else { answer };
            assert_eq!(books.asked(), again);
        }
    }

    #[test]
    fn a_payment_is_told_forward_only() {
        let mut books = Books::default();
        books.told(json!({ "status": "F" })).unwrap();
        books.told(json!({})).unwrap();
        books.told(json!({})).unwrap();
        assert_eq!(books.told(json!({ "status": "F" })), Err("it succeeded, and that stands"));
        assert_eq!(books.told(json!({ "account": "bob" })), Err("another payment has this id"));
        books.asked();
        let refund = json!({ "refunded": { "value": "1", "currency": "JPY" } });
        assert_eq!(books.told(refund), Err("it succeeded, and that stands"), "all of it went back");
    }
}
