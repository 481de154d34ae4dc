//! The feed on SQLite: there is one writer, so that the positions of rows are the order of their commits.

use diesel::prelude::*;
use diesel::sql_types::{BigInt, Integer, Nullable, SmallInt, Text};
use diesel::sqlite::SqliteConnection;
use domain::CaseFeed;
use ports::FeedPosition;

use crate::rows::EventRow;
use crate::tables::CaseTables;
use crate::window::{FeedLook, FeedWindow, PlacedRow};

/// How many rows one look reads.
const ROWS_AT_ONCE: i64 = 1000;

#[derive(QueryableByName)]
struct Found {
    #[diesel(sql_type = BigInt)]
    position: i64,
    #[diesel(sql_type = SmallInt)]
    bucket: i16,
    #[diesel(sql_type = Text)]
    payment_request_id: String,
    #[diesel(sql_type = Integer)]
    number: i32,
    #[diesel(sql_type = BigInt)]
    at: i64,
    #[diesel(sql_type = Text)]
    what: String,
    #[diesel(sql_type = Text)]
    details: String,
    #[diesel(sql_type = Nullable<Text>)]
    more: Option<String>,
}

#[derive(QueryableByName)]
struct Last {
    #[diesel(sql_type = BigInt)]
    position: i64,
}

/// Everybody else reads, and what is committed has the next position.
pub(super) fn oldest_writer(_: &mut SqliteConnection) -> QueryResult<Option<u64>> {
    Ok(None)
}

pub(super) fn look(connection: &mut SqliteConnection, from: Option<&FeedPosition>, _limit: u32) -> QueryResult<FeedLook> {
    let from = from.cloned().unwrap_or_else(|| FeedPosition::before(0));
    let Last { position: last } =
        diesel::sql_query("select coalesce(max(position), 0) as position from events").get_result(connection)?;
    let first = i64::try_from(from.commit).unwrap_or(i64::MAX);
    if first > last {
        return Ok(FeedLook::Ahead);
    }
    // The row of the cursor once more: it may not be told to its end.
    let query = diesel::sql_query(
        "select position, bucket, payment_request_id, number, at, what, details, more from events
         where position >= $1 order by position limit $2",
    );
    let found = query.bind::<BigInt, _>(first).bind::<BigInt, _>(ROWS_AT_ONCE).load::<Found>(connection)?;
    let rows = found.into_iter().map(|found| placed(connection, found)).collect::<QueryResult<Vec<_>>>()?;
    let until = rows.last().map_or(from, |row| FeedPosition { told: FeedPosition::ALL, ..row.position.clone() });
    let is_end = until.commit >= last.cast_unsigned();
    Ok(FeedLook::Window(FeedWindow { rows, until, is_end }))
}

fn placed(connection: &mut SqliteConnection, found: Found) -> QueryResult<PlacedRow> {
    let Found { position, bucket, payment_request_id, number, at, what, details, more } = found;
    let position = FeedPosition { number, ..FeedPosition::before(position.cast_unsigned()) };
    let row = EventRow::read((bucket, payment_request_id), (number, at), (what, details, more));
    let names = row.names();
    let mut earlier = vec![];
    if CaseFeed::depends_on_earlier(number, names.iter().map(String::as_str)) {
        earlier = connection.timeline(row.key().0)?;
        earlier.retain(|line| line.key().1 < number);
    }
    Ok(PlacedRow { position, row, earlier })
}
