//! `rescind settlement check`: compares Alipay+'s files with what is known. It reads, and changes nothing.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use domain::{ClearingDay, Finding, ListedKind, Mismatch, PaymentRequestId, Scope};
use indicatif::{ProgressBar, ProgressStyle};
use ports::{SettlementStore, Unavailable};

use super::comparing::compare;
use super::lines::{Line, Lines};
use super::records::Malformed;
use super::report::{Place, Report};
use super::sorting::{Sorter, Transaction};
use crate::output::{Failure, complain, say};
use crate::settings::{Columns, Settings};
use crate::wiring;

/// How many refunds without a payment's id are looked up at once.
const LOOKUPS: usize = 1_000;
/// A file cannot be read for certain, so nothing is compared.
const MALFORMED: u8 = 2;
/// A cancelled payment is in the files.
const GATE_FAILED: u8 = 3;

/// What is to be checked.
#[derive(Args)]
pub(crate) struct CheckArgs {
    /// Transaction detail and fee files of Alipay+'s, as they were delivered or compressed by gzip
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// The clearing day whose statement has to be in the files [default: the days of the files' transactions]
    #[arg(long, value_name = "DAY", value_parser = ClearingDay::parse)]
    day: Option<ClearingDay>,
    /// Writes all findings to this CSV file
    #[arg(long, value_name = "FILE")]
    csv: Option<PathBuf>,
    /// Writes all findings to this JSON file
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
}

/// Why a check ended early.
pub(super) enum Stopped {
    Malformed(Malformed),
    Unavailable(Unavailable),
    /// A temporary file or a report cannot be written.
    Disk(io::Error),
}

impl From<Malformed> for Stopped {
    fn from(malformed: Malformed) -> Self {
        Self::Malformed(malformed)
    }
}

impl From<Unavailable> for Stopped {
    fn from(unavailable: Unavailable) -> Self {
        Self::Unavailable(unavailable)
    }
}

impl From<io::Error> for Stopped {
    fn from(error: io::Error) -> Self {
        Self::Disk(error)
    }
}

/// What was read of all files.
pub(super) struct Contents {
    pub(super) sorter: Sorter,
    /// The files, and whether each tells what settles.
    pub(super) files: Vec<(String, bool)>,
    pub(super) lines: u64,
    /// The days of what settles.
    days: BTreeSet<ClearingDay>,
    /// Refunds that nothing is known of, with their places.
    unknown: Vec<(usize, Line)>,
}

/// Compares the files with the record.
pub(crate) async fn check(settings: Settings, args: CheckArgs) -> Result<ExitCode, Failure> {
    let days = wiring::days(&settings)?;
    let scope = if settings.core.payments.is_some() { Scope::CancelledOnly } else { Scope::Everything };
    match check_with(days.as_ref(), (&settings.columns, scope), &args).await {
        Ok((told, fails)) => {
            say(told.trim_end())?;
            Ok(if fails { ExitCode::from(GATE_FAILED) } else { ExitCode::SUCCESS })
        }
        Err(Stopped::Malformed(malformed)) => {
            complain(&Failure::new(malformed.to_string()));
            Ok(ExitCode::from(MALFORMED))
        }
        Err(Stopped::Unavailable(unavailable)) => Err(Failure::new(format!("the database cannot be asked: {unavailable}"))),
        Err(Stopped::Disk(error)) => Err(Failure::new(format!("the check cannot be written down: {error}"))),
    }
}

/// What people are told, and whether the gate failed.
async fn check_with(
    days: &dyn SettlementStore,
    (columns, scope): (&Columns, Scope),
    args: &CheckArgs,
) -> Result<(String, bool), Stopped> {
    let mut contents = read(days, columns, &args.files).await?;
    let mut report = Report::create(args.csv.as_deref(), args.json.as_deref())?;
    if scope == Scope::Everything {
        for (file, line) in &contents.unknown {
            let refund = match &line.listed.kind {
                ListedKind::Refund(id) => Some(id.clone()),
                ListedKind::Payment | ListedKind::Other => None,
            };
            let finding = Finding { mismatch: Mismatch::Unknown, refund, recorded: None, listed: line.listed.amount };
            report.add(None, &finding, Some(Place { file: &contents.files[*file].0, line: line.number }))?;
        }
    }
    let wanted = args.day.map_or_else(|| std::mem::take(&mut contents.days), |day| BTreeSet::from([day]));
    let (closed, open) = match scope {
        Scope::Everything => closed_ones(days, wanted).await?,
        Scope::CancelledOnly => (Vec::new(), Vec::new()),
    };
    let (lines, files) = (contents.lines, contents.files.len());
    compare(days, (scope, &closed), contents, &mut report).await?;
    let fails = report.fails_the_gate();
    let found = report.finish(lines)?;
    Ok((told(found, (lines, files), (scope, &closed, &open)), fails))
}

