//! What batches did, counted once they are committed.

use std::time::Instant;

use chrono::{DateTime, Utc};
use domain::{Action, Answer, AttemptEnd, CancelReply, Case, Command, Decision, Reply, ReversalOutcome};
use metrics::{counter, histogram};
use ports::ReceivedCommand;

/// What a batch did that is worth counting.
#[derive(Debug, Default)]
pub(crate) struct BatchMetrics {
    /// Cancels whose recorded answer was given again.
    repeats: u64,
    /// The commands by which money came back, as their index in the batch, and since when the reversal was open.
    given_back: Vec<(usize, DateTime<Utc>)>,
}

impl BatchMetrics {
    /// Counts a decision; `index` is the command's in the batch.
    pub(crate) fn see(&mut self, (index, command): (usize, &Command), before: &Case, decision: &Decision) {
        let is_final = matches!(decision.reply, Reply::Cancel(CancelReply::Answered(Answer::Cancelled | Answer::Refused(_))));
        match &decision.change {
            None if is_final && matches!(command.action, Action::Cancel(_)) => self.repeats += 1,
            None => {}
            Some(change) if change.case.is_money_returned() && !before.is_money_returned() && !moved_nothing(&command.action) => {
                self.given_back.extend(change.case.waiting_since().map(|since| (index, since)));
            }
            Some(_) => {}
        }
    }

    /// Counts it. A batch that was rolled back did nothing.
    pub(crate) fn committed(&self, batch: &[ReceivedCommand], now: Instant) {
        counter!("rescind_repeats_total").increment(self.repeats);
        for (ReceivedCommand { command, arrived }, since) in
            self.given_back.iter().filter_map(|(index, since)| Some((batch.get(*index)?, since)))
        {
            // By the clock that the command's own moment is of: a wallet's clock that is ahead makes no money come back early.
            let seconds = now.saturating_duration_since(*arrived).as_secs_f64() + (command.at - *since).as_seconds_f64();
            histogram!("rescind_time_to_money_seconds").record(seconds.max(0.0));
        }
    }
}

/// Whether a core said that there was nothing to move, or that it must not be moved.
fn moved_nothing(action: &Action) -> bool {
    matches!(
        action,
        Action::CompleteAttempt(AttemptEnd {
            outcome: ReversalOutcome::NothingToDo | ReversalOutcome::PartlyRefunded(_) | ReversalOutcome::FullyRefunded,
            ..
        })
    )
}
