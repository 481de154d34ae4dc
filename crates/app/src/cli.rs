//! The command line.

use std::future::Future;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use chrono::SecondsFormat;
use clap::{Args, Parser, Subcommand};
use domain::{Action, ClearingDay, PaymentRequestId};
use ports::FeedCursor;

use crate::output::{CliError, print_line};
use crate::reversals::ListedState;
use crate::settings::{Settings, Sources};
use crate::wiring::{Acceptance, Backup, Migrated};
use crate::{demo, events, explain, health, keys, reversals, serve, settlement, wiring};

/// Answers Alipay+'s cancelPayment for a mobile wallet.
#[derive(Parser)]
#[command(name = "rescind", version)]
struct Cli {
    /// The settings [default: rescind.toml, if it is there]; what needs no settings does not read it
    #[arg(long, global = true, value_name = "FILE")]
    config: Option<PathBuf>,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Answers Alipay+ and the wallet until it is stopped
    Serve(ServeArgs),
    /// Asks the process that serves with these settings whether it lives; exits with 1 if not
    Health,
    /// Brings the database's schema up to date, beside processes that serve it
    Migrate {
        /// Takes away what only the version before needs; every process of that version has to be stopped
        #[arg(long)]
        finish: bool,
    },
    /// Copies a SQLite database beside processes that serve it
    Backup {
        /// The copy, which must not be there yet
        #[arg(long, value_name = "FILE")]
        out: PathBuf,
    },
    /// Shows every rule at work, with keys and a database of its own
    Demo(DemoArgs),
    /// Makes keys
    #[command(subcommand)]
    Keys(KeysCommand),
    /// Checks settings, or makes them those of the database
    #[command(subcommand)]
    Config(ConfigCommand),
    /// Tells what is known of a payment, what Alipay+ is answered, and why
    Explain {
        /// The paymentRequestId
        id: String,
    },
    /// Reads what happened, in its order
    #[command(subcommand)]
    Events(EventsCommand),
    /// Decides about money that is not back
    #[command(subcommand)]
    Reversals(ReversalsCommand),
    /// Closes days, and compares Alipay+'s files with what is known
    #[command(subcommand)]
    Settlement(SettlementCommand),
}

#[derive(Args)]
struct ServeArgs {
    /// Where Alipay+ calls; wins over callback.listen
    #[arg(long, value_name = "ADDRESS")]
    callback_listen: Option<String>,
    /// Where the wallet calls; wins over wallet_api.listen
    #[arg(long, value_name = "ADDRESS")]
    wallet_api_listen: Option<String>,
    /// The database; wins over database.url
    #[arg(long, value_name = "URL")]
    database_url: Option<String>,
}

#[derive(Args)]
struct DemoArgs {
    /// Ends after the last row, with code 1 if any row is not as it should be
    #[arg(long)]
    once: bool,
    /// A folder that is not there yet [default: rescind-demo-XXXX]
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
}

#[derive(Subcommand)]
enum KeysCommand {
    /// Writes the wallet's key pair and the tokens of its API to a folder; never overwrites anything
    Generate {
        /// The folder
        dir: PathBuf,
    },
}

#[derive(Subcommand)]
enum ReversalsCommand {
    /// Has a parked reversal tried again
    Retry {
        /// The reversal's id, which is the paymentRequestId
        id: String,
    },
    /// Stops an open reversal, between two attempts, and leaves it to an operator
    Park {
        /// The reversal's id, which is the paymentRequestId
        id: String,
        #[command(flatten)]
        act: ActArgs,
    },
    /// Ends a parked reversal whose money went back by hand
    Resolve {
        /// The reversal's id, which is the paymentRequestId
        id: String,
        #[command(flatten)]
        act: ActArgs,
    },
    /// Prints the reversals whose money is not known to be back, one a line
    List {
        /// Those that an operator has to decide about, and not those that are tried
        #[arg(long, group = "which")]
        parked: bool,
        /// Cancels that cannot be decided yet
        #[arg(long, group = "which")]
        deferred: bool,
        /// Prints each as a JSON object, with the members of the wallet API's list
        #[arg(long)]
        json: bool,
    },
}