fn told(found: String, (lines, files): (u64, usize), (scope, closed, open): (Scope, &[ClearingDay], &[ClearingDay])) -> String {
    let names = |days: &[ClearingDay]| days.iter().map(ClearingDay::to_string).collect::<Vec<_>>().join(", ");
    let agrees = if found.is_empty() { "nothing is found" } else { "this is found" };
    let mut text = format!("{lines} lines of {files} files are compared, and {agrees}\n{found}");
    if scope == Scope::CancelledOnly {
        text.push_str("the wallet core keeps the payments: only cancelled ones were looked for\n");
    } else if closed.is_empty() && open.is_empty() {
        text.push_str("the files name no day, so what settled and is missing was not looked for; --day names one\n");
    }
    if !closed.is_empty() {
        text.push_str(&format!("the statement of {} was looked for in the files\n", names(closed)));
    }
    if !open.is_empty() {
        text.push_str(&format!("{} is not closed here, so what settled and is missing was not looked for\n", names(open)));
    }
    text
}

/// Which of the days are closed, and which are not.
async fn closed_ones(
    days: &dyn SettlementStore,
    wanted: BTreeSet<ClearingDay>,
) -> Result<(Vec<ClearingDay>, Vec<ClearingDay>), Unavailable> {
    let (mut closed, mut open) = (Vec::new(), Vec::new());
    for day in wanted {
        let is_closed = days.closed_day(day).await?.is_some();
        if is_closed { &mut closed } else { &mut open }.push(day);
    }
    Ok((closed, open))
}

/// Reads all files to their ends, so that a malformed one is told of before anything is compared.
async fn read(days: &dyn SettlementStore, columns: &Columns, paths: &[PathBuf]) -> Result<Contents, Stopped> {
    let bytes = paths.iter().filter_map(|path| path.metadata().ok()).map(|file| file.len()).sum();
    let bar = progress(bytes, "reading   {bar:40} {bytes}/{total_bytes}  {eta}");
    let mut contents =
        Contents { sorter: Sorter::default(), files: Vec::new(), lines: 0, days: BTreeSet::new(), unknown: Vec::new() };
    let mut nameless = Vec::new();
    for (file, path) in paths.iter().enumerate() {
        let lines = Lines::open(path, columns, &bar)?;
        let tells = lines.tell_amounts();
        contents.files.push((path.display().to_string(), tells));
        for line in lines {
            let line = line?;
            contents.lines += 1;
            contents.days.extend(line.day.filter(|_| tells));
            match line.id.clone() {
                Some(id) => contents.push(id, file, line)?,
                None => nameless.push((file, line)),
            }
            if nameless.len() == LOOKUPS {
                contents.name(days, std::mem::take(&mut nameless)).await?;
            }
        }
    }
    contents.name(days, nameless).await?;
    bar.finish_and_clear();
    Ok(contents)
}

impl Contents {
    fn push(&mut self, id: PaymentRequestId, file: usize, line: Line) -> io::Result<()> {
        self.sorter.push(Transaction { id, listed: line.listed, file, line: line.number })
    }

    /// Finds the payments of refunds whose files do not name them.
    async fn name(&mut self, days: &dyn SettlementStore, nameless: Vec<(usize, Line)>) -> Result<(), Stopped> {
        let refund = |line: &Line| match &line.listed.kind {
            ListedKind::Refund(id) => Some(id.clone()),
            ListedKind::Payment | ListedKind::Other => None,
        };
        let ids: Vec<_> = nameless.iter().filter_map(|(_, line)| refund(line)).collect();
        let cases = days.find_refunded(&ids).await?;
        let of_case = |case: &domain::Case| {
            let id = case.id.clone();
            case.refunds.iter().map(|refund| (refund.id.clone(), id.clone())).collect::<Vec<_>>()
        };
        let payments: BTreeMap<_, _> = cases.iter().flat_map(of_case).collect();
        for (file, line) in nameless {
            match refund(&line).and_then(|refund| payments.get(&refund)) {
                Some(id) => self.push(id.clone(), file, line)?,
                None => self.unknown.push((file, line)),
            }
        }
        Ok(())
    }
}

/// A bar on a terminal, and nothing anywhere else.
pub(super) fn progress(length: u64, template: &str) -> ProgressBar {
    let style = ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar());
    ProgressBar::new(length).with_style(style)
}
