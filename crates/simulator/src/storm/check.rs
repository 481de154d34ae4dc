//! `alipayplus-sim storm check`: one line of sums, and a sentence for everything that is wrong.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use clap::Args;
use serde_json::Value;

use super::booked::Booked;
use super::calls::{Api, End};
use super::drive::wallet_path;
use super::story::Story;
use super::verdict::{Money, judge};
use super::{WalletArgs, text};
use crate::clock::now;
use crate::output::{CommandError, say};
use crate::peer::{Peer, only_token};
use crate::witness::Witness;

/// How long the wallet may take to say what became of one payment.
const PATIENCE: Duration = Duration::from_secs(30);

/// The three witnesses.
#[derive(Args, Debug)]
pub(crate) struct CheckArgs {
    /// What `run` recorded
    #[arg(long, value_name = "FILE")]
    record: PathBuf,
    /// The journal of the wallet core's stand-in
    #[arg(long, value_name = "FILE", required_unless_present = "core", conflicts_with = "core")]
    journal: Option<PathBuf>,
    /// The wallet core, which says what it booked by its route for tests
    #[arg(long, value_name = "URL")]
    core: Option<String>,
    /// A file with the token that the core wants to see
    #[arg(long, value_name = "FILE", requires = "core")]
    core_token_file: Option<PathBuf>,
    #[command(flatten)]
    wallet: WalletArgs,
    /// What the line of the table begins with
    #[arg(long, value_name = "NAME", default_value = "storm")]
    name: String,
}

/// The sums of a check.
#[derive(Default)]
struct Sums {
    payments: usize,
    success: usize,
    unknown: usize,
    refused: usize,
    unanswered: usize,
    back: usize,
    open: usize,
    oldest: i64,
    inquiries: usize,
    wrong: Vec<String>,
}

/// Prints a line of the table under its head, and what is wrong.
pub(super) async fn run(args: CheckArgs) -> Result<ExitCode, CommandError> {
    let stories = stories(&args.record)?;
    let cases = cases(&args.wallet, &stories).await?;
    // Read last: what the wallet said has to be in it.
    let witness = args.witness()?;
    let booked = Booked::at(&witness, &stories).await?;
    let mut sums = Sums { wrong: booked.wrong, ..Sums::default() };
    for story in &stories {
        let given_back = booked.given_back.get(&story.payment_request_id).copied();
        let case = cases.get(&story.payment_request_id).unwrap_or(&Value::Null);
        sums.add(story, judge(story, case, given_back, now()));
    }
    if stories.is_empty() {
        sums.wrong.push("nothing was recorded".to_owned());
    }
    say(head())?;
    say(sums.row(&args.name))?;
    let mut most = sums.wrong.iter().take(20);
    most.try_for_each(say)?;
    say(format_args!("money seen at {}; {} answered inquiries compared", witness.name(), sums.inquiries))?;
    Ok(if sums.wrong.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

impl CheckArgs {
    fn witness(&self) -> Result<Witness, CommandError> {
        match (&self.core, &self.journal) {
            (Some(core), _) => Ok(Witness::Core(Peer::new(core, only_token(self.core_token_file.as_deref())?, None)?)),
            (None, Some(journal)) => Ok(Witness::Journal(journal.clone())),
            (None, None) => Err(CommandError::new("name the core by --core, or its journal by --journal")),
        }
    }
}

impl Sums {
    fn add(&mut self, story: &Story, (money, wrong): (Money, Vec<String>)) {
        self.payments += 1;
        self.success += story.answered(Some("S"));
        self.unknown += story.answered(Some("U"));
        self.refused += story.answered(Some("F"));
        self.unanswered += story.answered(None);
        self.inquiries += story.inquiries.iter().filter(|asked| asked.answer.is_some()).count();
        match money {
            Money::Back => self.back += 1,
            Money::Open(age) => {
                self.open += 1;
                self.oldest = self.oldest.max(age.num_seconds());
            }
            Money::Wrong => {}
        }
        self.wrong.extend(wrong);
    }

    fn row(&self, name: &str) -> String {
        let Self { payments, success, unknown, refused, unanswered, back, open, oldest, wrong, inquiries: _ } = self;
        let (oldest, wrong) = (format!("{oldest} s"), wrong.len());
        format!(
            "{name:<36} {payments:>8} {success:>7} {unknown:>7} {refused:>7} {unanswered:>9} {back:>9} {open:>5} {oldest:>7} {wrong:>5}"
        )
    }
}

/// The table's head, over [`Sums::row`].
fn head() -> String {
    let [name, payments, success, unknown, refused] = ["", "payments", "S", "U", "F"];
    let [unanswered, back, open, oldest, wrong] = ["no answer", "back once", "open", "oldest", "wrong"];
    format!(
        "{name:<36} {payments:>8} {success:>7} {unknown:>7} {refused:>7} {unanswered:>9} {back:>9} {open:>5} {oldest:>7} {wrong:>5}"
    )
}

fn stories(record: &Path) -> Result<Vec<Story>, CommandError> {
    let wrong = |(at, error)| CommandError::new(format!("{}, line {}: {error}", record.display(), at + 1));
    let text = text(record)?;
    let lines = text.lines().enumerate().map(|(at, line)| serde_json::from_str(line).map_err(|error| wrong((at, error))));
    lines.collect()
}

/// What the wallet says of each payment now.
async fn cases(wallet: &WalletArgs, stories: &[Story]) -> Result<BTreeMap<String, Value>, CommandError> {
    let mut api = Api::new(&wallet.wallet_api, &wallet.token()?)?;
    let mut cases = BTreeMap::new();
    for story in stories {
        let path = wallet_path(story, "");
        let (status, case) = api.ask(("GET", &path), None, &End::after(PATIENCE)).await.map_err(CommandError::new)?;
        match status {
            200 => drop(cases.insert(story.payment_request_id.clone(), case)),
            404 => {}
            _ => return Err(CommandError::new(format!("GET {path} was answered {status}: {case}"))),
        }
    }
    Ok(cases)
}
