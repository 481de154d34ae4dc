//! The embedded ledger's entries as rows.

use diesel::{Queryable, Selectable};
use domain::{AccountId, Entry, EntryKind, PaymentRequestId, RefundRequestId};
use ports::PostedEntry;
use serde::Serialize;

use super::{InconsistentRowError, RowRef};
use crate::schema::ledger_entries;
use crate::sql::columns;

#[derive(Debug, Clone, Queryable, Selectable, Serialize)]
#[diesel(table_name = ledger_entries)]
pub(crate) struct EntryRow {
    /// Assigned by the database.
    #[serde(skip)]
    position: i64,
    payment_request_id: String,
    refund_request_id: String,
    kind: String,
    account: String,
    contra_account: String,
    value: i64,
    currency: String,
    at: i64,
}

columns! {
    EntryRow in ledger_entries
    fixed payment_request_id, refund_request_id, kind, account, contra_account, value, currency, at;
    assigned position;
}

impl EntryRow {
    pub(crate) fn of(id: &PaymentRequestId, entry: &Entry) -> Self {
        let contra_account = match entry.kind {
            EntryKind::Debit | EntryKind::Credit => "merchant payable",
            EntryKind::Hold | EntryKind::Release => "authorization holds",
        };
        Self {
            position: 0,
            payment_request_id: id.to_string(),
            refund_request_id: entry.refund.as_ref().map(RefundRequestId::to_string).unwrap_or_default(),
            kind: entry.kind.to_string(),
            account: entry.account.to_string(),
            contra_account: contra_account.to_owned(),
            value: entry.amount.minor(),
            currency: entry.amount.currency().code(),
            at: entry.at.timestamp_micros(),
        }
    }

    pub(crate) fn into_posted(self) -> Result<PostedEntry, InconsistentRowError> {
        let row = RowRef { table: "ledger_entries", id: &self.payment_request_id };
        let kind = row.required("kind", EntryKind::parse(&self.kind))?;
        let refund = Some(self.refund_request_id.as_str()).filter(|id| !id.is_empty());
        let amount = row.money("value", Some(self.value), Some(&self.currency))?;
        let entry = Entry {
            refund: row.parsed("refund_request_id", refund.map(RefundRequestId::parse).transpose())?,
            kind,
            account: row.parsed("account", AccountId::parse(self.account.as_str()))?,
            amount: row.required("value", amount)?,
            at: row.moment("at", self.at)?,
        };
        let payment_request_id = row.parsed("payment_request_id", PaymentRequestId::parse(row.id))?;
        Ok(PostedEntry { position: self.position.to_string(), payment_request_id, entry })
    }
}
