//! Log lines: JSON, or human-readable ones on a terminal. They are written by a thread of their own: a log that nobody reads, or a
//! full disk under it, costs lines and never an answer.

use std::fs::File;
use std::io::{IsTerminal, stderr};

use tracing_appender::non_blocking::WorkerGuard;
use tracing_subscriber::EnvFilter;

use crate::output::Failure;

/// Everything from "info" on, but for the HTTP server's own account of its workers.
const DEFAULT: &str = "info,actix_server=warn";

/// Where log lines go.
pub(crate) enum LogTo {
    /// Standard error.
    Stderr,
    /// A file of its own, always as JSON.
    File(File),
}

/// The thread that writes; dropped, it writes what is left.
pub(crate) type Writing = WorkerGuard;

/// Starts logging. `RESCIND_LOG`, else `RUST_LOG`, says what is logged, in the syntax of tracing's `EnvFilter`; without them
/// [`DEFAULT`].
pub(crate) fn start(to: LogTo) -> Result<Writing, Failure> {
    let filter = filter()?;
    let ((writer, writing), readable) = match to {
        LogTo::Stderr => (tracing_appender::non_blocking(stderr()), stderr().is_terminal()),
        LogTo::File(file) => (tracing_appender::non_blocking(file), false),
    };
    let lines = tracing_subscriber::fmt().with_env_filter(filter).with_writer(writer).with_ansi(readable);
    // Otherwise a line that cannot be written is told of on standard error, and where that is gone the thread that logs panics.
    let lines = lines.log_internal_errors(false);
    let started = if readable { lines.try_init() } else { lines.json().flatten_event(true).try_init() };
    started.map_err(|error| Failure::new(format!("logging cannot start: {error}")))?;
    Ok(writing)
}

fn filter() -> Result<EnvFilter, Failure> {
    for name in ["RESCIND_LOG", "RUST_LOG"] {
        let Some(text) = std::env::var_os(name).filter(|text| !text.is_empty()) else { continue };
        let text = text.to_string_lossy();
        return EnvFilter::try_new(&text).map_err(|error| {
            Failure::new(format!(
                "{name} is {text:?}, but must be a filter such as \"info\" or \"info,use_cases=debug\": {error}"
            ))
        });
    }
    Ok(EnvFilter::new(DEFAULT))
}
