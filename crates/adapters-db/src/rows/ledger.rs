//! The embedded ledger's entries as rows.

use std::borrow::Cow;

use diesel::{Queryable, Selectable};
use domain::{AccountId, Entry, EntryKind, PaymentRequestId, RefundRequestId};
use ports::PostedEntry;

use super::{CaseKey, InconsistentRowError, RowRef};
use crate::schema::ledger_entries;
use crate::sql::columns;

#[derive(Debug, Clone, Queryable, Selectable)]
#[diesel(table_name = ledger_entries)]
pub(crate) struct EntryRow<'a> {
    /// Assigned by the database.
    position: i64,
    bucket: i16,
    payment_request_id: Cow<'a, str>,
    refund_request_id: Cow<'a, str>,
    kind: Cow<'a, str>,
    account: Cow<'a, str>,
    contra_account: Cow<'a, str>,
    value: i64,
    currency: Cow<'a, str>,
    at: i64,
}

columns! {
    EntryRow in ledger_entries
    fixed bucket, payment_request_id, refund_request_id, kind, account, contra_account, value, currency, at;
    assigned position;
}

impl<'a> EntryRow<'a> {
    pub(crate) fn of(key: CaseKey<'a>, entry: &'a Entry) -> Self {
        let contra_account = match entry.kind {
            EntryKind::Debit | EntryKind::Credit => "merchant payable",
            EntryKind::Hold | EntryKind::Release => "authorization holds",
        };
        Self {
            position: 0,
            bucket: key.bucket,
            payment_request_id: key.id.into(),
            refund_request_id: entry.refund.as_ref().map_or("", RefundRequestId::as_str).into(),
            kind: entry.kind.as_str().into(),
            account: entry.account.as_str().into(),
            contra_account: contra_account.into(),
            value: entry.amount.minor(),
            currency: entry.amount.currency().code().into(),
            at: entry.at.timestamp_micros(),
        }
    }

    pub(crate) fn into_posted(self) -> Result<PostedEntry, InconsistentRowError> {
        let row = RowRef { table: "ledger_entries", id: &self.payment_request_id };
        let kind = row.required("kind", EntryKind::parse(&self.kind))?;
        let refund = Some(&*self.refund_request_id).filter(|id| !id.is_empty());
        let amount = row.money("value", Some(self.value), Some(&self.currency))?;
        let entry = Entry {
            refund: row.parsed("refund_request_id", refund.map(RefundRequestId::parse).transpose())?,
            kind,
            account: row.parsed("account", AccountId::parse(&*self.account))?,
            amount: row.required("value", amount)?,
            at: row.moment("at", self.at)?,
        };
        let payment_request_id = row.parsed("payment_request_id", PaymentRequestId::parse(row.id))?;
        Ok(PostedEntry { position: self.position.to_string(), payment_request_id, entry })
    }
}
