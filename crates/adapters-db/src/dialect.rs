//! What the two engines do differently.

use chrono::{DateTime, Utc};
use diesel::connection::Connection;
use diesel::r2d2::R2D2Connection;
use diesel::result::Error as DieselError;

use crate::batch::{LoadedRows, Writes};

/// The part of a batch that is written by hand for each engine.
pub(crate) trait Dialect: Connection + R2D2Connection + 'static {
    /// What every connection begins with.
    const PREPARE: &'static str;

    /// Runs `work` in a transaction that may write.
    fn writing<T>(&mut self, work: impl FnOnce(&mut Self) -> Result<T, DieselError>) -> Result<T, DieselError>;

    /// Lets the transaction that has begun take more time than an answer to Alipay+ may, but not without end.
    fn take_time(&mut self) -> Result<(), DieselError>;

    /// Runs `work`, which only looks, on one state of the database.
    fn reading<T>(&mut self, work: impl FnOnce(&mut Self) -> Result<T, DieselError>) -> Result<T, DieselError>;

    /// Whether cases could be written now.
    fn check_writable(&mut self) -> Result<(), DieselError>;

    /// Locks the cases of these ids, which are sorted, and loads them as they are under the lock. A case of `opening` is there
    /// afterwards, and locked, even if nothing was known of it.
    fn lock_and_load(&mut self, ids: &[String], opening: &[String]) -> Result<LoadedRows, DieselError>;

    /// Locks cases whose reversal is due and leased to nobody, the earliest due first, and passes over those that somebody else
    /// has locked.
    fn lock_due(&mut self, now: DateTime<Utc>, limit: u32) -> Result<Vec<String>, DieselError>;

    /// Writes what a batch decided.
    fn write(&mut self, writes: &Writes) -> Result<(), DieselError>;

    /// The time by the engine's own clock; `None` where it has none but ours.
    fn clock(&mut self) -> Result<Option<DateTime<Utc>>, DieselError>;
}
