//! Where the cases are kept, and why that place cannot be used.

use std::fmt;
use std::time::Duration;

use crate::address::PasswordSource;

/// Where the cases are kept.
#[derive(Clone)]
pub struct DatabaseSettings {
    /// `sqlite://FILE` or `postgres://…`
    pub url: String,
    /// The password for PostgreSQL, where it does not stand in `url`.
    pub password: Option<PasswordSource>,
    /// How many connections at most.
    pub pool_size: u32,
    /// How long a batch, or a question, may take. Past it the connection is closed.
    pub answer_budget: Duration,
}

/// Why a database cannot be used; one sentence, without secrets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DatabaseError(pub(crate) String);

impl DatabaseError {
    /// The database itself reported an error.
    pub(crate) fn failed(error: impl fmt::Display) -> Self {
        Self(format!("the database failed: {error}"))
    }
}

impl fmt::Display for DatabaseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for DatabaseError {}
