//! Timelines as rows.

use std::collections::BTreeMap;

use diesel::{Queryable, Selectable};
use domain::{Event, PaymentRequestId};
use ports::TimelineEntry;
use serde::Serialize;

use super::{InconsistentRowError, RowRef, text};
use crate::schema::events;
use crate::sql::columns;

#[derive(Debug, Clone, Queryable, Selectable, Serialize)]
#[diesel(table_name = events)]
pub(crate) struct EventRow {
    payment_request_id: String,
    number: i32,
    at: i64,
    what: String,
    details: String,
}

columns! {
    EventRow in events
    key payment_request_id, number;
    fixed at, what, details;
}

/// The event that named a rule by its number.
const RULES_STOOD_IN: &str = "cancelled";

/// Earlier rows name a rule by its number in the table of that time. The numbers are frozen here; new rows have the name.
const RULES_BY_NUMBER: [&str; 10] = [
    "different-acquirer",
    "answer-recorded",
    "reversal-pending",
    "never-received",
    "period-over",
    "deferred",
    "nothing-taken",
    "fully-refunded",
    "partly-refunded",
    "money-taken",
];

/// The name of the rule that an earlier row names by this number; `None` for any other text.
fn rule_numbered(number: &str) -> Option<&'static str> {
    let position = number.parse::<usize>().ok()?.checked_sub(1)?;
    RULES_BY_NUMBER.get(position).copied()
}

impl EventRow {
    pub(crate) fn of(id: &PaymentRequestId, number: i32, event: &Event) -> Self {
        let details = event.kind.details().into_iter().map(|(name, value)| (name, text(&value)));
        Self {
            payment_request_id: id.to_string(),
            number,
            at: event.at.timestamp_micros(),
            what: event.kind.name().to_owned(),
            details: serde_json::json!(details.collect::<BTreeMap<_, _>>()).to_string(),
        }
    }

    pub(crate) fn into_entry(self) -> Result<TimelineEntry, InconsistentRowError> {
        let row = RowRef { table: "events", id: &self.payment_request_id };
        let mut details: BTreeMap<String, String> = row.parsed("details", serde_json::from_str(&self.details))?;
        if self.what == RULES_STOOD_IN
            && let Some(rule) = details.get_mut("rule")
            && let Some(name) = rule_numbered(rule)
        {
            *rule = name.to_owned();
        }
        Ok(TimelineEntry { at: row.moment("at", self.at)?, what: self.what, details })
    }
}
