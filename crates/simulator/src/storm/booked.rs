//! What the wallet core booked of a storm's payments: as its journal has it, or as the core says by its route for tests.

use std::collections::{BTreeMap, BTreeSet};

use super::story::Story;
use crate::money::{Movement, MovementKind};
use crate::output::CommandError;
use crate::wallet_core::{Audit, read_journal};
use crate::witness::{Witness, WitnessError};

/// What became of the money, by `paymentRequestId`.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Booked {
    /// How often all of it was given back, where it was taken.
    pub(super) given_back: BTreeMap<String, usize>,
    /// Everything that must not be, one sentence each.
    pub(super) wrong: Vec<String>,
}

impl Booked {
    /// Asks the witness.
    ///
    /// # Errors
    /// Where it does not say.
    pub(super) async fn at(witness: &Witness, stories: &[Story]) -> Result<Self, CommandError> {
        if let Witness::Journal(file) = witness {
            let audit = Audit::of(&read_journal(file)?.lines);
            let given_back = audit.payments.into_iter().map(|(id, payment)| (id, payment.given_back)).collect();
            return Ok(Self { given_back, wrong: audit.wrong });
        }
        let mut accounts = BTreeMap::new();
        for account in stories.iter().map(|story| story.account.as_str()).collect::<BTreeSet<_>>() {
            let movements = witness.movements(account).await.map_err(|error| match error {
                WitnessError::Absent(why) | WitnessError::Unreadable(why) | WitnessError::Silent(why) => CommandError::new(why),
            })?;
            accounts.insert(account, movements);
        }
        Ok(Self::of(stories, &accounts))
    }

    fn of(stories: &[Story], accounts: &BTreeMap<&str, Vec<Movement>>) -> Self {
        let mut moved: BTreeMap<&str, Vec<(&str, &Movement)>> = BTreeMap::new();
        for (account, movements) in accounts {
            for movement in movements {
                moved.entry(&movement.payment_request_id).or_default().push((account, movement));
            }
        }
        let mut booked = Self::default();
        for story in stories {
            booked.look_at(story, moved.get(story.payment_request_id.as_str()).map_or(&[], Vec::as_slice));
        }
        booked
    }

    fn look_at(&mut self, story: &Story, moved: &[(&str, &Movement)]) {
        let Story { payment_request_id: id, account, amount, .. } = story;
        let mut taken = 0_usize;
        let mut given_back = 0_usize;
        for (of, Movement { kind, amount: moved, .. }) in moved {
            match kind {
                MovementKind::Debit | MovementKind::Hold => taken += 1,
                MovementKind::Credit | MovementKind::Release => given_back += 1,
            }
            if of != account || moved.value != *amount || moved.currency != "JPY" {
                let (value, currency) = (moved.value, &moved.currency);
                self.wrong.push(format!("{id}: {value} {currency} moved at {of}, and {amount} JPY of {account} was paid"));
            }
        }
        if taken > 1 {
            self.wrong.push(format!("{id} was taken {taken} times"));
        }
        if taken == 0 && given_back > 0 {
            self.wrong.push(format!("{id} was given back without having been taken"));
        }
        if taken > 0 {
            self.given_back.insert(id.clone(), given_back);
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn booked(entries: &[(&str, Value)]) -> Booked {
        let story = json!({ "paymentRequestId": "a", "shape": "paid", "account": "alice", "amount": 5, "cancels": [] });
        let mut accounts: BTreeMap<&str, Vec<Movement>> = BTreeMap::new();
        for (account, entry) in entries {
            accounts.entry(account).or_default().push(serde_json::from_value(entry.clone()).unwrap());
        }
        Booked::of(&[serde_json::from_value(story).unwrap()], &accounts)
    }

    fn entry(kind: &str, value: &str) -> Value {
        json!({ "paymentRequestId": "a", "kind": kind, "amount": { "value": value, "currency": "JPY" } })
    }

    #[test]
    fn f89_what_any_core_booked_is_compared_with_what_was_paid() {
        let (taken, back) = (("alice", entry("debit", "5")), ("alice", entry("credit", "5")));
        let right = |times: usize| Booked { given_back: BTreeMap::from([("a".to_owned(), times)]), wrong: vec![] };
        assert_eq!(booked(&[taken.clone(), back.clone()]), right(1));
        assert_eq!(booked(std::slice::from_ref(&taken)), right(0));
        assert_eq!(booked(&[taken.clone(), back.clone(), back.clone()]), right(2), "the verdict says so");
        assert_eq!(booked(&[]), Booked::default());
        for (entries, why) in [
            (vec![taken.clone(), ("bob", entry("credit", "5"))], "a: 5 JPY moved at bob, and 5 JPY of alice was paid"),
            (vec![taken.clone(), ("alice", entry("credit", "4"))], "a: 4 JPY moved at alice, and 5 JPY of alice was paid"),
            (vec![taken.clone(), taken], "a was taken 2 times"),
            (vec![back], "a was given back without having been taken"),
        ] {
            assert_eq!(booked(&entries).wrong, [why]);
        }
    }
}
