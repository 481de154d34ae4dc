//! The forms of ids, by which one that was changed on the way differs from the others. Where the wallet core keeps the payments, most ids
//! in a file are not known here, and their form is all that can be looked at.

use std::collections::BTreeMap;

use ::ports::{SettlementStore, UnavailableError};
use domain::PaymentRequestId;

/// How many ids of a form are looked up.
const LOOKED_UP: usize = 20;
/// A form that one line in so many has is that of an id that nobody changed.
const ONE_IN: u64 = 100;

/// An id's length and what kinds of characters it has. Ids of one maker have few forms.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Form {
    length: usize,
    kinds: u8,
}

impl Form {
    fn of(id: &PaymentRequestId) -> Self {
        let kind = |byte: u8| match byte {
            b'0'..=b'9' => 1,
            b'a'..=b'z' => 2,
            b'A'..=b'Z' => 4,
            b'-' => 8,
            b'_' => 16,
            b'.' => 32,
            b':' => 64,
            _ => 128,
        };
        let kinds = id.as_str().bytes().fold(0, |kinds, byte| kinds | kind(byte));
        Self { length: id.as_str().len(), kinds }
    }
}

/// The ids of one form.
#[derive(Default)]
struct Ids {
    count: u64,
    first: Vec<PaymentRequestId>,
}

/// The forms of all ids of a check. There are at most 64 lengths with 256 sets of kinds, so they take little memory.
#[derive(Default)]
pub(super) struct Forms(BTreeMap<Form, Ids>);

impl Forms {
    pub(super) fn add(&mut self, id: &PaymentRequestId) {
        let ids = self.0.entry(Form::of(id)).or_default();
        ids.count += 1;
        if ids.first.len() < LOOKED_UP {
            ids.first.push(id.clone());
        }
    }

    /// The forms that leave no doubt: those of ids that are known here, and those that many lines have.
    pub(super) async fn familiar(self, days: &dyn SettlementStore) -> Result<FamiliarForms, UnavailableError> {
        let lines: u64 = self.0.values().map(|ids| ids.count).sum();
        let only = self.0.len() == 1;
        let mut familiar = Vec::new();
        for (form, Ids { count, first }) in self.0 {
            let is_common = only || (count > 1 && count * ONE_IN >= lines);
            if is_common || days.find_all(&first).await?.iter().any(|case| !case.is_unknown()) {
                familiar.push(form);
            }
        }
        Ok(FamiliarForms(familiar))
    }
}

/// The forms that leave no doubt.
pub(super) struct FamiliarForms(Vec<Form>);

impl FamiliarForms {
    /// Whether an id may be as Alipay+ wrote it, by its form.
    pub(super) fn have(&self, id: &PaymentRequestId) -> bool {
        self.0.contains(&Form::of(id))
    }
}
