//! The cases on PostgreSQL and on SQLite, with the embedded ledger.
//!
//! [`Database`] is opened from settings, migrated and checked; its [`Database::store`] keeps the promises of
//! [`ports::CancellationStore`], its [`Database::settlements`] those of [`ports::SettlementStore`]. One batch is one transaction on either engine: lock, load, decide, record, commit. The statements
//! of the two engines are written by hand, their rows and what these mean are shared.

mod batch;
mod columns;
mod database;
mod days;
mod deployment;
mod dialect;
mod leases;
mod metrics;
mod migrations;
mod pool;
mod postgres;
mod reads;
mod rows;
mod schema;
mod settlement;
mod sqlite;
mod statement;
mod store;

pub use database::{Database, DatabaseError, DatabaseSettings};
pub use deployment::DeploymentPolicy;
