//! Runs cases one after another, so that none disturbs another.

use std::io::IsTerminal;
use std::sync::Arc;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use tokio::time::timeout;

use super::bench::{Bench, Exchange, Setting};
use super::case::{Case, Group, Needs};
use super::verdict::{CaseError, Verdict};

/// How long a case may take: the retries that it waits for, and more.
const PATIENCE: Duration = Duration::from_secs(180);

/// What became of a case.
pub(super) struct Outcome {
    pub(super) group: Group,
    pub(super) case: &'static Case,
    pub(super) verdict: Verdict,
    pub(super) took: Duration,
    /// The last exchanges, and how many there were before them.
    pub(super) exchanges: (Vec<Exchange>, usize),
}

/// Runs all of them. Progress is shown on standard error, if that is a terminal.
pub(super) async fn run(setting: &Arc<Setting>, cases: &[(Group, &'static Case)]) -> Vec<Outcome> {
    let progress = progress(cases.len());
    let mut outcomes = Vec::with_capacity(cases.len());
    for (group, case) in cases {
        progress.set_message(format!("{} {}", group.name(), case.name));
        let bench = Bench::new(Arc::clone(setting));
        let begun = Instant::now();
        let verdict = if case.needs == Needs::Driver && setting.driver.is_none() {
            Err(CaseError::NotRun("it needs a wallet driver".to_owned()))
        } else {
            let ended = timeout(PATIENCE, (case.run)(bench.clone())).await;
            ended.unwrap_or_else(|_| CaseError::wrong(format!("it had not ended after {} s", PATIENCE.as_secs())))
        };
        if let Err(CaseError::Wrong(why)) = &verdict {
            progress.println(format!("failed: {} {}: {why}", group.name(), case.name));
        }
        let (took, exchanges) = (begun.elapsed(), bench.transcript().kept());
        outcomes.push(Outcome { group: *group, case, verdict, took, exchanges });
        progress.inc(1);
    }
    progress.finish_and_clear();
    outcomes
}

fn progress(cases: usize) -> ProgressBar {
    if !std::io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let bar = ProgressBar::with_draw_target(u64::try_from(cases).ok(), ProgressDrawTarget::stderr());
    let style = ProgressStyle::with_template("{bar:30} {pos}/{len} {elapsed} {wide_msg}");
    bar.with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
}
