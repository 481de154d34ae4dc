//! The feed of events, read from the timelines.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use diesel::result::Error as DieselError;
use ports::{EventFeed, FeedCursor, FeedError, FeedPage, UnavailableError, page_of};

use crate::engine::{Engine, SqlConnection};
use crate::pool::Connections;
use crate::transaction::read;
use crate::window::{FeedLook, FeedWindow, PlacedRow};

/// The feed of one database.
pub(crate) struct SqlFeed<C: SqlConnection> {
    pub(crate) engine: &'static Engine<C>,
    pub(crate) readers: Connections<C>,
    /// The oldest writer that was seen open, and when it was seen first.
    pub(crate) oldest: Mutex<Option<(u64, Instant)>>,
}

/// What one look found, with the generation that it is of.
type Looked = (u64, Option<FeedLook>);

fn look<C: SqlConnection>(
    engine: &Engine<C>,
    connection: &mut C,
    (after, limit): (Option<&FeedCursor>, u32),
) -> Result<Looked, DieselError> {
    let generation = connection.feed_generation()?;
    let Ok(from) = after.map_or(Ok(None), |after| after.of_one_node(generation)) else { return Ok((generation, None)) };
    Ok((generation, Some((engine.look_at_feed)(connection, from, limit)?)))
}

#[async_trait]
impl<C: SqlConnection> EventFeed for SqlFeed<C> {
    async fn read(&self, after: Option<&FeedCursor>, limit: u32) -> Result<FeedPage, FeedError> {
        let (engine, from) = (self.engine, after.cloned());
        let looked = read(&self.readers, move |connection| look(engine, connection, (from.as_ref(), limit)));
        let (generation, look) = looked.await?;
        let Some(FeedLook::Window(FeedWindow { rows, until, is_end })) = look else {
            return Err(FeedError::Foreign { generation });
        };
        let recorded: Vec<_> = rows.into_iter().filter_map(PlacedRow::into_readable).collect();
        let recorded = recorded.iter().map(|(lines, earlier)| (lines, earlier.iter().collect()));
        let after = after.cloned().unwrap_or_else(|| FeedCursor::beginning(generation));
        Ok(page_of(recorded, (&after, until), (limit, is_end)))
    }

    async fn oldest_writer(&self) -> Result<Duration, UnavailableError> {
        let engine = self.engine;
        let oldest = read(&self.readers, move |connection| (engine.oldest_writer)(connection)).await?;
        let now = self.readers.runner.instant();
        let mut seen = self.oldest.lock().unwrap_or_else(PoisonError::into_inner);
        *seen = oldest.map(|writer| seen.filter(|(known, _)| *known == writer).unwrap_or((writer, now)));
        Ok(seen.map_or(Duration::ZERO, |(_, since)| now.saturating_duration_since(since)))
    }
}
