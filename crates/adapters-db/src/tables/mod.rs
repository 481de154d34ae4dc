//! What the tables are asked: the same queries on every engine. They are written once, and made for each type of connection.

mod cases;
mod days;

pub(crate) use cases::{CaseTables, HalfBalance, is_unfinished};
pub(crate) use days::{DayTables, Due};
