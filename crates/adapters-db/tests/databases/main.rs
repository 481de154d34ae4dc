//! What the databases promise, on real ones: a PostgreSQL server and files of SQLite's.
#![cfg(test)]
#![expect(clippy::disallowed_methods, reason = "a test stands outside and may measure real time")]

mod fixtures;
mod histories;

mod before;
mod benches;
mod callers;
mod clocks;
mod constraints;
mod contract;
mod deployment;
mod feed;
mod feed_load;
mod frozen;
mod full;
mod migrations;
mod outages;
mod pooler;
mod proxy;
mod rows;
mod secrets;
#[allow(dead_code, reason = "the tests of failovers use the rest")]
mod server;
mod sqlite;
mod standby;
mod statements;
mod synchronous;
mod upgrade;
