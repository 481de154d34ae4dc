//! Resolutions that wait for an approval, as rows.

use std::borrow::Cow;

use diesel::{Queryable, Selectable};
use domain::RequestedResolution;

use super::{CaseKey, InconsistentRowError, RowRef, text};
use crate::schema::resolutions;
use crate::sql::columns;

#[derive(Debug, Clone, PartialEq, Eq, Queryable, Selectable)]
#[diesel(table_name = resolutions)]
pub(crate) struct ResolutionRow<'a> {
    bucket: i16,
    pub(crate) payment_request_id: Cow<'a, str>,
    /// The number of the timeline's line that says so. The row stays when it counts no more: the timeline goes on then.
    pub(crate) number: i32,
    note: Cow<'a, str>,
    asked_by: Cow<'a, str>,
    asked_at: i64,
}

columns! {
    ResolutionRow in resolutions
    key bucket, payment_request_id;
    changing number, note, asked_by, asked_at;
}

impl<'a> ResolutionRow<'a> {
    pub(crate) fn of(key: CaseKey<'a>, number: i32, resolution: &'a RequestedResolution) -> Self {
        Self {
            bucket: key.bucket,
            payment_request_id: key.id.into(),
            number,
            note: text(&resolution.note),
            asked_by: text(&resolution.by),
            asked_at: resolution.at.timestamp_micros(),
        }
    }

    pub(crate) fn resolution(&self) -> Result<RequestedResolution, InconsistentRowError> {
        let row = RowRef { table: "resolutions", id: &self.payment_request_id };
        let (note, by) = (self.note.clone().into_owned(), self.asked_by.clone().into_owned());
        Ok(RequestedResolution { note, by, at: row.moment("asked_at", self.asked_at)? })
    }
}
