//! Closed days in a database, as the port promises them.

use async_trait::async_trait;
use diesel::result::Error as DieselError;
use domain::{Action, Case, ClearingDay, Command, CommandReply, DayClosing, PaymentRequestId, RefundRequestId};
use ports::{ClosedDay, Decided, DuePosition, Page, SettlementStore, Step, StepOutcome, UnavailableError};

use crate::batch::decide_all;
use crate::deadline::Deadline;
use crate::engine::{Engine, Locked, SqlConnection};
use crate::pool::{Loan, unavailable};
use crate::rows::{CaseKey, DayRow, InconsistentRowError, LoadedRows, RowRef, inconsistent};
use crate::session::SessionFacts;
use crate::store::SqlStore;
use crate::tables::{DayTables, Due};
use crate::transaction::{in_transaction, read};
use crate::writes::ensure_written;

/// A step's outcome, if the database did not fail.
type Stepped = Result<StepOutcome, UnavailableError>;

/// One step in one transaction: lock the day, find what is due, lock and load it, decide, record, commit.
fn step<C: SqlConnection>(store: &SqlStore<C>, (closing, step): (&DayClosing, &Step), deadline: &Deadline) -> Stepped {
    let stepped = in_transaction(&mut store.writers.take(deadline)?, |connection, session| {
        // Index entries of what was just taken in are passed over one by one, until they are vacuumed.
        (store.engine.take_time)(connection)?;
        let mut day = connection.lock_day(closing.day)?;
        if day.closed_at.is_some() {
            return Ok(Ok(StepOutcome::Closed));
        }
        let begins = closing.first.begins().timestamp_micros();
        let after = step.after.as_ref().map_or((begins, ""), |after| (after.completed_at.timestamp_micros(), after.id.as_str()));
        let due = connection.due(closing.day, after, i64::from(step.limit))?;
        if let Some(refusal) = settle((store, connection, session), (closing, step), &due)? {
            return Ok(refusal);
        }
        if !due.is_empty() {
            day.revision += 1;
            write_day(connection, &day)?;
        }
        let last = due.last().map(position).transpose().map_err(inconsistent);
        Ok(last.map(|last| StepOutcome::Taken { last, revision: day.revision }))
    });
    stepped.unwrap_or_else(|error| Err(unavailable(&error)))
}

fn write_day(connection: &mut impl DayTables, day: &DayRow) -> Result<(), DieselError> {
    ensure_written("settlement_days", 1, connection.write_day(day)?)
}

/// Decides every case, and writes what was decided unless one of them refuses: then that is the step's outcome.
fn settle<C: SqlConnection>(
    (store, connection, session): (&SqlStore<C>, &mut C, &mut SessionFacts<C>),
    (closing, step): (&DayClosing, &Step),
    due: &[Due],
) -> Result<Option<Stepped>, DieselError> {
    let mut ids: Vec<_> = due.iter().map(|due| due.payment_request_id.clone()).collect();
    ids.sort();
    ids.dedup();
    if ids.is_empty() {
        return Ok(None);
    }
    let Locked { rows, now, .. } = store.engine.lock_and_load(connection, session, (&CaseKey::of_all(&ids), &[]))?;
    // A fast clock must not close a day whose payments can still be cancelled.
    let at = now.map_or(step.at, |now| step.at.min(now));
    let command = |id: &String| {
        let row = RowRef { table: "cases", id };
        let id = row.parsed("payment_request_id", PaymentRequestId::parse(row.id))?;
        Ok::<_, InconsistentRowError>(Command { id, at, action: Action::Settle(*closing) })
    };
    let commands: Vec<_> = match ids.iter().map(command).collect() {
        Ok(commands) => commands,
        Err(unreadable) => return Ok(Some(Err(inconsistent(unreadable)))),
    };
    let decided = decide_all(&store.policy, rows, &commands);
    for (command, outcome) in commands.into_iter().zip(decided.outcomes.iter().cloned()) {
        match outcome.map(Decided::typed::<CommandReply>) {
            Ok(Ok(Decided { reply: CommandReply::Done(_), .. })) => {}
            Ok(Ok(Decided { reply: CommandReply::Conflict(why), .. })) => {
                return Ok(Some(Ok(StepOutcome::Blocked { id: command.id, why })));
            }
            Ok(
                Ok(Decided {
                    reply: CommandReply::NotFound { .. } | CommandReply::RefundedElsewhere | CommandReply::PaymentsAreTheCores,
                    ..
                })
                | Err(_),
            ) => {
                return Ok(Some(Err(inconsistent(format!("{} was not decided as a settlement", command.id)))));
            }
            Err(unreadable) => return Ok(Some(Err(unreadable))),
        }
    }
    store.engine.record(connection, &decided.writes())?;
    Ok(None)
}

fn position(due: &Due) -> Result<DuePosition, InconsistentRowError> {
    let row = RowRef { table: "cases", id: &due.payment_request_id };
    let completed_at = row.moment("completed_at", due.completed_at)?;
    Ok(DuePosition { completed_at, id: row.parsed("payment_request_id", PaymentRequestId::parse(row.id))? })
}

