//! `alipayplus-sim storm`: cancels paid payments as Alipay+ does while something is being broken, and checks afterwards that every
//! answer was true. The payments are announced to the wallet API and debited by the wallet core, whose books are a witness
//! that the wallet cannot influence but by asking.

mod booked;
mod calls;
mod check;
mod drive;
mod story;
mod verdict;

use std::fs::File;
use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use chrono::{DateTime, FixedOffset};
use clap::{Args, Subcommand};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::Instant;

use self::calls::End;
use self::check::CheckArgs;
use self::drive::{Driver, Setting};
use self::story::Story;
use crate::alipayplus::{AlipayPlus, InquiryArgs, Partner, PartnerArgs};
use crate::clock::now;
use crate::output::{CommandError, read, say};
use crate::peer::{only_token, pay_token};

/// How many callers prepare payments.
const PREPARERS: usize = 4;
/// How many prepared payments may wait for their cancel: enough to go on while the core cannot take money for new ones.
const STOCK: usize = 500;
/// After how long without a finished payment the reserve is used up.
const STALLED: Duration = Duration::from_secs(1);
const LOOK_AGAIN: Duration = Duration::from_millis(20);
/// After how many payments it says how many there were.
const SAY_EACH: usize = 50;

/// A storm of cancels.
#[derive(Subcommand, Debug)]
pub(crate) enum StormCommand {
    /// Cancels payments for a while, each until its answer is final, and records every answer
    Run(Box<RunArgs>),
    /// Checks a record against the wallet and what the core booked; exits with 1 if anything is wrong
    Check(CheckArgs),
}

/// Who is stormed, how and for how long.
#[derive(Args, Debug)]
pub(crate) struct RunArgs {
    #[command(flatten)]
    partner: PartnerArgs,
    #[command(flatten)]
    inquiries: InquiryArgs,
    /// Another address of the same endpoint, which gets every second cancel
    #[arg(long, value_name = "URL")]
    and_target: Option<String>,
    #[command(flatten)]
    wallet: WalletArgs,
    /// The wallet core: its stand-in, or any with the two routes for tests
    #[arg(long, value_name = "URL")]
    core: String,
    /// A file with the token that the core wants to see
    #[arg(long, value_name = "FILE")]
    core_token_file: Option<PathBuf>,
    /// Begins every id; a run that was there before must not be named again
    #[arg(long, value_name = "NAME")]
    run: String,
    /// Where every answer is recorded, one JSON line a payment
    #[arg(long, value_name = "FILE")]
    record: PathBuf,
    /// How many payments are being cancelled at any time
    #[arg(long, value_name = "NUMBER", default_value_t = 16)]
    callers: usize,
    /// For how many seconds new payments are cancelled, unless a signal (SIGTERM, SIGINT) says stop before
    #[arg(long, value_name = "SECONDS", default_value_t = 60)]
    seconds: u64,
    /// How many seconds more those that are not final may take
    #[arg(long, value_name = "SECONDS", default_value_t = 60)]
    settle: u64,
    /// How long to wait before a cancel is repeated, in milliseconds; Alipay+ waits much longer
    #[arg(long, value_name = "MS", default_value_t = 300)]
    retry_after: u64,
    /// When the payments were initiated, RFC 3339 [default: now]
    #[arg(long, value_name = "TIME")]
    initiated_at: Option<DateTime<FixedOffset>>,
}

/// The wallet's own side.
#[derive(Args, Debug)]
pub(crate) struct WalletArgs {
    /// The address of the wallet API
    #[arg(long, value_name = "URL")]
    wallet_api: String,
    /// Lines of NAME ROLE TOKEN; the first with the role pay is used
    #[arg(long, value_name = "FILE")]
    wallet_token_file: PathBuf,
}

/// Runs the command that was asked for.
pub(crate) async fn run(command: StormCommand) -> Result<ExitCode, CommandError> {
    match command {
        StormCommand::Run(args) => storm(&args).await,
        StormCommand::Check(args) => check::run(args).await,
    }
}

