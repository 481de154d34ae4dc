//! `rescind settlement check`: compares Alipay+'s files with what is known. It reads, and changes nothing.

use std::collections::BTreeMap;
use std::io;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use domain::{Case, ClearingDay, Finding, Listed, ListedKind, Mismatch, PaymentRequestId, RefundRequestId, Scope, examine};
use indicatif::{ProgressBar, ProgressStyle};
use ports::{SettlementStore, UnavailableError};

use super::lines::{Line, Lines};
use super::reconcile::compare;
use super::records::Malformed;
use super::report::{Report, SourceLine};
use super::sorting::{Sorter, Transaction};
use crate::output::{Failure, print_error, print_line};
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
    /// The clearing day whose statement has to be in the files [default: the one that most of the files' payments and refunds are of]
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
pub(super) enum CheckError {
    Malformed(Malformed),
    Unavailable(UnavailableError),
    /// A temporary file or a report cannot be written.
    Disk(io::Error),
}

impl From<Malformed> for CheckError {
    fn from(malformed: Malformed) -> Self {
        Self::Malformed(malformed)
    }
}

impl From<UnavailableError> for CheckError {
    fn from(unavailable: UnavailableError) -> Self {
        Self::Unavailable(unavailable)
    }
}

impl From<io::Error> for CheckError {
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
    /// How much of what settles is of which day.
    of_days: BTreeMap<ClearingDay, u64>,
}

/// On which day what settled and is missing is looked for: there is one, closed or open, if any is named.
#[derive(Default)]
struct Days {
    closed: Option<ClearingDay>,
    open: Option<ClearingDay>,
    /// Others that something in the files is of.
    beside: Vec<ClearingDay>,
}

/// Compares the files with the record.
pub(crate) async fn check(settings: Settings, args: CheckArgs) -> Result<ExitCode, Failure> {
    let days = wiring::days(&settings)?;
    let scope = if settings.core.payments.is_some() { Scope::CancelledOnly } else { Scope::Everything };
    match check_with(days.as_ref(), (&settings.columns, scope), &args).await {
        Ok((told, fails)) => {
            print_line(told.trim_end())?;
            Ok(if fails { ExitCode::from(GATE_FAILED) } else { ExitCode::SUCCESS })
        }
        Err(CheckError::Malformed(malformed)) => {
            print_error(&Failure::new(malformed.to_string()));
            Ok(ExitCode::from(MALFORMED))
        }
        Err(CheckError::Unavailable(unavailable)) => Err(Failure::new(format!("the database cannot be asked: {unavailable}"))),
        Err(CheckError::Disk(error)) => Err(Failure::new(format!("the check cannot be written down: {error}"))),
    }
}

/// What people are told, and whether the gate failed.
async fn check_with(
    days: &dyn SettlementStore,
    (columns, scope): (&Columns, Scope),
    args: &CheckArgs,
) -> Result<(String, bool), CheckError> {
    let mut report = Report::create(args.csv.as_deref(), args.json.as_deref())?;
    let contents = Reading { days, scope, report: &mut report }.read(columns, &args.files).await?;
    let days_looked_at = match scope {
        Scope::Everything => days_of(days, args.day, &contents).await?,
        Scope::CancelledOnly => Days::default(),
    };
    let tell = contents.files.iter().any(|(_, tells)| *tells);
    let (lines, files) = (contents.lines, contents.files.len());
    compare(days, (scope, days_looked_at.closed.filter(|_| tell)), contents, &mut report).await?;
    let fails = report.fails_the_gate();
    let found = report.finish(lines)?;
    let agrees = if found.is_empty() { "nothing is found" } else { "this is found" };
    let missing = match scope {
        Scope::CancelledOnly => "the wallet core keeps the payments: only cancelled ones were looked for\n".to_owned(),
        Scope::Everything if !tell => {
            "no file tells what settles, so what settled and is missing was not looked for\n".to_owned()
        }
        Scope::Everything => days_looked_at.told(),
    };
    Ok((format!("{lines} lines of {files} files are compared, and {agrees}\n{found}{missing}"), fails))
}

impl Days {
    fn told(&self) -> String {
        let mut text = match (self.closed, self.open) {
            (Some(day), _) => format!("the statement of {day} was looked for in the files\n"),
            (None, Some(day)) => format!("{day} is not closed here, so what settled and is missing was not looked for\n"),
            (None, None) => {
                "the files name no day, so what settled and is missing was not looked for; --day names one\n".to_owned()
            }
        };
        if !self.beside.is_empty() {
            let named: Vec<_> = self.beside.iter().map(ClearingDay::to_string).collect();
            text.push_str(&format!("something is of {}, which was not looked for; --day names one day\n", named.join(", ")));
        }
        text
    }
}

