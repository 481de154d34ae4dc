//! What a wallet core knows: payments, and what was given back. Whatever changes it is an [`Entry`], which the journal keeps.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};

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

/// Money in the currency's smallest unit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Amount {
    /// Not negative.
    #[serde(with = "digits")]
    pub(crate) value: i64,
    pub(crate) currency: String,
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

    pub(crate) fn apply(&mut self, entry: Entry) {
        match entry {
            Entry::Payment { payment_request_id, payment } => drop(self.payments.insert(payment_request_id, payment)),
            Entry::Reversal { payment_request_id, outcome, .. } => drop(self.reversals.insert(payment_request_id, outcome)),
        }
    }
}

/// A number as the contract writes it: its digits, as a string.
mod digits {
    use serde::de::Error;
    use serde::{Deserialize, Deserializer, Serializer};

    pub(super) fn serialize<S: Serializer>(value: &i64, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(value)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<i64, D::Error> {
        let text = String::deserialize(deserializer)?;
        let is_plain = text.bytes().all(|b| b.is_ascii_digit()) && (text == "0" || !text.starts_with('0'));
        let value = if is_plain { text.parse().ok() } else { None };
        value.ok_or_else(|| D::Error::custom(format!("{text:?} is no amount in digits")))
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
                self.apply(entry);
            }
            Ok(())
        }

        fn asked(&mut self) -> Answer {
            let (answer, entry) = self.give_back("p");
            if let Some(entry) = entry {
                self.apply(entry);
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

    #[test]
    fn an_amount_has_one_spelling() {
        let read =
            |value: &str| serde_json::from_value::<Amount>(json!({ "value": value, "currency": "JPY" })).map(|a| a.value).ok();
        assert_eq!([read("0"), read("1000"), read("9223372036854775807")], [Some(0), Some(1000), Some(i64::MAX)]);
        for value in ["", "01", "+1", "-1", "1.0", " 1", "9223372036854775808"] {
            assert_eq!(read(value), None, "{value:?}");
        }
    }
}
