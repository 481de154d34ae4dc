//! What the tables are asked: the same queries on every engine. They are written once, and made for each type of connection.

mod cases;
mod days;
mod deferrals;
mod search;

pub(crate) use cases::{CaseTables, HalfBalance, is_unfinished};
pub(crate) use days::{DayTables, Due};
pub(crate) use deferrals::{DUE_LOOKUPS, DeferralTables, LATER_LOOKUPS, UNSCHEDULED_LOOKUPS};
pub(crate) use search::{FoundPlace, FoundPlaces, SearchTables, find_places};