/// The day that is asked for, or else the one that most of what settles is of.
async fn days_of(days: &dyn SettlementStore, asked: Option<ClearingDay>, contents: &Contents) -> Result<Days, UnavailableError> {
    // A line that strayed into another day must not have all of that day looked for.
    let most = contents.of_days.iter().max_by_key(|(_, lines)| **lines).map(|(day, _)| *day);
    let wanted = asked.or(most);
    let beside = contents.of_days.keys().copied().filter(|day| Some(*day) != wanted).collect();
    let is_closed = match wanted {
        Some(day) => days.closed_day(day).await?.is_some(),
        None => false,
    };
    let (closed, open) = if is_closed { (wanted, None) } else { (None, wanted) };
    Ok(Days { closed, open, beside })
}

/// What reading works with.
struct Reading<'a> {
    days: &'a dyn SettlementStore,
    scope: Scope,
    report: &'a mut Report,
}

impl Reading<'_> {
    /// Reads all files to their ends, so that a malformed one is told of before anything is compared.
    async fn read(mut self, columns: &Columns, paths: &[PathBuf]) -> Result<Contents, CheckError> {
        let bytes = paths.iter().filter_map(|path| path.metadata().ok()).map(|file| file.len()).sum();
        let bar = progress(bytes, "reading   {bar:40} {bytes}/{total_bytes}  {eta}");
        let mut contents = Contents { sorter: Sorter::default(), files: Vec::new(), lines: 0, of_days: BTreeMap::new() };
        let mut nameless = Vec::new();
        for (file, path) in paths.iter().enumerate() {
            let lines = Lines::open(path, columns, &bar)?;
            let tells = lines.tell_amounts();
            contents.files.push((path.display().to_string(), tells));
            for line in lines {
                let line = line?;
                contents.lines += 1;
                let settles = tells && line.listed.kind != ListedKind::Other;
                line.day.filter(|_| settles).into_iter().for_each(|day| *contents.of_days.entry(day).or_default() += 1);
                match line.id.clone() {
                    Some(id) => contents.push(id, file, line)?,
                    None => nameless.push((file, line)),
                }
                if nameless.len() == LOOKUPS {
                    self.name(&mut contents, std::mem::take(&mut nameless)).await?;
                }
            }
        }
        self.name(&mut contents, nameless).await?;
        bar.finish_and_clear();
        Ok(contents)
    }

    /// Finds the payments of refunds whose files do not name them. A refund of none that is known is told of here: there may be any
    /// number of them.
    async fn name(&mut self, contents: &mut Contents, nameless: Vec<(usize, Line)>) -> Result<(), CheckError> {
        let refund = |line: &Line| match &line.listed.kind {
            ListedKind::Refund(id) => Some(id.clone()),
            ListedKind::Payment | ListedKind::Other => None,
        };
        let ids: Vec<_> = nameless.iter().filter_map(|(_, line)| refund(line)).collect();
        let cases = self.days.find_refunded(&ids).await?;
        let mut payments: BTreeMap<&RefundRequestId, Vec<&Case>> = BTreeMap::new();
        for (refund, case) in cases.iter().flat_map(|case| case.refunds.iter().map(move |refund| (&refund.id, case))) {
            payments.entry(refund).or_default().push(case);
        }
        for (file, line) in nameless {
            let refund = refund(&line);
            let known = refund.as_ref().and_then(|refund| payments.get_mut(refund));
            match known.and_then(|cases| refunded(cases, &line.listed)) {
                Some(case) => contents.push(case.id.clone(), file, line)?,
                None if self.scope == Scope::Everything => {
                    let finding = Finding { mismatch: Mismatch::Unknown, refund, recorded: None, listed: line.listed.amount };
                    let place = SourceLine { file: &contents.files[file].0, line: line.number };
                    self.report.add(None, &finding, Some(place))?;
                }
                None => {}
            }
        }
        Ok(())
    }
}

impl Contents {
    fn push(&mut self, id: PaymentRequestId, file: usize, line: Line) -> io::Result<()> {
        self.sorter.push(Transaction { id, listed: line.listed, file, line: line.number })
    }
}

/// Which of the cases with a refund of that id is meant: another payment may have a refund of the same. It is the one that the line
/// agrees with, or else one that money went back from; the next line of the same id means another.
fn refunded<'a>(cases: &mut Vec<&'a Case>, listed: &Listed) -> Option<&'a Case> {
    let agrees = |case: &&Case| examine(Some(case), listed, Scope::Everything).is_empty();
    let gave_back = |case: &&Case| {
        let of_it =
            |refund: &domain::Refund| listed.kind == ListedKind::Refund(refund.id.clone()) && refund.completed_at().is_some();
        !case.is_cancelled() && case.refunds.iter().any(of_it)
    };
    let place = cases.iter().position(agrees).or_else(|| cases.iter().position(gave_back)).unwrap_or(0);
    if cases.len() > 1 { Some(cases.remove(place)) } else { cases.first().copied() }
}

/// A bar on a terminal, and nothing anywhere else.
pub(super) fn progress(length: u64, template: &str) -> ProgressBar {
    let style = ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar());
    ProgressBar::new(length).with_style(style)
}
