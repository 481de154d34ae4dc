//! What the worker takes: reversals that are due, leased to whoever asks.

use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};
use diesel::result::Error as DieselError;
use domain::{Action, Case, Command, LeaseReply, Policy, Reply};
use ports::{Decided, LeasedReversal, UnavailableError};
use tracing::{error, warn};

use crate::batch::{BatchResult, decide_all};
use crate::dialect::Dialect;
use crate::pool::{Connections, unavailable};
use crate::store::{in_transaction, readable};

/// How long reversals are leased one by one: the worker comes again soon.
const ONE_BY_ONE_WITHIN: Duration = Duration::from_secs(3);

/// Leases what is due in one transaction, or each by itself where that fails: one that cannot be leased holds up no other.
pub(crate) fn lease_due<C: Dialect>(
    pool: &Connections<C>,
    policy: &Policy,
    now: DateTime<Utc>,
    limit: u32,
) -> Result<Vec<LeasedReversal>, UnavailableError> {
    let together = in_transaction(&mut *pool.take()?, |connection| {
        let now = by_its_clock(connection, now)?;
        let ids = connection.lock_due(now, limit)?;
        lease(connection, policy, now, ids)
    });
    together.or_else(|failed| {
        warn!(error = %failed, "reversals that are due are claimed one by one");
        // A connection of its own: the last one may be lost.
        let due = in_transaction(&mut *pool.take()?, |connection| {
            let now = by_its_clock(connection, now)?;
            Ok((now, connection.lock_due(now, limit)?))
        });
        one_by_one(pool, policy, due.map_err(|error| unavailable(&error))?)
    })
}

fn one_by_one<C: Dialect>(
    pool: &Connections<C>,
    policy: &Policy,
    (now, due): (DateTime<Utc>, Vec<String>),
) -> Result<Vec<LeasedReversal>, UnavailableError> {
    let begun = Instant::now();
    let mut claims = Vec::new();
    for id in due {
        if begun.elapsed() > ONE_BY_ONE_WITHIN {
            break;
        }
        let alone = in_transaction(&mut *pool.take()?, |connection| lease(connection, policy, now, vec![id.clone()]));
        match alone {
            Ok(claim) => claims.extend(claim),
            Err(met) => error!(payment_request_id = %id, error = %met, "a reversal that is due could not be claimed"),
        }
    }
    Ok(claims)
}

/// The earlier of the caller's clock and the engine's: a fast clock must not end the leases of others.
fn by_its_clock<C: Dialect>(connection: &mut C, now: DateTime<Utc>) -> Result<DateTime<Utc>, DieselError> {
    Ok(connection.clock()?.map_or(now, |clock| now.min(clock)))
}

/// Locks these cases, loads them, and leases the next attempt of those that are still due.
fn lease<C: Dialect>(
    connection: &mut C,
    policy: &Policy,
    now: DateTime<Utc>,
    mut ids: Vec<String>,
) -> Result<Vec<LeasedReversal>, DieselError> {
    ids.sort();
    let found = connection.lock_and_load(&ids, &[])?;
    let cases = readable(found.clone(), "due, and never tried");
    let attempt = |case: &Case| Command { id: case.id.clone(), at: now, action: Action::LeaseAttempt };
    let BatchResult { outcomes, writes, metrics: _ } = decide_all(policy, found, &cases.iter().map(attempt).collect::<Vec<_>>());
    if !writes.is_empty() {
        connection.write(&writes)?;
    }
    let claimed = |(case, outcome): (Case, Result<Decided, UnavailableError>)| match (case.reversal_request(), outcome) {
        (Some(reversal_request), Ok(Decided { reply: Reply::Lease(LeaseReply::Leased(attempt)), .. })) => {
            Some(LeasedReversal { request: reversal_request, attempt })
        }
        (Some(_) | None, Ok(_) | Err(_)) => None,
    };
    Ok(cases.into_iter().zip(outcomes).filter_map(claimed).collect())
}
