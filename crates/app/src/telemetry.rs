//! Log lines: JSON, or human-readable ones on a terminal. They are written by a thread of their own: a log that is not read, or a
//! full disk under it, costs lines and never an answer.

use std::fs::File;
use std::io::{self, IsTerminal, Write, stderr};

use tracing_appender::non_blocking::WorkerGuard;
use tracing_subscriber::EnvFilter;

use crate::output::CliError;

/// Everything from "info" on, but for the HTTP server's own account of its workers.
const DEFAULT: &str = "info,actix_server=warn";

/// Where log lines go.
pub(crate) enum LogTo {
    /// Standard error.
    Stderr,
    /// A file of its own, always as JSON.
    File(File),
}

/// How many bytes of lines are gathered at most.
const GATHERED: usize = 64 * 1024;

/// Writes what has gathered in one piece whenever the thread that writes has nothing more to do. Lines that cannot be written are lost:
/// keeping them would only lose later ones.
struct Gathering<W> {
    to: W,
    lines: Vec<u8>,
}

impl<W: Write> Gathering<W> {
    fn new(to: W) -> Self {
        Self { to, lines: Vec::new() }
    }
}

impl<W: Write> Write for Gathering<W> {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        self.lines.extend_from_slice(line);
        if self.lines.len() >= GATHERED {
            self.flush()?;
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        // No reader is left for this failure.
        let _ = self.to.write_all(&self.lines);
        self.lines.clear();
        Ok(())
    }
}

/// The thread that writes; dropped, it writes what is left.
pub(crate) type Writing = WorkerGuard;

/// Starts logging. `RESCIND_LOG`, else `RUST_LOG`, says what is logged, in the syntax of tracing's `EnvFilter`; without them
/// [`DEFAULT`].
pub(crate) fn start(to: LogTo) -> Result<Writing, CliError> {
    let filter = filter()?;
    let ((writer, writing), readable) = match to {
        LogTo::Stderr => (tracing_appender::non_blocking(Gathering::new(stderr())), stderr().is_terminal()),
        LogTo::File(file) => (tracing_appender::non_blocking(Gathering::new(file)), false),
    };
    let lines = tracing_subscriber::fmt().with_env_filter(filter).with_writer(writer).with_ansi(readable);
    // Otherwise a line that cannot be written is reported on standard error, and where that is gone the thread that logs panics.
    let lines = lines.log_internal_errors(false);
    let started = if readable { lines.try_init() } else { lines.json().flatten_event(true).try_init() };
    started.map_err(|error| CliError::new(format!("logging cannot start: {error}")))?;
    Ok(writing)
}

fn filter() -> Result<EnvFilter, CliError> {
    for name in ["RESCIND_LOG", "RUST_LOG"] {
        let Some(text) = std::env::var_os(name).filter(|text| !text.is_empty()) else { continue };
        let text = text.to_string_lossy();
        return EnvFilter::try_new(with_quiet_server(&text)).map_err(|error| {
            CliError::new(format!(
                "{name} is {text:?}, but must be a filter such as \"info\" or \"info,use_cases=debug\": {error}"
            ))
        });
    }
    Ok(EnvFilter::new(with_quiet_server(DEFAULT)))
}

/// Without the HTTP server's lines, unless they are asked for: an error for each request that it cannot read, of which anybody can send any
/// number.
fn with_quiet_server(filter: &str) -> String {
    if filter.contains("actix_http") { filter.to_owned() } else { format!("{filter},actix_http=off") }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Takes pieces, or refuses them.
    struct Place {
        pieces: Vec<String>,
        full: bool,
    }

    impl Write for Place {
        fn write(&mut self, piece: &[u8]) -> io::Result<usize> {
            if self.full {
                return Err(io::ErrorKind::StorageFull.into());
            }
            self.pieces.push(String::from_utf8_lossy(piece).into_owned());
            Ok(piece.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn f68_the_server_says_nothing_of_strangers_unless_it_is_asked() {
        assert_eq!(with_quiet_server("warn"), "warn,actix_http=off");
        assert_eq!(with_quiet_server("warn,actix_http=error"), "warn,actix_http=error");
        for filter in [DEFAULT, "warn", "use_cases=debug", "error,actix_http=trace"] {
            assert!(EnvFilter::try_new(with_quiet_server(filter)).is_ok(), "{filter}");
        }
    }

    #[test]
    fn lines_that_gathered_are_written_in_one_piece_and_those_for_a_full_disk_are_lost() {
        let mut gathering = Gathering::new(Place { pieces: vec![], full: false });
        let mut write = |full: bool, lines: &[&str]| {
            gathering.to.full = full;
            lines.iter().for_each(|line| gathering.write_all(line.as_bytes()).unwrap());
            gathering.flush().unwrap();
            std::mem::take(&mut gathering.to.pieces)
        };
        assert_eq!(write(false, &["a\n", "b\n"]), ["a\nb\n"]);
        assert!(write(true, &["c\n"]).is_empty());
        assert_eq!(write(false, &["d\n"]), ["d\n"]);
        let long = "x".repeat(GATHERED);
        assert_eq!(write(false, &[&long, "e\n"]), [&long, "e\n"]);
    }
}