/// What an operator's act leaves in the timeline.
#[derive(Args)]
struct ActArgs {
    /// Why, or what was done instead
    #[arg(long, value_name = "TEXT", value_parser = note)]
    note: String,
    /// Who does it
    #[arg(long, value_name = "NAME", value_parser = note)]
    by: String,
}

/// A text for the timeline.
fn note(text: &str) -> Result<String, String> {
    let readable = !text.trim().is_empty() && text.chars().all(|c| c == '\n' || !c.is_control());
    if readable && text.chars().count() <= 1000 {
        Ok(text.to_owned())
    } else {
        Err("must be 1 to 1000 characters, of the control characters none but line feeds".to_owned())
    }
}

#[derive(Subcommand)]
enum EventsCommand {
    /// Prints events as they come, one a line, until it is stopped
    Follow {
        /// Only what comes after this cursor [default: from the beginning]
        #[arg(long, value_name = "CURSOR", value_parser = FeedCursor::parse)]
        after: Option<FeedCursor>,
        /// Prints each as a JSON object, with the members of the wallet API's events
        #[arg(long)]
        json: bool,
    },
    /// Has cursors of before refused, because the database was restored or moved; no process may serve it meanwhile
    NewGeneration,
}

#[derive(Subcommand)]
enum SettlementCommand {
    /// Closes a day, for good, and writes its statement; a day that is closed is written again, byte for byte
    Export {
        /// A clearing day at UTC+8, as YYYY-MM-DD
        #[arg(long, value_name = "DAY", value_parser = ClearingDay::parse)]
        day: ClearingDay,
        /// The CSV file; one that is there is replaced
        #[arg(long, value_name = "FILE")]
        out: PathBuf,
    },
    /// Compares Alipay+'s files with what is known; ends with code 3 if a cancelled payment is in them, and 2 if one may be
    Check(settlement::CheckArgs),
}

#[derive(Args)]
struct AdoptArgs {
    /// So many payments that can still be cancelled go on under other funds or payments
    #[arg(long, value_name = "N", requires = "note")]
    accept: Option<u64>,
    /// Why they may, such as that their balances were carried over; it stands in the timeline of each
    #[arg(long, value_name = "TEXT", requires = "accept")]
    note: Option<String>,
    /// Who says so [default: the user of this command's environment, USER]
    #[arg(long, value_name = "NAME", requires = "accept")]
    by: Option<String>,
}

#[derive(Subcommand)]
enum ConfigCommand {
    /// Prints the settings in force, without secrets, or what is wrong with them
    Check,
    /// Takes over a database that was last served with other terms
    Adopt(AdoptArgs),
}

impl ServeArgs {
    fn flags(self) -> Vec<(&'static str, String)> {
        let flags = [
            ("callback.listen", self.callback_listen),
            ("wallet_api.listen", self.wallet_api_listen),
            ("database.url", self.database_url),
        ];
        flags.into_iter().filter_map(|(key, value)| Some((key, value?))).collect()
    }
}

/// Runs the command that was asked for. Wrong usage ends here, with code 2.
pub(crate) fn run() -> Result<ExitCode, CliError> {
    wiring::install_cryptography();
    let Cli { config: file, command } = Cli::parse();
    let load = |flags| Settings::load(&Sources { file, flags, isolated: false });
    match command {
        Command::Serve(args) => on_runtime(serve::serve(load(args.flags())?)),
        Command::Health => on_runtime(health::check(load(vec![])?)),
        Command::Migrate { finish } => done(migrate(&load(vec![])?, finish)),
        Command::Backup { out } => done(back_up(&load(vec![])?, &out)),
        Command::Demo(args) => on_runtime(demo::run(args.dir, args.once)),
        Command::Keys(KeysCommand::Generate { dir }) => done(keys::generate(&dir)),
        Command::Config(ConfigCommand::Check) => done(check(&load(vec![])?)),
        Command::Config(ConfigCommand::Adopt(args)) => done(adopt(&load(vec![])?, args)),
        Command::Explain { id } => on_runtime(explain::explain(load(vec![])?, identifier(&id)?)),
        Command::Events(EventsCommand::Follow { after, json }) => on_runtime(events::follow(load(vec![])?, after, json)),
        Command::Events(EventsCommand::NewGeneration) => done(events::begin_generation(&load(vec![])?)),
        Command::Settlement(SettlementCommand::Export { day, out }) => on_runtime(settlement::export(load(vec![])?, day, &out)),
        Command::Settlement(SettlementCommand::Check(args)) => on_runtime(settlement::check(load(vec![])?, args)),
        Command::Reversals(command) => run_reversals(load(vec![])?, command),
    }
}

