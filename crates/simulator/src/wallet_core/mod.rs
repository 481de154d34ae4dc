//! `alipayplus-sim wallet-core`: stands in for the system that moves the users' money, with a journal from which a run can be
//! audited, and faults on demand. It keeps the contract that a wallet core has toward Rescind, and has the two routes for tests:
//! `PUT /payments/{paymentRequestId}` with what a `GET` answers, and `GET /accounts/{account}`, which says what is booked.

mod audit;
mod books;
mod faults;
mod http;
mod journal;
mod server;

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use clap::{Args, Subcommand};
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};

pub(crate) use self::audit::Audit;
use self::audit::Sums;
pub(crate) use self::books::Books;
use self::faults::{Faults, Plan};
use self::journal::Journal;
pub(crate) use self::journal::read as read_journal;
use self::server::{State, WalletCore};
use crate::output::{CommandError, complain, say};
use crate::peer::only_token;
use crate::wire::{Dialer, Request, Target};

/// How long `health` waits.
const PATIENCE: Duration = Duration::from_secs(2);

/// Stands in for the wallet core.
#[derive(Subcommand, Debug)]
pub(crate) enum WalletCoreCommand {
    /// Answers until it is told to stop
    Serve(ServeArgs),
    /// Proves from a journal that every reversal had its effect once; prints the sums of each account
    Audit {
        /// The journal that a run has written
        journal: PathBuf,
    },
    /// Asks a running one whether it lives; exits with 1 if not
    Health {
        /// Where it listens
        #[arg(long, default_value = "http://127.0.0.1:9090")]
        url: String,
    },
}

/// How it answers.
#[derive(Args, Debug)]
pub(crate) struct ServeArgs {
    /// Where it listens
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:9090")]
    listen: String,
    /// Where it keeps what happened; read again at the next start
    #[arg(long, value_name = "FILE")]
    journal: PathBuf,
    /// A file with the bearer token that callers have to show
    #[arg(long, value_name = "FILE")]
    token_file: Option<PathBuf>,
    /// What goes wrong with reversals and how often, such as fail-before=5%,drop-after=1/20; fail, drop or delay, before or after
    /// the money moved
    #[arg(long, value_name = "LIST", default_value = "")]
    faults: Plan,
    /// How late a delayed answer is, in milliseconds
    #[arg(long, value_name = "MS", default_value_t = 3_000)]
    delay: u64,
    /// The same seed gives the same faults to the same sequence of reversals
    #[arg(long, value_name = "NUMBER", default_value_t = 1)]
    seed: u64,
}

/// Runs the command that was asked for.
pub(crate) async fn run(command: WalletCoreCommand) -> Result<ExitCode, CommandError> {
    match command {
        WalletCoreCommand::Serve(args) => serve(args).await,
        WalletCoreCommand::Audit { journal } => print_audit(&journal),
        WalletCoreCommand::Health { url } => health(&url).await,
    }
}

async fn serve(args: ServeArgs) -> Result<ExitCode, CommandError> {
    let token = only_token(args.token_file.as_deref())?;
    let (journal, content, broken) = Journal::open(&args.journal)?;
    if content.torn > 0 {
        complain(&CommandError::new(format!("{} bytes behind the journal's last whole line were cut off", content.torn)));
    }
    let mut books = Books::default();
    let known = content.lines.len();
    content.lines.into_iter().for_each(|line| books.apply(line.entry, &line.at));

    let failed = |error| CommandError::new(format!("{} cannot be listened on: {error}", args.listen));
    let listener = TcpListener::bind(&args.listen).await.map_err(failed)?;
    let address = listener.local_addr().map_err(failed)?;
    let core = WalletCore {
        state: Mutex::new(State { books, journal }),
        faults: Mutex::new(Faults::new(args.faults, args.seed)),
        delay: Duration::from_millis(args.delay),
        token,
    };
    let signals = |error| CommandError::new(format!("signals cannot be received: {error}"));
    let mut terminate = signal(SignalKind::terminate()).map_err(signals)?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(signals)?;
    say(format_args!("the wallet core listens on http://{address}; its journal has {known} lines"))?;
    // Nothing has to be finished: who was not answered asks again.
    tokio::select! {
        () = server::serve(Arc::new(core), listener) => {}
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
        Ok(error) = broken => return Err(CommandError::new(format!("the journal cannot be written: {error}"))),
    }
    Ok(ExitCode::SUCCESS)
}

fn print_audit(path: &std::path::Path) -> Result<ExitCode, CommandError> {
    let content = journal::read(path)?;
    let audit = Audit::of(&content.lines);
    say(format_args!("{:<32} {:>8} {:>20} {:>20} {:>20}", "account", "currency", "taken", "given back", "left taken"))?;
    for ((account, currency), Sums { taken, given_back }) in audit.accounts() {
        say(format_args!("{account:<32} {currency:>8} {taken:>20} {given_back:>20} {:>20}", taken - given_back))?;
    }
    let back = audit.payments.values().filter(|payment| payment.given_back > 0).count();
    let (taken, without) = (audit.payments.len(), audit.without_money.len());
    say(format_args!(
        "\n{taken} payments took money, {back} of them gave it back; {without} reversals had nothing to give back"
    ))?;
    if content.torn > 0 {
        say(format_args!("{} bytes behind the last whole line are not counted", content.torn))?;
    }
    for why in &audit.wrong {
        say(why)?;
    }
    Ok(if audit.wrong.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

async fn health(url: &str) -> Result<ExitCode, CommandError> {
    let target = Target::parse(&format!("{}/livez", url.trim_end_matches('/')))?;
    let request = Request::new("GET", &target.uri, &target.authority, "");
    let dialer = Dialer::new(target, None)?;
    let exchange = async {
        let mut connection = dialer.connect().await?;
        connection.send(&request.bytes()).await?;
        connection.receive().await
    };
    let answered = tokio::time::timeout(PATIENCE, exchange).await;
    let answered = answered.map_err(|_| CommandError::new(format!("{url} does not answer in time")))?;
    let response = answered.map_err(|error| CommandError::new(format!("{url} does not answer: {error}")))?;
    match response.status {
        200 => say(format_args!("{url} answers 200")).map(|()| ExitCode::SUCCESS),
        status => Err(CommandError::new(format!("{url} answers {status}"))),
    }
}
