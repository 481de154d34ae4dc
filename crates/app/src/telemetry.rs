//! Log lines: JSON, or human-readable ones on a terminal.

use std::fs::File;
use std::io::{IsTerminal, stderr};

use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::writer::BoxMakeWriter;

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

/// Starts logging. `RESCIND_LOG`, else `RUST_LOG`, says what is logged, in the syntax of tracing's `EnvFilter`; without them
/// [`DEFAULT`].
pub(crate) fn start(to: LogTo) -> Result<(), Failure> {
    let filter = filter()?;
    let (writer, readable) = match to {
        LogTo::Stderr => (BoxMakeWriter::new(stderr), stderr().is_terminal()),
        LogTo::File(file) => (BoxMakeWriter::new(std::sync::Mutex::new(file)), false),
    };
    let lines = tracing_subscriber::fmt().with_env_filter(filter).with_writer(writer).with_ansi(readable);
    let started = if readable { lines.try_init() } else { lines.json().flatten_event(true).try_init() };
    started.map_err(|error| Failure::new(format!("logging cannot start: {error}")))
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
