//! The feed on PostgreSQL: in the order of the transactions that wrote, as far as none before them may still commit.

use std::collections::{BTreeMap, BTreeSet};

use diesel::connection::SimpleConnection;
use diesel::pg::PgConnection;
use diesel::prelude::*;
use diesel::result::Error as DieselError;
use diesel::sql_types::{Array, BigInt, Integer, Nullable, SmallInt, Text};
use domain::EventName;
use ports::FeedPosition;

use crate::rows::EventRow;
use crate::window::{FeedLook, FeedWindow, PlacedRow};

/// Rows that can tell something; in the words of the index `events_for_feed`, which is only for what names them.
const TELLS: &str = "(more is not null or not (
    what in ('failed', 'refund-reserved', 'refund-succeeded', 'refund-failed', 'settled', 'settings-adopted')
    or (what = 'payment-recorded' and number = 1)
    or (what = 'succeeded' and number = 2)
))";

const COLUMNS: &str = "bucket, payment_request_id, number, at, what, details, more, xid::text as written_in";

/// Every transaction before the first is over, and what it wrote is seen. The second has not begun.
const HORIZON: &str = "
    select pg_snapshot_xmin(now)::text as open, pg_snapshot_xmax(now)::text as next from pg_current_snapshot() as now
";

/// How many rows one look reads at least: a batch and more.
const FEWEST: u32 = 160;
/// How many rows of before rows had a transaction one look passes over.
const KEYS_AT_ONCE: usize = 2000;

#[derive(QueryableByName)]
struct Horizon {
    #[diesel(sql_type = Text)]
    open: String,
    #[diesel(sql_type = Text)]
    next: String,
}

#[derive(QueryableByName)]
struct Found {
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
    #[diesel(sql_type = Text)]
    written_in: String,
}

/// A row with the transaction that wrote it.
struct WrittenRow {
    xid: u64,
    row: EventRow<'static>,
}

fn number_of(text: &str) -> QueryResult<u64> {
    text.parse().map_err(|error: std::num::ParseIntError| DieselError::DeserializationError(error.into()))
}

impl Found {
    fn into_written(self) -> QueryResult<WrittenRow> {
        let Self { bucket, payment_request_id, number, at, what, details, more, written_in } = self;
        let row = EventRow::read((bucket, payment_request_id), (number, at), (what, details, more));
        Ok(WrittenRow { xid: number_of(&written_in)?, row })
    }
}

fn horizon(connection: &mut PgConnection) -> QueryResult<(u64, u64)> {
    let Horizon { open, next } = diesel::sql_query(HORIZON).get_result(connection)?;
    Ok((number_of(&open)?, number_of(&next)?))
}

/// The oldest transaction that may still write, in any database of the server. A transaction that only reads has no number.
pub(super) fn oldest_writer(connection: &mut PgConnection) -> QueryResult<Option<u64>> {
    horizon(connection).map(|(open, next)| Some(open).filter(|open| *open < next))
}

/// Rows that another server wrote have numbers that this one has not come to. From now on they stand at the beginning, in the order of
/// their keys. Gives how many it moved; fewer than `limit` means that none is left.
pub(super) fn settle(connection: &mut PgConnection, limit: i64) -> QueryResult<usize> {
    let moved = diesel::sql_query(format!(
        "update events set xid = '0' where (bucket, payment_request_id, number) in (
             select bucket, payment_request_id, number from events
             where {TELLS} and xid >= pg_snapshot_xmax(pg_current_snapshot()) order by xid limit $1
         )"
    ));
    moved.bind::<BigInt, _>(limit).execute(connection)
}

pub(super) fn look(connection: &mut PgConnection, from: Option<&FeedPosition>, limit: u32) -> QueryResult<FeedLook> {
    // A bitmap has no order: all that is to come would be read and sorted for the first few of it.
    connection.batch_execute("set local enable_bitmapscan = off")?;
    let from = from.cloned().unwrap_or_else(|| FeedPosition::before(0));
    let (open, next) = horizon(connection)?;
    if from.commit > next {
        return Ok(FeedLook::Ahead);
    }
    if from.commit == 0
        && let Some(window) = look_before_numbers(connection, &from)?
    {
        return Ok(FeedLook::Window(window));
    }
    look_at_transactions(connection, from.commit.max(1), (open, (limit / 2).max(FEWEST))).map(FeedLook::Window)
}

/// What was written before rows had the number of their transaction, in the order of their keys. `None` where there is nothing of it.
fn look_before_numbers(connection: &mut PgConnection, from: &FeedPosition) -> QueryResult<Option<FeedWindow>> {
    let any = diesel::sql_query(format!("select {COLUMNS} from events where {TELLS} and xid = '0' limit 1"));
    if any.get_result::<Found>(connection).optional()?.is_none() {
        return Ok(None);
    }
    let keys = diesel::sql_query(format!(
        "select {COLUMNS} from events where (bucket, payment_request_id, number) >= ($1, $2, $3)
         order by bucket, payment_request_id, number limit $4"
    ));
    let keys = keys.bind::<SmallInt, _>(from.bucket).bind::<Text, _>(&from.case).bind::<Integer, _>(from.number);
    let found = keys.bind::<BigInt, _>(KEYS_AT_ONCE as i64).load::<Found>(connection)?;
    let is_last = found.len() < KEYS_AT_ONCE;
    let rows = found.into_iter().map(Found::into_written).collect::<QueryResult<Vec<_>>>()?;
    let last = rows.last().filter(|_| !is_last).map(|last| FeedPosition { told: FeedPosition::ALL, ..place(0, &last.row) });
    let touched: Vec<_> = rows.into_iter().filter(|written| written.xid == 0 && tells(&written.row)).collect();
    let rows = in_order(connection, &touched, (0, 1))?;
    let rows = match &last {
        Some(last) => rows.into_iter().filter(|placed| placed.position.place() <= last.place()).collect(),
        None => rows,
    };
    Ok(Some(FeedWindow { rows, until: last.unwrap_or_else(|| FeedPosition::before(1)), is_end: false }))
}