fn run_reversals(settings: Settings, command: ReversalsCommand) -> Result<ExitCode, CliError> {
    let (id, action, words) = match command {
        ReversalsCommand::List { parked, deferred, json } => {
            let list = match (parked, deferred) {
                (_, true) => ListedState::Deferred,
                (true, false) => ListedState::Parked,
                (false, false) => ListedState::Open,
            };
            return on_runtime(reversals::list(settings, list, json));
        }
        ReversalsCommand::Retry { id } => (id, Action::Retry, ["is open again and due at once", "is not tried again"]),
        ReversalsCommand::Park { id, act: ActArgs { note, by } } => {
            (id, Action::Park { note, by }, ["is parked until an operator decides", "is not parked"])
        }
        ReversalsCommand::Resolve { id, act: ActArgs { note, by } } => {
            (id, Action::Resolve { note, by }, ["is resolved", "is not resolved"])
        }
    };
    on_runtime(reversals::act(settings, (identifier(&id)?, action), words))
}

fn identifier(id: &str) -> Result<PaymentRequestId, CliError> {
    PaymentRequestId::parse(id).map_err(|invalid| CliError::new(format!("the ID {id:?} {invalid}")))
}

fn done(result: Result<(), CliError>) -> Result<ExitCode, CliError> {
    result.map(|()| ExitCode::SUCCESS)
}

/// What is still going on when the command has ended, after a second signal say, is not waited for.
fn on_runtime(command: impl Future<Output = Result<ExitCode, CliError>>) -> Result<ExitCode, CliError> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let runtime = runtime.map_err(|error| CliError::new(format!("the runtime cannot start: {error}")))?;
    let ended = runtime.block_on(command);
    runtime.shutdown_background();
    ended
}

fn migrate(settings: &Settings, finish: bool) -> Result<(), CliError> {
    // A reader that has gone away does not end a migration.
    let report = |sentence: &str| drop(print_line(sentence));
    let Migrated { applied, unfinished } = wiring::migrate(settings, finish, &report)?;
    if !unfinished.is_empty() {
        let left = unfinished.join(", ");
        return print_line(format_args!(
            "{left} is to come: when every process of the version before is stopped, run `rescind migrate --finish`"
        ));
    }
    if applied.is_empty() { print_line("the schema is up to date") } else { Ok(()) }
}

fn back_up(settings: &Settings, out: &Path) -> Result<(), CliError> {
    let Backup { cases, last_event_at } = wiring::back_up(settings, out)?;
    let last = last_event_at.map_or_else(
        || "nothing was ever recorded in it".to_owned(),
        |at| format!("the last event in it is of {}", at.to_rfc3339_opts(SecondsFormat::Micros, true)),
    );
    print_line(format_args!("{} has {cases} cases; {last}", out.display()))
}

fn check(settings: &Settings) -> Result<(), CliError> {
    wiring::check(settings)?;
    for (key, value) in &settings.shown {
        print_line(format_args!("{key} = {value:?}"))?;
    }
    print_line("ok")
}

fn adopt(settings: &Settings, AdoptArgs { accept, note, by }: AdoptArgs) -> Result<(), CliError> {
    let by = by.or_else(|| std::env::var("USER").ok()).unwrap_or_else(|| "somebody at the command line".to_owned());
    wiring::adopt(settings, accept.zip(note).map(|(count, note)| Acceptance { count, note, by }))?;
    print_line("the database is from now on served with these settings")
}
