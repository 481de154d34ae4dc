//! What a journal alone proves: whether every reversal had its effect once, and what each account was left with.

use std::collections::{BTreeMap, HashMap};

use super::books::{Entry, Outcome, Status};
use super::journal::Line;
use crate::money::Amount;

/// What an audit found. It follows the journal's lines by itself and shares no rule with the books that wrote them.
#[derive(Debug, Default)]
pub(crate) struct Audit {
    /// What was debited or held, by `paymentRequestId`, and what went back of it.
    pub(crate) payments: HashMap<String, Debited>,
    /// How often a reversal ended without money, by `paymentRequestId`.
    pub(crate) without_money: HashMap<String, usize>,
    /// Everything that must not be, one sentence each.
    pub(crate) wrong: Vec<String>,
}

/// A payment whose money was taken.
#[derive(Debug, Clone)]
pub(crate) struct Debited {
    pub(crate) account: String,
    pub(crate) amount: Amount,
    /// How often all of it was given back.
    pub(crate) given_back: usize,
}

/// An account's sums in one currency, in its smallest unit.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Sums {
    pub(crate) taken: i128,
    pub(crate) given_back: i128,
}

impl Audit {
    pub(crate) fn of(lines: &[Line]) -> Self {
        let mut audit = Self::default();
        for (at, line) in lines.iter().enumerate() {
            if let Err(why) = audit.follow(&line.entry) {
                audit.wrong.push(format!("line {}: {why}", at + 1));
            }
        }
        audit
    }

    fn follow(&mut self, entry: &Entry) -> Result<(), String> {
        match entry {
            Entry::Payment { payment_request_id: id, payment } if payment.status == Status::S => {
                if self.payments.contains_key(id) {
                    return Ok(());
                }
                let debited = Debited { account: payment.account.clone(), amount: payment.amount.clone(), given_back: 0 };
                self.payments.insert(id.clone(), debited);
                match self.without_money.contains_key(id) {
                    true => Err(format!("{id} was debited after its reversal")),
                    false => Ok(()),
                }
            }
            Entry::Payment { payment_request_id: id, .. } => match self.payments.contains_key(id) {
                true => Err(format!("{id} succeeded, and then it did not")),
                false => Ok(()),
            },
            Entry::Reversal { payment_request_id: id, outcome: Outcome::Done, account, amount } => {
                let debited =
                    self.payments.get_mut(id).ok_or_else(|| format!("{id} was given back without having been debited"))?;
                debited.given_back += 1;
                if debited.given_back > 1 {
                    return Err(format!("{id} was given back {} times", debited.given_back));
                }
                if (account.as_ref(), amount.as_ref()) != (Some(&debited.account), Some(&debited.amount)) {
                    return Err(format!("{id} was given back to another account, or not as much as was debited"));
                }
                Ok(())
            }
            Entry::Reversal { payment_request_id: id, outcome, .. } => {
                let ended = self.without_money.entry(id.clone()).or_default();
                *ended += 1;
                if *ended > 1 {
                    return Err(format!("the reversal of {id} ended {ended} times"));
                }
                if *outcome == Outcome::NothingToDo && self.payments.contains_key(id) {
                    return Err(format!("{id} was debited, and its reversal found nothing to do"));
                }
                Ok(())
            }
        }
    }

    /// Each account's sums, by account and currency.
    pub(crate) fn accounts(&self) -> BTreeMap<(&str, &str), Sums> {
        let mut accounts = BTreeMap::<_, Sums>::new();
        for Debited { account, amount, given_back } in self.payments.values() {
            let sums = accounts.entry((account.as_str(), amount.currency.as_str())).or_default();
            sums.taken += i128::from(amount.value);
            sums.given_back += i128::from(amount.value) * *given_back as i128;
        }
        accounts
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn taken(id: &str, status: &str) -> Value {
        let amount = json!({ "value": "1000", "currency": "JPY" });
        let payment = json!({
            "status": status, "acquirerId": "A", "account": "alice", "amount": amount, "kind": "payment",
            "initiatedAt": "2026-03-01T09:15:00+08:00",
        });
        json!({ "at": "2026-03-01T01:15:00Z", "entry": "payment", "paymentRequestId": id, "payment": payment })
    }

    fn given_back(id: &str, account: &str, value: &str) -> Value {
        let amount = json!({ "value": value, "currency": "JPY" });
        json!({ "at": "…", "entry": "reversal", "paymentRequestId": id, "outcome": "done", "account": account, "amount": amount })
    }

    fn fenced(id: &str) -> Value {
        json!({ "at": "…", "entry": "reversal", "paymentRequestId": id, "outcome": "nothing-to-do" })
    }

    fn audit(lines: &[Value]) -> Audit {
        let lines: Vec<Line> = lines.iter().map(|line| serde_json::from_value(line.clone()).unwrap()).collect();
        Audit::of(&lines)
    }

    #[test]
    fn a_right_journal_is_summed_up_by_account() {
        let audit = audit(&[
            taken("a", "U"),
            taken("a", "S"),
            taken("b", "S"),
            fenced("c"),
            given_back("a", "alice", "1000"),
            taken("d", "F"),
            fenced("d"),
        ]);
        assert_eq!(audit.wrong, Vec::<String>::new());
        assert_eq!(audit.accounts(), BTreeMap::from([(("alice", "JPY"), Sums { taken: 2000, given_back: 1000 })]));
        assert_eq!(audit.without_money.len(), 2);
    }

    #[test]
    fn every_wrong_effect_is_found() {
        for (lines, why) in [
            (
                vec![taken("a", "S"), given_back("a", "alice", "1000"), given_back("a", "alice", "1000")],
                "line 3: a was given back 2 times",
            ),
            (vec![given_back("a", "alice", "1000")], "line 1: a was given back without having been debited"),
            (
                vec![taken("a", "S"), given_back("a", "bob", "1000")],
                "line 2: a was given back to another account, or not as much as was debited",
            ),
            (
                vec![taken("a", "S"), given_back("a", "alice", "999")],
                "line 2: a was given back to another account, or not as much as was debited",
            ),
            (vec![fenced("a"), taken("a", "S")], "line 2: a was debited after its reversal"),
            (vec![fenced("a"), fenced("a")], "line 2: the reversal of a ended 2 times"),
            (vec![taken("a", "S"), fenced("a")], "line 2: a was debited, and its reversal found nothing to do"),
            (vec![taken("a", "S"), taken("a", "F")], "line 2: a succeeded, and then it did not"),
        ] {
            assert_eq!(audit(&lines).wrong, [why]);
        }
    }
}
