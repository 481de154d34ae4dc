//! Makes answers true again that the database has forgotten.
//!
//! A database that is copied to its standby only later loses its last commits in a failover. What was told is never taken back: each
//! cancel is decided again as it was received. One that is still recorded gets its answer from there, and nothing is written.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use domain::{Answer, Rule};
use metrics::counter;
use tokio::task::{JoinHandle, JoinSet};
use tracing::{error, warn};

use crate::Ports;
use crate::answered::AnsweredCancel;
use crate::cancel::{CancelAnswer, decide_asked};

/// How often the database is looked at, as long as anything is remembered.
const LOOK_EVERY: Duration = Duration::from_secs(2);
/// How many looks are passed over at most before the rest is asked again: a minute.
const LONGEST_PAUSE: u32 = 30;
/// How many are decided again at once.
const AT_ONCE: usize = 64;

/// What became of an answer.
enum Found {
    /// It is still recorded.
    Recorded,
    /// It was forgotten, and is recorded again.
    Restored,
    /// It was forgotten, and is another one now.
    Contradicted(Answer),
    /// It is not known yet.
    Unknown,
}

/// Watches whether the database has another history than the one that was answered from, and makes true again what it has forgotten.
/// Ends with its handle.
#[must_use]
pub fn watch_history(ports: &Arc<Ports>) -> JoinHandle<()> {
    let ports = Arc::clone(ports);
    tokio::spawn(async move {
        let (mut known, mut doubtful) = (ports.store.state().history, Vec::new());
        let (mut passed_over, mut pause) = (0, 0);
        loop {
            tokio::time::sleep(LOOK_EVERY).await;
            if ports.answered.is_empty() {
                continue;
            }
            // A look finds out which server it asks. Where none answers, others say so.
            let answers = ports.store.check().await.is_ok();
            let history = ports.store.state().history;
            if known.is_some_and(|known| history.is_some_and(|history| history > known)) {
                doubtful = ports.answered.all();
                (passed_over, pause) = (0, 0);
            }
            known = history.or(known);
            if !answers || doubtful.is_empty() {
                continue;
            }
            if passed_over < pause {
                passed_over += 1;
                continue;
            }
            doubtful = restore_in_order(&ports, doubtful).await;
            // What is left may wait for a core that is away, which is not to be asked without end.
            (passed_over, pause) = (0, (2 * pause + 1).min(LONGEST_PAUSE));
        }
    })
}

/// Acquirers that were told something come before those of the same case that were told nothing: the database may have forgotten whose it is.
async fn restore_in_order(ports: &Arc<Ports>, answered: Vec<AnsweredCancel>) -> Vec<AnsweredCancel> {
    let (told, waiting): (Vec<_>, Vec<_>) = answered.into_iter().partition(|answered| answered.answer != Answer::Pending);
    let mut unknown = restore(ports, told).await;
    let open: BTreeSet<_> = unknown.iter().map(|answered| answered.asked.id.clone()).collect();
    let (later, now): (Vec<_>, Vec<_>) = waiting.into_iter().partition(|answered| open.contains(&answered.asked.id));
    unknown.extend(later);
    unknown.extend(restore(ports, now).await);
    unknown
}

/// Decides them again, and returns those of which nothing is known yet.
async fn restore(ports: &Arc<Ports>, answered: Vec<AnsweredCancel>) -> Vec<AnsweredCancel> {
    let (all, mut restored, mut unknown, mut running) = (answered.len(), 0_usize, Vec::new(), JoinSet::new());
    let mut waiting = answered.into_iter();
    loop {
        while running.len() < AT_ONCE
            && let Some(answered) = waiting.next()
        {
            let ports = Arc::clone(ports);
            running.spawn(async move { (look_up(&ports, &answered).await, answered) });
        }
        let Some(ended) = running.join_next().await else { break };
        let Ok((found, AnsweredCancel { asked, answer })) = ended else { continue };
        let payment_request_id = &asked.id;
        match found {
            Found::Recorded => {}
            Found::Restored => {
                restored += 1;
                warn!(%payment_request_id, ?answer, "an answer that the database had forgotten is recorded again");
            }
            Found::Contradicted(now) => {
                counter!("rescind_answers_restored_total", "outcome" => "contradicted").increment(1);
                error!(
                    %payment_request_id, told = ?answer, ?now,
                    "an answer that the database had forgotten cannot be recorded again (an operator has to act)"
                );
            }
            Found::Unknown => unknown.push(AnsweredCancel { asked, answer }),
        }
    }
    counter!("rescind_answers_restored_total", "outcome" => "restored").increment(restored as u64);
    if restored > 0 {
        error!(restored, all, "the database had forgotten answers: they are recorded again (look at its replication)");
    }
    unknown
}

async fn look_up(ports: &Arc<Ports>, answered: &AnsweredCancel) -> Found {
    let Ok(CancelAnswer { answer, rule: Some(rule) }) = decide_asked(ports, &answered.again()).await else {
        return Found::Unknown;
    };
    match (rule, answered.answer) {
        (Rule::AnswerRecorded(_), told) if told == answer => Found::Recorded,
        // No answer was promised, and its receipt is recorded by now.
        (_, Answer::Pending) => Found::Recorded,
        (_, told) if told == answer => Found::Restored,
        (_, _) if answer == Answer::Pending => Found::Unknown,
        (_, _) => Found::Contradicted(answer),
    }
}
