//! Timelines as rows. One row is all that one commit adds to the timeline of a case.

use std::borrow::Cow;
use std::collections::BTreeMap;

use diesel::{Queryable, Selectable};
use domain::{Event, PaymentRequestId};
use ports::TimelineEntry;
use serde::Deserialize;
use serde::ser::{Serialize, SerializeSeq, Serializer};

use super::{CaseKey, InconsistentRowError, RowRef, text};
use crate::schema::events;
use crate::sql::columns;

#[derive(Debug, Clone, Queryable, Selectable)]
#[diesel(table_name = events)]
pub(crate) struct EventRow<'a> {
    bucket: i16,
    payment_request_id: Cow<'a, str>,
    /// The number of the first line.
    number: i32,
    at: i64,
    what: Cow<'a, str>,
    details: Cow<'a, str>,
    /// The further lines, where there are any.
    more: Option<Cow<'a, str>>,
    /// Who did it, where a person did.
    actor: Option<Cow<'a, str>>,
}

columns! {
    EventRow in events
    key bucket, payment_request_id, number;
    fixed at, what, details, more, actor;
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

/// A further line, as an array of what happened, its details and its moment. Members at the end are left out: the moment where it is
/// that of the first line, the details where there are none.
struct FurtherLine<'a> {
    event: &'a Event,
    /// The moment of the first line, in microseconds since 1970.
    at: i64,
}

impl Serialize for FurtherLine<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let details = details(self.event);
        let own_moment = Some(self.event.at.timestamp_micros()).filter(|at| *at != self.at);
        let mut line = serializer.serialize_seq(None)?;
        line.serialize_element(self.event.kind.name())?;
        if !details.is_empty() || own_moment.is_some() {
            line.serialize_element(&details)?;
        }
        if let Some(at) = own_moment {
            line.serialize_element(&at)?;
        }
        line.end()
    }
}

/// A further line as it is read.
#[derive(Deserialize)]
struct ReadLine(String, #[serde(default)] BTreeMap<String, String>, #[serde(default)] Option<i64>);

fn details(event: &Event) -> BTreeMap<&'static str, String> {
    event.kind.details().into_iter().map(|(name, value)| (name, text(&value).into_owned())).collect()
}

/// Names, texts and numbers are JSON in any case.
fn json(value: &impl Serialize) -> String {
    serde_json::to_string(value).unwrap_or_default()
}

impl<'a> EventRow<'a> {
    /// The lines that a commit adds; `number` is the first one's. `None` where there are none.
    pub(crate) fn of(key: CaseKey<'a>, number: i32, lines: &'a [Event]) -> Option<Self> {
        let (first, further) = lines.split_first()?;
        let at = first.at.timestamp_micros();
        let further: Vec<_> = further.iter().map(|event| FurtherLine { event, at }).collect();
        Some(Self {
            bucket: key.bucket,
            payment_request_id: key.id.into(),
            number,
            at,
            what: first.kind.name().into(),
            details: json(&details(first)).into(),
            more: (!further.is_empty()).then(|| json(&further).into()),
            actor: lines.iter().find_map(|event| event.kind.actor()).map(text),
        })
    }

    /// A row as it was read.
    pub(crate) fn read(
        (bucket, id): (i16, String),
        (number, at): (i32, i64),
        (what, details, more): (String, String, Option<String>),
    ) -> EventRow<'static> {
        EventRow {
            bucket,
            payment_request_id: id.into(),
            number,
            at,
            what: what.into(),
            details: details.into(),
            more: more.map(Cow::from),
            actor: None,
        }
    }

    /// Its case, and the number of its first line.
    pub(crate) fn key(&self) -> (CaseKey<'_>, i32) {
        (CaseKey { bucket: self.bucket, id: &self.payment_request_id }, self.number)
    }

    pub(crate) fn case_id(&self) -> Result<PaymentRequestId, InconsistentRowError> {
        let row = RowRef { table: "events", id: &self.payment_request_id };
        row.parsed("payment_request_id", PaymentRequestId::parse(row.id))
    }

    /// What the first line says, its number, and whether there are further ones.
    pub(crate) fn first_line(&self) -> (&str, i32, bool) {
        (&self.what, self.number, self.more.is_some())
    }

    /// What its lines say, as far as they can be read.
    pub(crate) fn names(&self) -> Vec<String> {
        let further: Vec<ReadLine> = serde_json::from_str(self.more.as_deref().unwrap_or("[]")).unwrap_or_default();
        [self.what.clone().into_owned()].into_iter().chain(further.into_iter().map(|ReadLine(what, ..)| what)).collect()
    }

    /// The lines in their order.
    pub(crate) fn into_entries(self) -> Result<Vec<TimelineEntry>, InconsistentRowError> {
        let row = RowRef { table: "events", id: &self.payment_request_id };
        let mut details: BTreeMap<String, String> = row.parsed("details", serde_json::from_str(&self.details))?;
        if self.what == RULES_STOOD_IN
            && let Some(rule) = details.get_mut("rule")
            && let Some(name) = rule_numbered(rule)
        {
            *rule = name.to_owned();
        }
        let first = TimelineEntry { at: row.moment("at", self.at)?, what: self.what.clone().into_owned(), details };
        let further: Vec<ReadLine> = row.parsed("more", serde_json::from_str(self.more.as_deref().unwrap_or("[]")))?;
        let further = further.into_iter().map(|ReadLine(what, details, at)| {
            Ok(TimelineEntry { at: at.map_or(Ok(first.at), |at| row.moment("more", at))?, what, details })
        });
        let further = further.collect::<Result<Vec<_>, _>>()?;
        Ok([first].into_iter().chain(further).collect())
    }
}