/// Closes the day, if it is as its statement knows it.
fn close<C: SqlConnection>(loan: &mut Loan<C>, closed: &ClosedDay, revision: i64) -> Result<bool, DieselError> {
    in_transaction(loan, |connection, _| {
        let day = connection.lock_day(closed.statement.day)?;
        if day.closed_at.is_some() || day.revision != revision {
            return Ok(false);
        }
        write_day(connection, &day.closed(closed))?;
        Ok(true)
    })
}

/// The days until `last` that are open and have something to take in: what completed on them, or on closed days right before them.
fn open_until<C: SqlConnection>(
    engine: &Engine<C>,
    connection: &mut C,
    last: ClearingDay,
) -> Result<Vec<ClearingDay>, DieselError> {
    // Index entries of what was taken in before are passed over one by one, until they are vacuumed.
    (engine.take_time)(connection)?;
    let (mut open, mut after) = (Vec::new(), i64::MIN);
    while let Some(due) = connection.due(last, (after, ""), 1)?.pop() {
        let completed_at =
            position(&due).map_err(|unreadable| DieselError::DeserializationError(unreadable.into()))?.completed_at;
        let mut day = ClearingDay::of(completed_at);
        while connection.day(day)?.is_some_and(|row| row.closed_at.is_some()) {
            day = day.next();
        }
        if day > last {
            break;
        }
        open.push(day);
        after = day.ends().timestamp_micros();
    }
    Ok(open)
}

/// Every case or none: a sum of some must not be taken for the sum of all.
fn all(rows: LoadedRows) -> Result<Vec<Case>, UnavailableError> {
    rows.into_cases().into_iter().map(|loaded| loaded.case.map_err(inconsistent)).collect()
}

impl<C: SqlConnection> SqlStore<C> {
    /// The cases of the ids that `ids_of` finds, or none where one of them is not found by its key.
    async fn all_named<W>(&self, ids_of: W) -> Result<Vec<Case>, UnavailableError>
    where
        W: FnOnce(&mut C) -> Result<Vec<String>, DieselError> + Send + 'static,
    {
        let loaded = read(&self.readers, move |connection: &mut C| {
            let ids = ids_of(connection)?;
            Ok((ids.len(), connection.load(&CaseKey::of_all(&ids))?))
        });
        let (named, rows) = loaded.await?;
        if rows.cases.len() != named {
            return Err(inconsistent(format!("{} of {named} cases are found by their keys", rows.cases.len())));
        }
        all(rows)
    }
}

#[async_trait]
impl<C: SqlConnection> SettlementStore for SqlStore<C> {
    async fn closed_day(&self, day: ClearingDay) -> Result<Option<ClosedDay>, UnavailableError> {
        let row = read(&self.readers, move |connection: &mut C| connection.day(day)).await?;
        row.map_or(Ok(None), |row| row.into_closed().map_err(inconsistent))
    }

    async fn closing(&self, day: ClearingDay) -> Result<DayClosing, UnavailableError> {
        let closed = read(&self.readers, move |connection: &mut C| connection.closed_days_before(day)).await?;
        let closed: Result<Vec<_>, _> = closed.iter().map(|closed| ClearingDay::parse(closed)).collect();
        Ok(DayClosing::following(day, closed.map_err(inconsistent)?))
    }

    async fn assign_to_day(&self, closing: &DayClosing, step: &Step) -> Stepped {
        let (store, closing, step) = (self.clone(), *closing, step.clone());
        self.writers.blocking(move |deadline| self::step(&store, (&closing, &step), deadline)).await
    }

    async fn accounted(&self, day: ClearingDay, page: &Page) -> Result<Vec<Case>, UnavailableError> {
        let page = page.clone();
        self.all_named(move |connection| connection.accounted_ids(day, &page)).await
    }

    async fn close(&self, closed: &ClosedDay, revision: i64) -> Result<bool, UnavailableError> {
        let (pool, closed) = (self.writers.clone(), closed.clone());
        self.writers
            .blocking(move |deadline| close(&mut pool.take(deadline)?, &closed, revision).map_err(|error| unavailable(&error)))
            .await
    }

    async fn open_before(&self, day: ClearingDay) -> Result<Vec<ClearingDay>, UnavailableError> {
        let Some(last) = day.previous() else { return Ok(Vec::new()) };
        let engine = self.engine;
        read(&self.readers, move |connection: &mut C| open_until(engine, connection, last)).await
    }

    async fn find_all(&self, ids: &[PaymentRequestId]) -> Result<Vec<Case>, UnavailableError> {
        let ids: Vec<_> = ids.iter().map(PaymentRequestId::to_string).collect();
        all(read(&self.readers, move |connection: &mut C| connection.load(&CaseKey::of_all(&ids))).await?)
    }

    async fn find_refunded(&self, ids: &[RefundRequestId]) -> Result<Vec<Case>, UnavailableError> {
        let refunds: Vec<_> = ids.iter().map(RefundRequestId::to_string).collect();
        self.all_named(move |connection| connection.refunded_ids(&refunds)).await
    }
}
