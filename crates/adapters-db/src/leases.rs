//! What the worker takes: reversals that are due, leased to the process that asks.

use std::time::Duration;

use chrono::{DateTime, Utc};
use diesel::result::Error as DieselError;
use domain::{Action, Case, Command, LeaseReply, Reply};
use ports::{Decided, LeasedReversal, UnavailableError};
use tracing::{error, warn};

use crate::batch::decide_all;
use crate::deadline::Deadline;
use crate::engine::{Locked, SqlConnection};
use crate::pool::unavailable;
use crate::rows::CaseKey;
use crate::session::SessionFacts;
use crate::store::SqlStore;
use crate::transaction::in_transaction;

/// How long reversals are leased one by one: the worker comes again soon.
const ONE_BY_ONE_WITHIN: Duration = Duration::from_secs(3);

/// Leases what is due in one transaction, or each by itself where that fails: one that cannot be leased holds up no other.
pub(crate) fn lease_due<C: SqlConnection>(
    store: &SqlStore<C>,
    now: DateTime<Utc>,
    limit: u32,
    deadline: &Deadline,
) -> Result<Vec<LeasedReversal>, UnavailableError> {
    let together = in_transaction(&mut store.writers.take(deadline)?, |connection, session| {
        let (now, ids) = lock_due(store, connection, (now, limit))?;
        lease(store, (connection, session), now, ids)
    });
    together.or_else(|failed| {
        warn!(error = %failed, "leasing the due reversals together failed: they are leased one by one");
        // A connection of its own: the last one may be lost.
        let due = in_transaction(&mut store.writers.take(deadline)?, |connection, _| lock_due(store, connection, (now, limit)));
        one_by_one(store, due.map_err(|error| unavailable(&error))?, deadline)
    })
}

fn one_by_one<C: SqlConnection>(
    store: &SqlStore<C>,
    (now, due): (DateTime<Utc>, Vec<String>),
    deadline: &Deadline,
) -> Result<Vec<LeasedReversal>, UnavailableError> {
    let begun = store.instant();
    let mut leased = Vec::new();
    for id in due {
        if store.writers.runner.since(begun) > ONE_BY_ONE_WITHIN {
            break;
        }
        let alone = in_transaction(&mut store.writers.take(deadline)?, |connection, session| {
            lease(store, (connection, session), now, vec![id.clone()])
        });
        match alone {
            Ok(alone) => leased.extend(alone),
            Err(error) => {
                error!(payment_request_id = %id, %error, "a due reversal could not be leased: it is not tried (repair its rows)");
            }
        }
    }
    Ok(leased)
}

/// What is due by the earlier of the caller's clock and the engine's, and that moment: a fast clock must not end the leases of others.
fn lock_due<C: SqlConnection>(
    store: &SqlStore<C>,
    connection: &mut C,
    (now, limit): (DateTime<Utc>, u32),
) -> Result<(DateTime<Utc>, Vec<String>), DieselError> {
    let now = (store.engine.clock)(connection)?.map_or(now, |clock| now.min(clock));
    Ok((now, (store.engine.lock_due)(connection, now, limit)?))
}

/// Locks these cases, loads them, and leases the next attempt of those that are still due.
fn lease<C: SqlConnection>(
    store: &SqlStore<C>,
    (connection, session): (&mut C, &mut SessionFacts<C>),
    now: DateTime<Utc>,
    due: Vec<String>,
) -> Result<Vec<LeasedReversal>, DieselError> {
    let mut ids = due.clone();
    ids.sort();
    let Locked { rows, .. } = store.engine.lock_and_load(connection, session, (&CaseKey::of_all(&ids), &[]))?;
    let cases = rows.clone().into_readable("its due reversal is not tried");
    let attempt = |case: &Case| Command { id: case.id.clone(), at: now, action: Action::LeaseAttempt };
    let commands: Vec<_> = cases.iter().map(attempt).collect();
    let decided = decide_all(&store.policy, rows, &commands);
    store.engine.record(connection, &decided.writes())?;
    let leased = |(case, outcome): (Case, Result<Decided, UnavailableError>)| match (case.reversal_request(), outcome) {
        (Some(request), Ok(Decided { reply: Reply::Lease(LeaseReply::Leased(attempt)), .. })) => {
            Some(LeasedReversal { request, attempt })
        }
        (Some(_) | None, Ok(_) | Err(_)) => None,
    };
    let mut leased: Vec<_> = cases.into_iter().zip(decided.outcomes).filter_map(leased).collect();
    // Locked in the order of ids, and begun in the order in which they are due.
    leased.sort_by_key(|leased| due.iter().position(|id| id == leased.request.id.as_str()));
    Ok(leased)
}
