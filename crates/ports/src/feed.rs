//! What others hear of the cases.

use std::cmp::Ordering;
use std::fmt;
use std::time::Duration;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use domain::{CaseFeed, FeedEvent, PaymentRequestId};

use crate::{TimelineEntry, UnavailableError};

/// The feed: every event of every case, once, in one order.
#[async_trait]
pub trait EventFeed: Send + Sync {
    /// At most `limit` of the events that come after a cursor, from the beginning without one.
    ///
    /// - The events MUST be those that [`CaseFeed`] reads from the timelines, each of them once.
    /// - Their order MUST be the same for every reader, at any time, and MUST be that of the timeline within a case.
    /// - An event MUST NOT be told before its commit is durable, nor while a commit that would come before it may still succeed.
    /// - [`FeedPage::cursor`] MUST lead to the event after the last one, also where the page is empty. A cursor of any event MUST lead to
    ///   the one after it.
    /// - A page MAY be short, or empty, before the end; [`FeedPage::is_end`] says whether there is nothing more at the moment. Reading on
    ///   from cursor to cursor MUST come to the end.
    /// - One call MUST NOT look at more than a bounded part of what is kept.
    /// - A cursor of another generation, or one that the store has not come to, MUST be refused as [`FeedError::Foreign`].
    async fn read(&self, after: Option<&FeedCursor>, limit: u32) -> Result<FeedPage, FeedError>;

    /// For how long the oldest transaction that may still write has been seen open, as far back as this process has looked: what was
    /// committed after it began is not told before it ends. Zero where none is open.
    async fn oldest_writer(&self) -> Result<Duration, UnavailableError>;
}

/// Why the feed cannot be read on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FeedError {
    /// It is not known what comes next.
    Unavailable(UnavailableError),
    /// The cursor is not of these cases as they are now: they were restored, or come from another server.
    Foreign {
        /// The generation of now.
        generation: u64,
    },
}

impl From<UnavailableError> for FeedError {
    fn from(error: UnavailableError) -> Self {
        Self::Unavailable(error)
    }
}

impl fmt::Display for FeedError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unavailable(unavailable) => unavailable.fmt(f),
            Self::Foreign { generation } => write!(
                f,
                "the cursor is of another database, or of a time that a restore has undone; the events of now are of generation \
                 {generation}: read them from the beginning"
            ),
        }
    }
}

impl std::error::Error for FeedError {}

/// Some events, and where to go on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FeedPage {
    /// In their order.
    pub events: Vec<PublishedEvent>,
    /// Leads to what comes after them.
    pub cursor: FeedCursor,
    /// Whether there was nothing more to tell at that moment.
    pub is_end: bool,
}

/// An event with its place in the feed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublishedEvent {
    /// Leads to what comes after it.
    pub cursor: FeedCursor,
    /// When it was decided.
    pub at: DateTime<Utc>,
    /// The case.
    pub payment_request_id: PaymentRequestId,
    /// What happened.
    pub event: FeedEvent,
}

/// A place in the feed. Its text is opaque to readers: they give it back as they got it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FeedCursor {
    /// Which database it is of. It is raised when a database is restored or moved, because places mean something else from then on.
    pub generation: u64,
    /// The last event that was told of each node that keeps a part of the cases. There is one node; none is the beginning.
    pub positions: Vec<FeedPosition>,
}

/// Until where the events of one node were told.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct FeedPosition {
    /// The number of the commit, in the order of telling.
    pub commit: u64,
    /// Within the commit: the first part of the case's key.
    pub bucket: i16,
    /// Within the bucket: the case. Empty where the commit has lines of one case only, or before all of its cases.
    pub case: String,
    /// Within the case: the number of the first line of what was recorded together.
    pub number: i32,
    /// How many of its events were told.
    pub told: u32,
}

/// Why a text is not a cursor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CursorError;

impl fmt::Display for CursorError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("must be a cursor as it was given")
    }
}

impl std::error::Error for CursorError {}

impl FeedPosition {
    /// All events of what was recorded there were told.
    pub const ALL: u32 = u32::MAX;

    /// Before everything of a commit.
    #[must_use]
    pub fn before(commit: u64) -> Self {
        Self { commit, bucket: 0, case: String::new(), number: 0, told: 0 }
    }

    /// Where the lines that were recorded together stand, without what was told of them.
    #[must_use]
    pub fn place(&self) -> (u64, i16, &str, i32) {
        (self.commit, self.bucket, &self.case, self.number)
    }

    fn parse(text: &str) -> Option<Self> {
        let fields: Vec<_> = text.split('.').collect();
        let [commit, bucket, number, told, case] = fields[..] else { return None };
        Some(Self {
            commit: commit.parse().ok()?,
            bucket: bucket.parse().ok()?,
            number: number.parse().ok()?,
            told: told.parse().ok()?,
            case: from_hex(case)?,
        })
    }
}

