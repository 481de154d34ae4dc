//! The command line. A command's arguments stand in its own module, beside what it does with them.

use std::future::Future;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::call::{self, CallArgs};
use crate::certify::{self, CoreCommand};
use crate::conformance::{self, ConformanceArgs};
use crate::keys::{self, KeysCommand};
use crate::load::{self, LoadArgs};
use crate::output::CommandError;
use crate::storm::{self, StormCommand};
use crate::wallet_core::{self, WalletCoreCommand};

/// Plays Alipay+ toward a wallet, over HTTP only.
#[derive(Parser)]
#[command(name = "alipayplus-sim", version)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Sends one signed cancelPayment and prints it with its answer
    Cancel(CallArgs),
    /// Sends one signed inquiryPayment and prints it with its answer
    Inquiry(CallArgs),
    /// Cancels under load while something is being broken, and checks that every answer was true
    #[command(subcommand)]
    Storm(StormCommand),
    /// Makes the keys of Alipay+'s side
    #[command(subcommand)]
    Keys(KeysCommand),
    /// Looks at a wallet core from outside
    #[command(subcommand)]
    Core(CoreCommand),
    /// Stands in for the wallet core that moves the users' money
    #[command(subcommand)]
    WalletCore(WalletCoreCommand),
    /// Holds a wallet to the protocol, case by case
    Conformance(Box<ConformanceArgs>),
    /// Sends a storm of signed cancels, and looks at the books afterwards
    Load(Box<LoadArgs>),
}

/// Runs the command that was asked for. Wrong usage ends here, with code 2.
pub(crate) fn run() -> Result<ExitCode, CommandError> {
    match Cli::parse().command {
        Command::Cancel(args) => on_runtime(call::cancel(args)),
        Command::Inquiry(args) => on_runtime(call::inquire(args)),
        Command::Storm(command) => on_runtime(storm::run(command)),
        Command::Keys(command) => keys::run(&command),
        Command::Core(command) => on_runtime(certify::run(command)),
        Command::WalletCore(command) => on_runtime(wallet_core::run(command)),
        Command::Conformance(args) => on_runtime(conformance::run(*args)),
        Command::Load(args) => load::run(&args),
    }
}

fn on_runtime(command: impl Future<Output = Result<ExitCode, CommandError>>) -> Result<ExitCode, CommandError> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    runtime.map_err(|error| CommandError::new(format!("the runtime cannot start: {error}")))?.block_on(command)
}
