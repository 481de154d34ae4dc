//! Transactions, as each type of connection makes them.

use std::time::Duration;

use diesel::Connection;
use diesel::pg::PgConnection;
use diesel::r2d2::R2D2Connection;
use diesel::result::Error as DieselError;
use diesel::sqlite::SqliteConnection;
use ports::UnavailableError;

use crate::pool::{Connections, Loan, unavailable};
use crate::runner::Runner;
use crate::session::{Fence, SessionFacts, UnconfirmedError, throw_away_after};

/// The two kinds of transaction.
pub(crate) trait Transactions: Sized {
    /// Runs `work` in a transaction that may write.
    fn writing<T>(&mut self, work: impl FnOnce(&mut Self) -> Result<T, DieselError>) -> Result<T, DieselError>;

    /// Runs `work`, which only reads, on one state of the database.
    fn reading<T>(&mut self, work: impl FnOnce(&mut Self) -> Result<T, DieselError>) -> Result<T, DieselError>;
}

impl Transactions for PgConnection {
    fn writing<T>(&mut self, work: impl FnOnce(&mut Self) -> Result<T, DieselError>) -> Result<T, DieselError> {
        self.transaction(work)
    }

    fn reading<T>(&mut self, work: impl FnOnce(&mut Self) -> Result<T, DieselError>) -> Result<T, DieselError> {
        self.build_transaction().repeatable_read().read_only().run(work)
    }
}

impl Transactions for SqliteConnection {
    /// A deferred transaction that reads first cannot wait for the lock when it comes to write: it fails as busy at once.
    fn writing<T>(&mut self, work: impl FnOnce(&mut Self) -> Result<T, DieselError>) -> Result<T, DieselError> {
        self.immediate_transaction(work)
    }

    fn reading<T>(&mut self, work: impl FnOnce(&mut Self) -> Result<T, DieselError>) -> Result<T, DieselError> {
        self.transaction(work)
    }
}

/// How long a commit takes at most, beyond which it is not believed to have waited for a standby: somebody may have cancelled that
/// wait, and libpq passes the warning on to nobody. The commit is believed once another one after it takes less.
const PROMPT: Duration = Duration::from_millis(250);

/// How many commits may follow one that is not believed.
const FENCES: usize = 3;

/// A transaction that may write, and that reports the first cause of its failure: a full disk or a lost server makes the rollback
/// fail as well, and diesel would report only that.
pub(crate) fn in_transaction<C: R2D2Connection + Transactions, T>(
    loan: &mut Loan<C>,
    work: impl FnOnce(&mut C, &mut SessionFacts<C>) -> Result<T, DieselError>,
) -> Result<T, DieselError> {
    let runner = loan.runner;
    let (connection, session) = loan.parts();
    session.begin();
    let (mut cause, mut worked_until) = (None, runner.instant());
    let done = connection.writing(|connection| {
        let worked = work(connection, session);
        worked_until = runner.instant();
        worked.map_err(|error| {
            cause = Some(error);
            DieselError::RollbackTransaction
        })
    });
    let done = done.map_err(|error| cause.unwrap_or(error)).and_then(|done| {
        if session.waits_for_standby() {
            confirm(connection, (session.fence, runner), runner.since(worked_until))?;
        }
        session.committed();
        Ok(done)
    });
    done.inspect_err(|error| throw_away_after(connection, error))
}

/// Whether a commit that took so long is at the standby. The log is written in one order: what was committed before a commit that the
/// standby has confirmed is there too.
fn confirm<C>(connection: &mut C, (fence, runner): (Fence<C>, Runner), mut took: Duration) -> Result<(), DieselError> {
    for _ in 0..FENCES {
        if took <= PROMPT {
            return Ok(());
        }
        let begun = runner.instant();
        fence(connection)?;
        took = runner.since(begun);
    }
    if took <= PROMPT { Ok(()) } else { Err(DieselError::SerializationError(Box::new(UnconfirmedError))) }
}

/// Reads one state of the database with any number of queries.
pub(crate) async fn read<C, T, W>(pool: &Connections<C>, work: W) -> Result<T, UnavailableError>
where
    C: R2D2Connection + Transactions,
    T: Send + 'static,
    W: FnOnce(&mut C) -> Result<T, DieselError> + Send + 'static,
{
    let from = pool.clone();
    pool.blocking(move |deadline| from.take(deadline)?.reading(work).map_err(|error| unavailable(&error))).await
}