/// Ids may have any visible character, and a cursor stands in a query.
fn from_hex(text: &str) -> Option<String> {
    let digits = text.bytes().map(|digit| char::from(digit).to_digit(16).and_then(|digit| u8::try_from(digit).ok()));
    let digits = digits.collect::<Option<Vec<_>>>()?;
    let (pairs, []) = digits.as_chunks::<2>() else { return None };
    String::from_utf8(pairs.iter().map(|[high, low]| (high << 4) | low).collect()).ok()
}

impl fmt::Display for FeedPosition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { commit, bucket, case, number, told } = self;
        write!(f, "{commit}.{bucket}.{number}.{told}.")?;
        case.bytes().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl FeedCursor {
    /// The longest text of one.
    pub const LONGEST: usize = 256;

    /// Before the first event.
    #[must_use]
    pub fn beginning(generation: u64) -> Self {
        Self { generation, positions: Vec::new() }
    }

    /// After this position of the one node there is.
    #[must_use]
    pub fn at(generation: u64, position: FeedPosition) -> Self {
        Self { generation, positions: vec![position] }
    }

    /// Takes the text of one.
    ///
    /// # Errors
    /// [`CursorError`] where it is not one.
    pub fn parse(text: &str) -> Result<Self, CursorError> {
        let mut parts = Some(text).filter(|text| text.len() <= Self::LONGEST).into_iter().flat_map(|text| text.split('-'));
        let generation = parts.next().and_then(|generation| generation.parse().ok()).ok_or(CursorError)?;
        let positions = parts.map(FeedPosition::parse).collect::<Option<_>>().ok_or(CursorError)?;
        let cursor = Self { generation, positions };
        // One place has one text, so that texts can be compared.
        if cursor.to_string() == text { Ok(cursor) } else { Err(CursorError) }
    }

    /// The position in a feed of one node, for a reader of this generation; `None` is the beginning.
    ///
    /// # Errors
    /// [`FeedError::Foreign`] where it is of another generation, or of several nodes.
    pub fn of_one_node(&self, generation: u64) -> Result<Option<&FeedPosition>, FeedError> {
        if self.generation != generation || self.positions.len() > 1 {
            return Err(FeedError::Foreign { generation });
        }
        Ok(self.positions.first())
    }
}

impl fmt::Display for FeedCursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.generation)?;
        self.positions.iter().try_for_each(|position| write!(f, "-{position}"))
    }
}

/// What one commit added to the timeline of one case, with its place in the feed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordedLines {
    /// Its place; nothing of it is told.
    pub position: FeedPosition,
    /// The case.
    pub payment_request_id: PaymentRequestId,
    /// The lines.
    pub lines: Vec<TimelineEntry>,
}

impl RecordedLines {
    /// Whether their events depend on the lines before them.
    #[must_use]
    pub fn depend_on_earlier(&self) -> bool {
        CaseFeed::depends_on_earlier(self.position.number, self.lines.iter().map(|line| line.what.as_str()))
    }

    /// Their events that were not told until `after`. `earlier` are the lines of the case before them.
    pub fn publish<'a>(
        &self,
        earlier: impl IntoIterator<Item = &'a TimelineEntry>,
        (generation, after): (u64, Option<&FeedPosition>),
    ) -> Vec<PublishedEvent> {
        let mut feed = CaseFeed::default();
        for line in earlier {
            feed.read(&line.what, &line.details);
        }
        let told = after.map_or(0, |after| match self.position.place().cmp(&after.place()) {
            Ordering::Less => FeedPosition::ALL,
            Ordering::Equal => after.told,
            Ordering::Greater => 0,
        });
        let events = self
            .lines
            .iter()
            .flat_map(|line| feed.read(&line.what, &line.details).into_iter().map(move |event| (line.at, event)));
        let numbered = (1..).zip(events).filter(|(number, _)| *number > told);
        let published = numbered.map(|(number, (at, event))| PublishedEvent {
            cursor: FeedCursor::at(generation, FeedPosition { told: number, ..self.position.clone() }),
            at,
            payment_request_id: self.payment_request_id.clone(),
            event,
        });
        published.collect()
    }
}

/// The events of what was recorded, as a page. `recorded` is in the order of the feed, with the lines before each where its events depend on
/// them; `is_end` says whether nothing comes after it, and `until` how far was looked.
#[must_use]
pub fn page_of<'a>(
    recorded: impl IntoIterator<Item = (&'a RecordedLines, Vec<&'a TimelineEntry>)>,
    (after, until): (&FeedCursor, FeedPosition),
    (limit, is_end): (u32, bool),
) -> FeedPage {
    let (generation, limit) = (after.generation, limit as usize);
    let mut events = Vec::new();
    for (lines, earlier) in recorded {
        events.extend(lines.publish(earlier, (generation, after.positions.first())));
        if events.len() > limit {
            events.truncate(limit);
            let cursor = events.last().map_or_else(|| after.clone(), |last| last.cursor.clone());
            return FeedPage { events, cursor, is_end: false };
        }
    }
    FeedPage { events, cursor: FeedCursor::at(generation, until), is_end }
}
