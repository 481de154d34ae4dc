//! Sessions of PostgreSQL: who is at the other end, and whether it is always the same.

use std::fmt;
use std::sync::mpsc;
use std::time::Duration;

use diesel::connection::{CacheSize, SimpleConnection};
use diesel::expression::{Expression, ValidGrouping, is_aggregate::No};
use diesel::pg::{Pg, PgConnection};
use diesel::prelude::*;
use diesel::query_builder::{AstPass, QueryFragment, QueryId};
use diesel::result::Error as DieselError;
use diesel::sql_types::{Array, BigInt, Bool, Integer, Text};

use crate::history::ServerPlace;
use crate::session::{Backend, Beginning, Greeting, SessionNow};

/// How sessions of PostgreSQL begin.
pub(super) const BEGINNING: Beginning<PgConnection> =
    Beginning { prepare: super::sql::PREPARE, ports, is_shared, greet, end_backends, fence };

/// Where PostgreSQL listens by itself.
const OWN_PORT: u16 = 5432;

/// The ports that a URL names, one for each host, or the one that is taken without.
fn ports(address: &str) -> Vec<u16> {
    let (_, rest) = address.split_once("://").unwrap_or_default();
    let (place, parameters) = rest.split_once('?').unwrap_or((rest, ""));
    let hosts = place.split('/').next().unwrap_or_default();
    let hosts = hosts.rsplit_once('@').map_or(hosts, |(_, hosts)| hosts);
    let of_hosts = hosts.split(',').filter_map(|host| host.rsplit_once(':')).map(|(_, port)| port);
    let values = parameters.split('&').filter_map(|parameter| parameter.strip_prefix("port="));
    let named = of_hosts.chain(values.flat_map(|ports| ports.split(','))).filter_map(|port| port.parse().ok());
    let usual = std::env::var("PGPORT").ok().and_then(|port| port.parse().ok()).unwrap_or(OWN_PORT);
    named.chain([usual]).collect()
}

/// How long a second connection is waited for, which shows whether the first is shared.
const SECOND_WITHIN: Duration = Duration::from_millis(1_500);

/// What a second connection does before it looks. In a transaction it keeps the session that the first one may have had. Out of it, its
/// session is the one that was used last, which the first one may get next. One of them can go amiss where others use the pooler too.
const SECOND_STEPS: [&str; 6] = ["begin", "commit", "begin", "commit", "begin", "commit"];

/// It is not known whether the connection is shared.
#[derive(Debug)]
struct UncomparedError;

impl fmt::Display for UncomparedError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let milliseconds = SECOND_WITHIN.as_millis();
        write!(
            f,
            "no second connection came within {milliseconds} ms to show whether a pooler at database.url exchanges sessions, and Rescind \
             needs database.pool_size + 1 connections there"
        )
    }
}

impl std::error::Error for UncomparedError {}

/// A session as its server sees it.
#[derive(QueryableByName, PartialEq, Eq)]
struct Seen {
    #[diesel(sql_type = Integer)]
    pid: i32,
    /// What a session of ours is marked with; empty in one that just began.
    #[diesel(sql_type = Text)]
    marker: String,
    /// Where the session's other end is by its server, or [`THROUGH_A_FILE`].
    #[diesel(sql_type = Integer)]
    client_port: i32,
}

const THROUGH_A_FILE: i32 = 0;

fn see(connection: &mut PgConnection) -> QueryResult<Seen> {
    diesel::sql_query(super::sql::SEEN).get_result(connection)
}

/// A pooler in transaction mode takes a server's session for each transaction. In turns, it is another one each time; else it is the
/// one that was used last, and a second connection gets it. One that was used before is marked.
fn is_shared(connection: &mut PgConnection, address: &str, own_port: Option<u16>) -> QueryResult<bool> {
    // Without names for statements, which such a session does not know the next time.
    connection.set_prepared_statement_cache_size(CacheSize::Disabled);
    let shared = is_exchanged(connection, address, own_port);
    connection.set_prepared_statement_cache_size(CacheSize::Unbounded);
    shared
}