fn look_at_transactions(connection: &mut PgConnection, from: u64, (open, mut limit): (u64, u32)) -> QueryResult<FeedWindow> {
    loop {
        let query = diesel::sql_query(format!(
            "select {COLUMNS} from events where {TELLS} and xid >= $1::xid8 and xid < $2::xid8 order by xid limit $3"
        ));
        let query = query.bind::<Text, _>(from.to_string()).bind::<Text, _>(open.to_string());
        let found = query.bind::<BigInt, _>(i64::from(limit)).load::<Found>(connection)?;
        let is_last = found.len() < limit as usize;
        let rows = found.into_iter().map(Found::into_written).collect::<QueryResult<Vec<_>>>()?;
        // Only what is there whole can be put in order.
        let until = rows.last().filter(|_| !is_last).map_or(open.max(from), |last| last.xid);
        if until == from && !is_last {
            limit = limit.saturating_mul(4);
            continue;
        }
        let rows = in_order(connection, &rows, (from, until))?;
        return Ok(FeedWindow { rows, until: FeedPosition::before(until), is_end: is_last });
    }
}

fn place(commit: u64, row: &EventRow<'_>) -> FeedPosition {
    let (key, number) = row.key();
    FeedPosition { bucket: key.bucket, case: key.id.to_owned(), number, ..FeedPosition::before(commit) }
}

/// Whether a row is one of [`TELLS`].
fn tells(row: &EventRow<'_>) -> bool {
    let (what, number, has_more) = row.first_line();
    let is_of_payment = match EventName::parse(what) {
        Some(EventName::PaymentRecorded) => number == 1,
        Some(EventName::Succeeded) => number == 2,
        Some(
            EventName::Failed
            | EventName::RefundReserved
            | EventName::RefundSucceeded
            | EventName::RefundFailed
            | EventName::Settled
            | EventName::SettingsAdopted,
        ) => true,
        Some(
            EventName::CancelReceived
            | EventName::Deferred
            | EventName::ClocksDisagree
            | EventName::Cancelled
            | EventName::Refused
            | EventName::ReversalOpened
            | EventName::ReversalTried
            | EventName::RefundedElsewhere
            | EventName::ReversalParked
            | EventName::ReversalDone
            | EventName::ReversalResolved,
        )
        | None => false,
    };
    has_more || !is_of_payment
}

/// The rows of the cases of `touched` that are told from one transaction until before another.
///
/// A batch gets its number at its first lock, and may wait for another lock until a batch with a later number has committed. So within a
/// case a later row can have the lower number: it is told with the row before it, never ahead of it.
fn in_order(connection: &mut PgConnection, touched: &[WrittenRow], (from, until): (u64, u64)) -> QueryResult<Vec<PlacedRow>> {
    let keys: BTreeSet<_> =
        touched.iter().map(|written| written.row.key().0).map(|key| (key.bucket, key.id.to_owned())).collect();
    let mut placed = Vec::new();
    for rows in timelines(connection, &keys)?.into_values() {
        let mut commit = 0;
        let mut earlier: Vec<EventRow<'static>> = Vec::new();
        for WrittenRow { xid, row } in rows {
            if tells(&row) {
                commit = commit.max(xid);
                if (from..until).contains(&commit) {
                    let position = place(commit, &row);
                    placed.push(PlacedRow { position, row: row.clone(), earlier: earlier.clone() });
                }
            }
            earlier.push(row);
        }
    }
    placed.sort_by(|one, other| one.position.cmp(&other.position));
    Ok(placed)
}

/// The whole timelines of these cases, each in its order.
fn timelines(
    connection: &mut PgConnection,
    keys: &BTreeSet<(i16, String)>,
) -> QueryResult<BTreeMap<(i16, String), Vec<WrittenRow>>> {
    let mut timelines: BTreeMap<_, Vec<_>> = BTreeMap::new();
    if keys.is_empty() {
        return Ok(timelines);
    }
    let (buckets, ids): (Vec<_>, Vec<_>) = keys.iter().map(|(bucket, id)| (*bucket, id.as_str())).unzip();
    let query = diesel::sql_query(format!(
        "select {COLUMNS} from unnest($1, $2) as asked (of_bucket, of_id) cross join lateral (
             select * from events as found where found.bucket = of_bucket and found.payment_request_id = of_id
             order by found.number offset 0
         ) as events"
    ));
    let found = query.bind::<Array<SmallInt>, _>(buckets).bind::<Array<Text>, _>(ids).load::<Found>(connection)?;
    for row in found {
        let key = (row.bucket, row.payment_request_id.clone());
        timelines.entry(key).or_default().push(row.into_written()?);
    }
    Ok(timelines)
}
