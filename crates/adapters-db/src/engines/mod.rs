//! The engines. A new one is a folder here and an entry in [`ENGINES`].

mod postgres;
mod sqlite;

use crate::engine::AnyEngine;

/// Every engine. The scheme of a URL chooses one.
pub(crate) const ENGINES: &[&dyn AnyEngine] = &[&sqlite::SQLITE, &postgres::POSTGRES];