fn is_exchanged(connection: &mut PgConnection, address: &str, own_port: Option<u16>) -> QueryResult<bool> {
    let fresh = see(connection)?;
    // The server has us at its other end, and nobody between.
    if own_port.is_some_and(|port| i32::from(port) == fresh.client_port) {
        return Ok(false);
    }
    connection.batch_execute(super::sql::MARK)?;
    let marked = see(connection)?;
    if !fresh.marker.is_empty() || marked.marker.is_empty() || marked.pid != fresh.pid || see(connection)? != marked {
        return Ok(true);
    }
    // A thread of its own: a pooler that has no second one lets it wait for longer than we do. Whether such a pooler exchanges sessions
    // cannot be told.
    let ((seen_by_second, found), (next, goes_on)) = (mpsc::channel(), mpsc::channel());
    let address = address.to_owned();
    std::thread::spawn(move || {
        let mut second = PgConnection::establish(&address).ok();
        second.iter_mut().for_each(|second| second.set_prepared_statement_cache_size(CacheSize::Disabled));
        for step in SECOND_STEPS {
            let seen = second.as_mut().map(|second| second.batch_execute(step).and_then(|()| see(second)).ok());
            if seen_by_second.send(seen).is_err() || goes_on.recv_timeout(SECOND_WITHIN).is_err() {
                return;
            }
        }
    });
    for _ in SECOND_STEPS {
        let is_shared = match found.recv_timeout(SECOND_WITHIN).ok().flatten() {
            // Through a file there may well be nobody between, and the first of several hosts may be one that stands still.
            None if fresh.client_port == THROUGH_A_FILE => return Ok(false),
            None => return Err(DieselError::SerializationError(Box::new(UncomparedError))),
            // In statement mode there are no transactions.
            Some(None) => true,
            Some(Some(second)) => !second.marker.is_empty() || second.pid == marked.pid || see(connection)? != marked,
        };
        if is_shared {
            return Ok(true);
        }
        let _ = next.send(());
    }
    Ok(false)
}

#[derive(QueryableByName)]
struct Greeted {
    #[diesel(sql_type = Integer)]
    pid: i32,
    #[diesel(sql_type = Text)]
    started: String,
    #[diesel(sql_type = Text)]
    system: String,
    #[diesel(sql_type = Text)]
    timeline: String,
    #[diesel(sql_type = BigInt)]
    position: i64,
    #[diesel(sql_type = Bool)]
    waits_for_standby: bool,
}

fn greet(connection: &mut PgConnection) -> QueryResult<Option<Greeting>> {
    let row: Greeted = diesel::sql_query(super::sql::GREET).get_result(connection)?;
    let timeline = u32::from_str_radix(&row.timeline, 16).map_err(|error| DieselError::DeserializationError(error.into()))?;
    let place = ServerPlace { system: row.system, timeline, position: row.position.cast_unsigned() };
    let backend = Backend { pid: row.pid, started: row.started };
    Ok(Some(Greeting { backend, place, waits_for_standby: row.waits_for_standby }))
}

fn end_backends(connection: &mut PgConnection, backends: &[Backend]) -> QueryResult<()> {
    let (pids, starts): (Vec<_>, Vec<_>) = backends.iter().map(|backend| (backend.pid, &*backend.started)).unzip();
    let end = diesel::sql_query(super::sql::END_BACKENDS).bind::<Array<Integer>, _>(pids).bind::<Array<Text>, _>(starts);
    end.execute(connection).map(|_| ())
}

fn fence(connection: &mut PgConnection) -> QueryResult<()> {
    connection.batch_execute(super::sql::FENCE)
}

/// What the server says of the session, as a column: it is found out once for each statement.
#[derive(Debug, Clone, Copy, QueryId)]
pub(super) struct SessionColumn;

impl Expression for SessionColumn {
    type SqlType = Text;
}

impl<G> ValidGrouping<G> for SessionColumn {
    type IsAggregate = No;
}

impl QueryFragment<Pg> for SessionColumn {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        out.push_sql(super::sql::SESSION);
        Ok(())
    }
}

/// Reads the column. What cannot be read is said by a session that is not ours.
pub(super) fn parse(column: &str) -> SessionNow {
    let mut words = column.split(' ');
    let mut word = || words.next().unwrap_or_default();
    let (pid, marker, synchronous, waits, position) = (word(), word(), word(), word(), word());
    SessionNow {
        pid: pid.parse().unwrap_or_default(),
        is_prepared: marker == "ours" && synchronous == "on",
        waits_for_standby: waits == "t",
        position: position.parse().unwrap_or_default(),
    }
}

#[derive(QueryableByName)]
struct Said {
    #[diesel(sql_type = Text)]
    session: String,
}

pub(super) fn session_now(connection: &mut PgConnection) -> QueryResult<Option<SessionNow>> {
    let said: Said = diesel::sql_query(format!("select {} as session", super::sql::SESSION)).get_result(connection)?;
    Ok(Some(parse(&said.session)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_port_of_a_url_is_known() {
        for (url, expected) in [
            ("postgres://a@b/c", vec![5432]),
            ("postgres://a@b:6432/c?x=y", vec![6432, 5432]),
            ("postgres://a:p@b:6432,[::1]:6433,d/c", vec![6432, 6433, 5432]),
            ("postgres:///c?host=/tmp,/var&port=1,2&user=a", vec![1, 2, 5432]),
        ] {
            assert_eq!(ports(url), expected, "{url}");
        }
    }

    #[test]
    fn f75_a_session_that_lost_what_it_began_with_is_not_ours() {
        let ours = SessionNow { pid: 7, is_prepared: true, waits_for_standby: true, position: 99 };
        assert_eq!(parse("7 ours on t 99"), ours);
        assert!(!parse("7 ours off t 99").is_prepared);
        // Without the marker, every word stands one place further left.
        assert!(!parse("7 on t 99").is_prepared);
    }
}
