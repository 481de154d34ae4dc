//! SQL as text: the list of a row's columns, the statements made from it, and statements that a connection prepares once.

mod array;
mod columns;
mod json;
mod keyed;
mod question;
mod statement;
mod written;

pub(crate) use columns::{Cell, Column, Groups, TableRow, WriteMode, columns};
pub(crate) use json::json_of;
pub(crate) use keyed::{KeyArrays, KeysJson, OfCases};
pub(crate) use question::{BoundValue, Question, query_of};
pub(crate) use statement::{PARAMETER, SqlStatement, SqlText};
pub(crate) use written::{KEYS_ONLY, delete, each_name, insert, update, upsert};
