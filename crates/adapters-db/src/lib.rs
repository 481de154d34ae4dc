//! The cases on PostgreSQL and on SQLite, with the embedded ledger.
//!
//! [`Database`] is opened from settings, migrated and checked; its [`Database::store`] keeps the promises of
//! [`ports::CancellationStore`], its [`Database::settlements`] those of [`ports::SettlementStore`]. One batch is one transaction on
//! every engine: lock, load, decide, record, commit. What an engine does in its own way is in its folder of `engines`; the rows and
//! what these mean are shared.

mod adoption;
mod backup;
mod batch;
mod cases;
mod database;
mod days;
mod deadline;
mod deployment;
mod engine;
mod engines;
mod feed;
mod file;
mod history;
mod leases;
mod metrics;
mod migrations;
mod pool;
mod rows;
mod runner;
mod schema;
mod session;
mod settings;
mod socket;
mod sql;
mod store;
mod tables;
mod transaction;
mod window;
mod writes;

pub use backup::Backup;
pub use database::Database;
pub use deployment::{Acceptance, AdoptionRequest, DeploymentPolicy};
pub use migrations::{Migrated, MigrationRun};
pub use runner::Runner;
pub use settings::{DatabaseError, DatabaseSettings};
