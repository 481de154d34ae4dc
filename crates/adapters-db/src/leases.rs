//! What the worker takes: attempts and lookups that are due, leased to the process that asks.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use diesel::result::Error as DieselError;
use domain::{Action, CLOCKS_APART, Case, Command, LONGEST_WAIT, LeaseReply, Reply, spread};
use ports::{Decided, LeasedLookup, LeasedReversal, UnavailableError};
use tracing::{error, warn};

use crate::batch::decide_all;
use crate::deadline::Deadline;
use crate::engine::{DueWindow, Locked, Lookups, SqlConnection};
use crate::pool::unavailable;
use crate::rows::CaseKey;
use crate::session::SessionFacts;
use crate::store::SqlStore;
use crate::transaction::in_transaction;

/// How long what is due is leased one by one: the worker comes again soon.
const ONE_BY_ONE_WITHIN: Duration = Duration::from_secs(3);

/// Leases the attempts that are due.
pub(crate) fn lease_due<C: SqlConnection>(
    store: &SqlStore<C>,
    now: DateTime<Utc>,
    limit: u32,
    deadline: &Deadline,
) -> Result<Vec<LeasedReversal>, UnavailableError> {
    let attempt = Due { store, deadline, wanted: Wanted::Attempts, action: |_| Action::LeaseAttempt };
    let leased = attempt.decide((now, TimeDelta::zero()), limit)?;
    let leased = leased.into_iter().filter_map(|(case, reply)| Some((case.reversal_request()?, reply)));
    let leased = leased.filter_map(|(request, reply)| Some(LeasedReversal { request, attempt: leased_attempt(reply)? }));
    Ok(leased.collect())
}

/// Leases the lookups that are due.
pub(crate) fn lease_lookups<C: SqlConnection>(
    store: &SqlStore<C>,
    now: DateTime<Utc>,
    limit: u32,
    deadline: &Deadline,
) -> Result<Vec<LeasedLookup>, UnavailableError> {
    let lookup = Due { store, deadline, wanted: Wanted::Lookups(Lookups::Due), action: |_| Action::LeaseLookup };
    let leased = lookup.decide((now, TimeDelta::zero()), limit)?;
    let leased =
        leased.into_iter().filter_map(|(case, reply)| Some(LeasedLookup { id: case.id, attempt: leased_attempt(reply)? }));
    Ok(leased.collect())
}

/// Makes lookups that are due later due within a time, spread evenly.
pub(crate) fn hasten_lookups<C: SqlConnection>(
    store: &SqlStore<C>,
    (now, within): (DateTime<Utc>, TimeDelta),
    limit: u32,
    deadline: &Deadline,
) -> Result<u32, UnavailableError> {
    let later = Due { store, deadline, wanted: Wanted::Lookups(Lookups::Later), action: Action::LookUpBy };
    let hastened = later.decide((now, within), limit)?;
    Ok(u32::try_from(hastened.len()).unwrap_or(u32::MAX))
}

fn leased_attempt(reply: Reply) -> Option<u32> {
    match reply {
        Reply::Lease(LeaseReply::Leased(attempt)) => Some(attempt),
        Reply::Lease(LeaseReply::NotDue) | Reply::Cancel(_) | Reply::Command(_) | Reply::Attempt(_) => None,
    }
}

/// What is due, and what is decided of each case where it is. The action is told the case's moment within the time over which they are
/// spread.
struct Due<'a, C: SqlConnection> {
    store: &'a SqlStore<C>,
    deadline: &'a Deadline,
    wanted: Wanted,
    action: fn(DateTime<Utc>) -> Action,
}

/// What has to be due of the cases.
#[derive(Debug, Clone, Copy)]
enum Wanted {
    /// An attempt of a reversal that is leased to nobody.
    Attempts,
    /// A lookup that a deferred cancel waits for.
    Lookups(Lookups),
}

