//! Runs cases one after another, so that none disturbs another.

use std::io::IsTerminal;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use tokio::time::timeout;

use super::case::{Case, Group, Rule, Stage};
use super::transcript::Exchange;
use super::verdict::{CaseError, Verdict};

/// When a case hangs. What is slow is not: each wait of a case has a limit of its own, and all of them together end before.
const HANGS_AFTER: Duration = Duration::from_secs(30 * 60);

/// What became of a case.
pub(crate) struct Outcome {
    pub(crate) group: Group,
    pub(crate) name: &'static str,
    pub(crate) sends: &'static str,
    pub(crate) expects: &'static str,
    pub(crate) because: &'static Rule,
    pub(crate) verdict: Verdict,
    pub(crate) took: Duration,
    /// The last exchanges, and how many there were before them.
    pub(crate) exchanges: (Vec<Exchange>, usize),
}

/// Runs all of them, each on a stage of its own. Progress is shown on standard error, if that is a terminal.
pub(crate) async fn run<B: Stage>(stage: impl Fn() -> B, cases: &[(Group, &'static Case<B>)]) -> Vec<Outcome> {
    let progress = progress(cases.len());
    let mut outcomes = Vec::with_capacity(cases.len());
    for (group, case) in cases {
        progress.set_message(format!("{} {}", group.name(), case.name));
        let outcome = play(stage(), *group, case).await;
        if let Err(CaseError::Wrong(why)) = &outcome.verdict {
            progress.println(format!("failed: {} {}: {why}", group.name(), case.name));
        }
        outcomes.push(outcome);
        progress.inc(1);
    }
    progress.finish_and_clear();
    outcomes
}

async fn play<B: Stage>(stage: B, group: Group, case: &'static Case<B>) -> Outcome {
    let begun = Instant::now();
    let verdict = match stage.lacks(case.needs) {
        Some(why) => Err(CaseError::NotRun(why)),
        None => {
            let ended = timeout(HANGS_AFTER, (case.run)(stage.clone())).await;
            ended.unwrap_or_else(|_| CaseError::wrong(format!("it had not ended after {} s", HANGS_AFTER.as_secs())))
        }
    };
    let Case { name, sends, expects, because, .. } = case;
    Outcome { group, name, sends, expects, because, verdict, took: begun.elapsed(), exchanges: stage.transcript().kept() }
}

fn progress(cases: usize) -> ProgressBar {
    if !std::io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let bar = ProgressBar::with_draw_target(u64::try_from(cases).ok(), ProgressDrawTarget::stderr());
    let style = ProgressStyle::with_template("{bar:30} {pos}/{len} {elapsed} {wide_msg}");
    bar.with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
}
