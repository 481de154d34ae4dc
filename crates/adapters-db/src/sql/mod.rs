//! SQL as text: the list of a row's columns, the statements made from it, and statements that a connection prepares once.

mod columns;
mod statement;
mod upsert;

pub(crate) use columns::{Cell, Column, TableRow, columns};
pub(crate) use statement::{PARAMETER, SqlStatement};
pub(crate) use upsert::{each_name, insert, update, upsert};