impl<C: SqlConnection> Due<'_, C> {
    /// Decides what is due in one transaction, or each by itself where that fails: one that cannot be decided holds up no other.
    fn decide(&self, (now, within): (DateTime<Utc>, TimeDelta), limit: u32) -> Result<Vec<(Case, Reply)>, UnavailableError> {
        let writers = &self.store.writers;
        let together = in_transaction(&mut writers.take(self.deadline)?, |connection, session| {
            let (now, ids) = self.lock(connection, (now, within), limit)?;
            self.decide_locked((connection, session), (now, within), ids)
        });
        together.or_else(|failed| {
            warn!(error = %failed, "leasing what is due together failed: it is leased one by one");
            // A connection of its own: the last one may be lost.
            let lock = |connection: &mut C, _: &mut SessionFacts<C>| self.lock(connection, (now, within), limit);
            let due = in_transaction(&mut writers.take(self.deadline)?, lock);
            let (now, ids) = due.map_err(|error| unavailable(&error))?;
            self.one_by_one((now, within), ids)
        })
    }

    fn one_by_one(
        &self,
        (now, within): (DateTime<Utc>, TimeDelta),
        due: Vec<String>,
    ) -> Result<Vec<(Case, Reply)>, UnavailableError> {
        let writers = &self.store.writers;
        let begun = self.store.instant();
        let mut decided = Vec::new();
        for id in due {
            if writers.runner.since(begun) > ONE_BY_ONE_WITHIN {
                break;
            }
            let alone = in_transaction(&mut writers.take(self.deadline)?, |connection, session| {
                self.decide_locked((connection, session), (now, within), vec![id.clone()])
            });
            match alone {
                Ok(alone) => decided.extend(alone),
                Err(error) => {
                    error!(payment_request_id = %id, %error, "what is due of a case could not be leased: it is not tried (repair its rows)");
                }
            }
        }
        Ok(decided)
    }

    /// What is due by the earlier of the caller's clock and the engine's, and that moment: a fast clock must not end the leases of
    /// others.
    fn lock(
        &self,
        connection: &mut C,
        (now, within): (DateTime<Utc>, TimeDelta),
        limit: u32,
    ) -> Result<(DateTime<Utc>, Vec<String>), DieselError> {
        let store = self.store;
        let now = (store.engine.clock)(connection)?.map_or(now, |clock| now.min(clock));
        let due = match self.wanted {
            Wanted::Attempts => lock_attempts(store, connection, now, limit)?,
            Wanted::Lookups(Lookups::Due) => lock_lookups(store, connection, now, limit)?,
            Wanted::Lookups(Lookups::Later) => (store.engine.lock_lookups)(connection, Lookups::Later, now + within, limit)?,
        };
        Ok((now, due))
    }

    /// Locks these cases, loads them, and decides. The cases are as they were before, in the order in which they are due.
    fn decide_locked(
        &self,
        (connection, session): (&mut C, &mut SessionFacts<C>),
        (now, within): (DateTime<Utc>, TimeDelta),
        due: Vec<String>,
    ) -> Result<Vec<(Case, Reply)>, DieselError> {
        let store = self.store;
        let place = |case: &Case| due.iter().position(|id| id == case.id.as_str()).unwrap_or(due.len());
        let mut ids = due.clone();
        ids.sort();
        let Locked { rows, .. } = store.engine.lock_and_load(connection, session, (&CaseKey::of_all(&ids), &[]))?;
        let cases = rows.clone().into_readable("what is due of it is not tried");
        let command = |case: &Case| {
            let moment = now + spread(within, (place(case), due.len()));
            Command { id: case.id.clone(), at: now, action: (self.action)(moment) }
        };
        let commands: Vec<_> = cases.iter().map(command).collect();
        let decided = decide_all(&store.policy, rows, &commands);
        store.engine.record(connection, &decided.writes())?;
        let outcomes = cases.into_iter().zip(decided.outcomes);
        let known = |(case, outcome): (Case, Result<Decided, UnavailableError>)| Some((case, outcome.ok()?.reply));
        let mut decided: Vec<_> = outcomes.filter_map(known).collect();
        decided.sort_by_key(|(case, _)| place(case));
        Ok(decided)
    }
}

/// Attempts that are due; also those that wait for longer than any wait lasts, as [`domain::Reversal::is_due`] says.
fn lock_attempts<C: SqlConnection>(
    store: &SqlStore<C>,
    connection: &mut C,
    now: DateTime<Utc>,
    limit: u32,
) -> Result<Vec<String>, DieselError> {
    let micros = |moment: DateTime<Utc>| moment.timestamp_micros();
    let is_due = DueWindow {
        after: i64::MIN,
        until: micros(now),
        lease_ended: micros(now),
        lease_impossible: micros(now + store.policy.lease + CLOCKS_APART),
    };
    let mut due = (store.engine.lock_due)(connection, &is_due, limit)?;
    let left = limit.saturating_sub(u32::try_from(due.len()).unwrap_or(limit));
    if left > 0 {
        // A statement of its own, because each of the two reads one end of the index. Almost always this end is empty.
        let waits_too_long = DueWindow { after: micros(now + LONGEST_WAIT + CLOCKS_APART), until: i64::MAX, ..is_due };
        due.extend((store.engine.lock_due)(connection, &waits_too_long, left)?);
    }
    Ok(due)
}

/// Lookups that are due; also those that wait for longer than any wait lasts, as [`domain::is_over`] says.
fn lock_lookups<C: SqlConnection>(
    store: &SqlStore<C>,
    connection: &mut C,
    now: DateTime<Utc>,
    limit: u32,
) -> Result<Vec<String>, DieselError> {
    let mut due = (store.engine.lock_lookups)(connection, Lookups::Due, now, limit)?;
    let left = limit.saturating_sub(u32::try_from(due.len()).unwrap_or(limit));
    if left > 0 {
        due.extend((store.engine.lock_lookups)(connection, Lookups::Later, now + LONGEST_WAIT + CLOCKS_APART, left)?);
    }
    Ok(due)
}