async fn storm(args: &RunArgs) -> Result<ExitCode, CommandError> {
    let begun = Instant::now();
    let record = File::create_new(&args.record);
    let mut record = record.map_err(|error| CommandError::new(format!("{} cannot be made: {error}", args.record.display())))?;
    let setting = Arc::new(setting(args)?);
    let mut stock = Stock { prepared: prepare(&setting)?, reserve: args.callers, moved: begun };
    let mut idle = (0..args.callers.max(1)).map(|_| Driver::new(&setting)).collect::<Result<Vec<_>, _>>()?;
    let mut cancelling = JoinSet::new();
    let stopped = stopped(Duration::from_secs(args.seconds))?;
    tokio::pin!(stopped);
    let (mut finished, mut is_over) = (0, false);
    while !is_over || !cancelling.is_empty() {
        tokio::select! {
            () = &mut stopped, if !is_over => {
                is_over = true;
                setting.end.set_after(Duration::from_secs(args.settle));
            }
            Some(mut story) = stock.next(), if !is_over && !idle.is_empty() => {
                let Some(mut driver) = idle.pop() else { continue };
                cancelling.spawn(async move { driver.cancel(&mut story).await.map(|()| (driver, story)) });
            }
            Some(ended) = cancelling.join_next(), if !cancelling.is_empty() => {
                let (driver, story) = ended.map_err(|error| CommandError::new(format!("a caller broke down: {error}")))??;
                write(&mut record, &story)?;
                idle.push(driver);
                stock.moved = Instant::now();
                finished += 1;
                if finished % SAY_EACH == 0 {
                    say(format_args!("{finished} payments"))?;
                }
            }
        }
    }
    record.sync_all().map_err(|error| CommandError::new(format!("{} cannot be written: {error}", args.record.display())))?;
    say(format_args!("ended with {finished} payments after {:.0} s", begun.elapsed().as_secs_f64()))?;
    Ok(ExitCode::SUCCESS)
}

/// Payments that wait for their cancel, with a reserve for the time in which nothing moves: a core that takes no money for new
/// payments must meet cancels of old ones.
struct Stock {
    prepared: mpsc::Receiver<Story>,
    reserve: usize,
    /// When a payment was finished last.
    moved: Instant,
}

impl Stock {
    /// Waits for the next payment; nothing where there will be none. What is waited for in vain is not lost.
    async fn next(&mut self) -> Option<Story> {
        while self.prepared.len() <= self.reserve && self.moved.elapsed() < STALLED {
            tokio::time::sleep(LOOK_AGAIN).await;
        }
        self.prepared.recv().await
    }
}

/// Payments that wait for their cancel, for as long as they are taken.
fn prepare(setting: &Arc<Setting>) -> Result<mpsc::Receiver<Story>, CommandError> {
    let (prepared, to_cancel) = mpsc::channel(STOCK);
    let numbers = Arc::new(AtomicU64::new(0));
    for _ in 0..PREPARERS {
        let (mut driver, prepared, numbers) = (Driver::new(setting)?, prepared.clone(), Arc::clone(&numbers));
        tokio::spawn(async move {
            loop {
                let number = numbers.fetch_add(1, Ordering::Relaxed);
                let story = driver.prepare(number).await;
                if prepared.send(story).await.is_err() {
                    return;
                }
            }
        });
    }
    Ok(to_cancel)
}

/// Ends when there are to be no new payments.
fn stopped(after: Duration) -> Result<impl Future<Output = ()>, CommandError> {
    let signals = |error| CommandError::new(format!("signals cannot be received: {error}"));
    let mut terminate = signal(SignalKind::terminate()).map_err(signals)?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(signals)?;
    Ok(async move {
        tokio::select! {
            () = tokio::time::sleep(after) => {}
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    })
}

fn setting(args: &RunArgs) -> Result<Setting, CommandError> {
    let partner = args.inquiries.of(args.partner.partner()?);
    let mut partners = vec![AlipayPlus::new(&partner)?];
    if let Some(target) = &args.and_target {
        partners.push(AlipayPlus::new(&Partner { target: target.clone(), ..partner.clone() })?);
    }
    let inquirer = AlipayPlus::of_inquiries(&partner)?;
    Ok(Setting {
        partners,
        inquirer,
        wallet_api: args.wallet.wallet_api.clone(),
        wallet_token: args.wallet.token()?,
        core: args.core.clone(),
        core_token: only_token(args.core_token_file.as_deref())?.unwrap_or_default(),
        run: args.run.clone(),
        initiated_at: args.initiated_at.map_or_else(now, |at| at.to_utc()),
        retry_after: Duration::from_millis(args.retry_after),
        end: End::default(),
    })
}

impl WalletArgs {
    fn token(&self) -> Result<String, CommandError> {
        pay_token(&self.wallet_token_file)
    }
}

fn text(file: &std::path::Path) -> Result<String, CommandError> {
    Ok(String::from_utf8_lossy(&read(file)?).into_owned())
}

fn write(record: &mut File, story: &Story) -> Result<(), CommandError> {
    let line = serde_json::to_string(story).map_err(|error| CommandError::new(format!("a line cannot be written: {error}")))?;
    writeln!(record, "{line}").map_err(|error| CommandError::new(format!("the record cannot be written: {error}")))
}
