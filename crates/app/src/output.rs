//! What a command says on standard output, and the one sentence that says why it failed.

use std::fmt;
use std::io::{self, Write};

use crate::settings::SettingError;

/// Why a command failed: one sentence for the person who called it.
#[derive(Debug)]
pub(crate) struct CliError(String);

impl CliError {
    pub(crate) fn new(sentence: impl Into<String>) -> Self {
        Self(sentence.into())
    }
}

impl fmt::Display for CliError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl From<SettingError> for CliError {
    fn from(wrong: SettingError) -> Self {
        Self(wrong.to_string())
    }
}

/// Writes one or more lines to standard output. A reader that has gone away (`rescind explain ID | head`) is not an error.
pub(crate) fn print_line(text: impl fmt::Display) -> Result<(), CliError> {
    let mut out = io::stdout().lock();
    match writeln!(out, "{text}").and_then(|()| out.flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            Err(CliError(format!("standard output cannot be written: {error}")))
        }
        Ok(()) | Err(_) => Ok(()),
    }
}

/// Writes a failure's sentence to standard error.
pub(crate) fn print_error(failure: &CliError) {
    // Where even that cannot be written, the exit code is all that is left.
    let _ = writeln!(io::stderr().lock(), "rescind: {failure}");
}
