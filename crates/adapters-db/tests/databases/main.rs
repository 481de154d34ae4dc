//! What the databases promise, on real ones: a PostgreSQL server and files of SQLite's.
#![cfg(test)]

mod given;

mod benches;
mod clocks;
mod constraints;
mod contract;
mod migrations;
mod outages;
mod proxy;
mod rows;
mod served;
mod sqlite;
mod standby;
mod statements;
