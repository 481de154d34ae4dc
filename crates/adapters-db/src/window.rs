//! What an engine finds of the feed, from a place on.

use ports::{FeedPosition, RecordedLines, TimelineEntry};
use tracing::error;

use crate::rows::{EventRow, InconsistentRowError};

/// Rows of timelines that can tell something, all of them that come before any which is still to come.
#[derive(Debug)]
pub(crate) struct FeedWindow {
    /// In the order of the feed.
    pub(crate) rows: Vec<PlacedRow>,
    /// Everything up to here is in it.
    pub(crate) until: FeedPosition,
    /// Whether nothing is there to tell after it.
    pub(crate) is_end: bool,
}

/// A row of a timeline with its place, and those of its case that were written before it, as far as it takes them to read it.
#[derive(Debug)]
pub(crate) struct PlacedRow {
    pub(crate) position: FeedPosition,
    pub(crate) row: EventRow<'static>,
    pub(crate) earlier: Vec<EventRow<'static>>,
}

/// What there is to read from a place on.
#[derive(Debug)]
pub(crate) enum FeedLook {
    Window(FeedWindow),
    /// The database has not come to that place.
    Ahead,
}

impl PlacedRow {
    /// Its lines, and those before them. One that somebody damaged holds up no other.
    pub(crate) fn into_readable(self) -> Option<(RecordedLines, Vec<TimelineEntry>)> {
        let id = self.row.key().0.id.to_owned();
        let logged = self.into_recorded().inspect_err(|inconsistent| {
            error!(payment_request_id = %id, error = %inconsistent, "a timeline cannot be read: its events are not told (repair its rows)");
        });
        logged.ok()
    }

    fn into_recorded(self) -> Result<(RecordedLines, Vec<TimelineEntry>), InconsistentRowError> {
        let payment_request_id = self.row.case_id()?;
        let lines = self.row.into_entries()?;
        let earlier = self.earlier.into_iter().map(EventRow::into_entries).collect::<Result<Vec<_>, _>>()?;
        let recorded = RecordedLines { position: self.position, payment_request_id, lines };
        Ok((recorded, earlier.into_iter().flatten().collect()))
    }
}
