//! Transactions, as each type of connection makes them.

use diesel::Connection;
use diesel::pg::PgConnection;
use diesel::r2d2::R2D2Connection;
use diesel::result::Error as DieselError;
use diesel::sqlite::SqliteConnection;
use ports::UnavailableError;

use crate::pool::{Connections, blocking, throw_away_after, unavailable};

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

/// A transaction that may write, and that reports the first cause of its failure: a full disk or a lost server makes the rollback
/// fail as well, and diesel would report only that.
pub(crate) fn in_transaction<C: R2D2Connection + Transactions, T>(
    connection: &mut C,
    work: impl FnOnce(&mut C) -> Result<T, DieselError>,
) -> Result<T, DieselError> {
    let mut cause = None;
    let done = connection.writing(|connection| {
        work(connection).map_err(|error| {
            cause = Some(error);
            DieselError::RollbackTransaction
        })
    });
    done.map_err(|error| {
        let cause = cause.unwrap_or(error);
        throw_away_after(connection, &cause);
        cause
    })
}

/// Reads one state of the database with any number of queries.
pub(crate) async fn read<C, T, W>(pool: &Connections<C>, work: W) -> Result<T, UnavailableError>
where
    C: R2D2Connection + Transactions,
    T: Send + 'static,
    W: FnOnce(&mut C) -> Result<T, DieselError> + Send + 'static,
{
    let pool = pool.clone();
    blocking(move || pool.take()?.reading(work).map_err(|error| unavailable(&error))).await
}
