//! The service that a mobile wallet runs to answer Alipay+'s `cancelPayment`: settings, wiring and the command line.

mod cli;
mod clock;
mod demo;
mod events;
mod explain;
mod health;
mod keys;
mod metrics;
mod output;
mod reload;
mod reversals;
mod serve;
mod settings;
mod settlement;
mod telemetry;
mod wiring;

use std::process::ExitCode;

fn main() -> ExitCode {
    match cli::run() {
        Ok(code) => code,
        Err(failure) => {
            output::print_error(&failure);
            ExitCode::FAILURE
        }
    }
}
