//! Cancels that were answered lately, in case the database forgets them.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use domain::Answer;

use crate::received_cancel::ReceivedCancel;

/// How many answers are remembered: those of ten seconds at ten thousand a second, when a database that fails loses less than one.
const MOST: usize = 100_000;
/// For how long: a failover takes a minute at most before somebody commits again.
const REMEMBERED_FOR: Duration = Duration::from_mins(10);

/// A cancel, and what was answered.
#[derive(Debug, Clone)]
pub(crate) struct AnsweredCancel {
    pub(crate) cancel: ReceivedCancel,
    pub(crate) answer: Answer,
}

/// The latest answers of this process.
#[derive(Debug, Default)]
pub(crate) struct AnsweredCancels(Mutex<Latest>);

#[derive(Debug, Default)]
struct Latest {
    by_id: BTreeMap<String, AnsweredCancel>,
    in_order: VecDeque<(Instant, String)>,
}

impl AnsweredCancels {
    /// Remembers a cancel that was decided. Of one case the first receipt counts, which is the earliest, and the last answer.
    pub(crate) fn remember(&self, cancel: &ReceivedCancel, answer: Answer, now: Instant) {
        let mut latest = self.lock();
        let id = cancel.id.as_str();
        if let Some(known) = latest.by_id.get_mut(id) {
            known.answer = answer;
            return;
        }
        latest.by_id.insert(id.to_owned(), AnsweredCancel { cancel: cancel.clone(), answer });
        latest.in_order.push_back((now, id.to_owned()));
        let is_over = |at: &Instant| now.saturating_duration_since(*at) > REMEMBERED_FOR;
        while latest.in_order.len() > MOST || latest.in_order.front().is_some_and(|(at, _)| is_over(at)) {
            if let Some((_, id)) = latest.in_order.pop_front() {
                latest.by_id.remove(&id);
            }
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.lock().by_id.is_empty()
    }

    /// All that are remembered.
    pub(crate) fn all(&self) -> Vec<AnsweredCancel> {
        self.lock().by_id.values().cloned().collect()
    }

    fn lock(&self) -> MutexGuard<'_, Latest> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "a test stands outside and may measure real time")]
mod tests {
    use chrono::{DateTime, Utc};
    use domain::{AcquirerId, PaymentRequestId};

    use super::*;

    fn received(number: usize, at: Instant) -> ReceivedCancel {
        ReceivedCancel {
            id: PaymentRequestId::parse(format!("case-{number}")).unwrap(),
            acquirer_id: AcquirerId::parse("acquirer-1").unwrap(),
            received_at: DateTime::<Utc>::UNIX_EPOCH,
            arrived: at,
        }
    }

    #[test]
    fn f79_answers_are_remembered_for_minutes_and_in_bounds() {
        let (answered, start) = (AnsweredCancels::default(), Instant::now());
        for number in 0..MOST + 10 {
            answered.remember(&received(number, start), Answer::Cancelled, start);
        }
        assert_eq!(answered.all().len(), MOST);
        answered.remember(&received(0, start), Answer::Cancelled, start + REMEMBERED_FOR + Duration::from_secs(1));
        assert_eq!(answered.all().len(), 1);
    }

    #[test]
    fn f79_of_one_case_the_first_receipt_and_the_last_answer_are_remembered() {
        let (answered, start) = (AnsweredCancels::default(), Instant::now());
        let later = start + Duration::from_secs(5);
        answered.remember(&received(1, start), Answer::Pending, start);
        answered.remember(&received(1, later), Answer::Cancelled, later);
        let all = answered.all();
        assert_eq!((all.len(), all[0].cancel.arrived, all[0].answer), (1, start, Answer::Cancelled));
    }
}
