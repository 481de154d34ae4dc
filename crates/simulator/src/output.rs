//! What a command says on standard output, and the one sentence that says why it failed.

use std::fmt;
use std::io::{self, Write};
use std::path::Path;

/// Why a command failed: one sentence for the person who called it.
#[derive(Debug)]
pub(crate) struct CommandError(String);

impl CommandError {
    pub(crate) fn new(sentence: impl Into<String>) -> Self {
        Self(sentence.into())
    }
}

impl fmt::Display for CommandError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Writes one or more lines to standard output. A reader that has gone away (`alipayplus-sim … | head`) is no failure.
pub(crate) fn say(text: impl fmt::Display) -> Result<(), CommandError> {
    let mut out = io::stdout().lock();
    match writeln!(out, "{text}").and_then(|()| out.flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            Err(CommandError(format!("standard output cannot be written: {error}")))
        }
        Ok(()) | Err(_) => Ok(()),
    }
}

/// Writes a failure's sentence to standard error.
pub(crate) fn complain(failure: &CommandError) {
    // Where even that cannot be written, the exit code is all that is left.
    let _ = writeln!(io::stderr().lock(), "alipayplus-sim: {failure}");
}

/// Reads a file whose absence ends the command.
pub(crate) fn read(file: &Path) -> Result<Vec<u8>, CommandError> {
    std::fs::read(file).map_err(|error| CommandError(format!("{} cannot be read: {error}", file.display())))
}
