//! Cancels that were answered lately, in case the database forgets them.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use domain::{AcquirerId, Answer, PaymentRequestId, Witness};

use crate::received_cancel::AskedCancel;

/// How many answers are remembered: those of ten seconds at ten thousand a second, when a database that fails loses less than one.
const MOST: usize = 100_000;
/// For how long: a failover takes a minute at most before somebody commits again.
const REMEMBERED_FOR: Duration = Duration::from_mins(10);

/// A cancel, and what was answered.
#[derive(Debug, Clone)]
pub(crate) struct AnsweredCancel {
    pub(crate) asked: AskedCancel,
    pub(crate) answer: Answer,
}

impl AnsweredCancel {
    /// The cancel as it has to be asked for again. What was answered stands on the moment at which it was received, and the clocks that
    /// said so may have been set since: so an S keeps the earliest of them. Where nothing was promised, doubt goes on being doubt.
    pub(crate) fn again(&self) -> AskedCancel {
        let AskedCancel { at, witness, .. } = self.asked;
        let (at, witness) = match self.answer {
            Answer::Pending => (at, witness),
            Answer::Cancelled => (witness.received_at(at), Witness::OurClocks),
            Answer::Refused(_) => (at, Witness::OurClocks),
        };
        AskedCancel { at, witness, ..self.asked.clone() }
    }
}

/// Several acquirers may wait for the same case, as long as nobody knows whose it is.
type Key = (PaymentRequestId, AcquirerId);

/// The latest answers of this process.
#[derive(Debug, Default)]
pub(crate) struct AnsweredCancels(Mutex<Latest>);

#[derive(Debug, Default)]
struct Latest {
    by_key: BTreeMap<Key, AnsweredCancel>,
    in_order: VecDeque<(Instant, Key)>,
}

impl AnsweredCancels {
    /// Remembers a cancel whose receipt is recorded. Of one acquirer and case the first receipt counts, which is the earliest, and the
    /// last answer; that it is not known yet takes none back.
    pub(crate) fn remember(&self, asked: &AskedCancel, answer: Answer, now: Instant) {
        let mut latest = self.lock();
        let key = (asked.id.clone(), asked.acquirer_id.clone());
        if let Some(known) = latest.by_key.get_mut(&key) {
            if answer != Answer::Pending {
                known.answer = answer;
            }
            return;
        }
        latest.by_key.insert(key.clone(), AnsweredCancel { asked: asked.clone(), answer });
        latest.in_order.push_back((now, key));
        let is_over = |at: &Instant| now.saturating_duration_since(*at) > REMEMBERED_FOR;
        while latest.in_order.len() > MOST || latest.in_order.front().is_some_and(|(at, _)| is_over(at)) {
            if let Some((_, key)) = latest.in_order.pop_front() {
                latest.by_key.remove(&key);
            }
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.lock().by_key.is_empty()
    }

    /// All that are remembered.
    pub(crate) fn all(&self) -> Vec<AnsweredCancel> {
        self.lock().by_key.values().cloned().collect()
    }

    fn lock(&self) -> MutexGuard<'_, Latest> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "a test stands outside and may measure real time")]
mod tests {
    use chrono::{DateTime, TimeDelta, Utc};
    use domain::Refusal;

    use super::*;

    fn asked(number: usize, at: Instant) -> AskedCancel {
        AskedCancel {
            id: PaymentRequestId::parse(format!("case-{number}")).unwrap(),
            acquirer_id: AcquirerId::parse("acquirer-1").unwrap(),
            at: DateTime::<Utc>::UNIX_EPOCH,
            arrived: at,
            witness: Witness::OurClocks,
        }
    }

    #[test]
    fn f79_answers_are_remembered_for_minutes_and_in_bounds() {
        let (answered, start) = (AnsweredCancels::default(), Instant::now());
        for number in 0..MOST + 10 {
            answered.remember(&asked(number, start), Answer::Cancelled, start);
        }
        assert_eq!(answered.all().len(), MOST);
        answered.remember(&asked(0, start), Answer::Cancelled, start + REMEMBERED_FOR + Duration::from_secs(1));
        assert_eq!(answered.all().len(), 1);
    }

    #[test]
    fn f79_of_one_case_the_first_receipt_and_the_last_answer_are_remembered() {
        let (answered, start) = (AnsweredCancels::default(), Instant::now());
        let later = start + Duration::from_secs(5);
        answered.remember(&asked(1, start), Answer::Pending, start);
        answered.remember(&asked(1, later), Answer::Cancelled, later);
        answered.remember(&asked(1, later), Answer::Pending, later);
        let all = answered.all();
        assert_eq!((all.len(), all[0].asked.arrived, all[0].answer), (1, start, Answer::Cancelled));
    }

    #[test]
    fn f79_each_acquirer_of_a_case_keeps_its_receipt_and_its_answer() {
        let (answered, start) = (AnsweredCancels::default(), Instant::now());
        let other = AskedCancel { acquirer_id: AcquirerId::parse("acquirer-2").unwrap(), ..asked(1, start) };
        answered.remember(&other, Answer::Pending, start);
        answered.remember(&asked(1, start), Answer::Cancelled, start);
        let all: Vec<_> = answered.all().into_iter().map(|one| (one.asked.acquirer_id.to_string(), one.answer)).collect();
        let expected = [("acquirer-1", Answer::Cancelled), ("acquirer-2", Answer::Pending)];
        assert_eq!(all, expected.map(|(acquirer, answer)| (acquirer.to_owned(), answer)));
    }

    /// An S may have come from the message's `Request-Time`, while the clocks of process and database were apart.
    #[test]
    fn f79_what_is_asked_again_keeps_the_moment_that_entitled_it() {
        let at = DateTime::<Utc>::UNIX_EPOCH;
        let again = |ahead: TimeDelta, answer| {
            let asked = AskedCancel { witness: Witness::RequestTime(at - ahead), ..asked(1, Instant::now()) };
            let AskedCancel { at, witness, .. } = AnsweredCancel { asked, answer }.again();
            (at, witness)
        };
        let (minute, day) = (TimeDelta::minutes(1), TimeDelta::days(1));
        assert_eq!(again(minute, Answer::Cancelled), (at - minute, Witness::OurClocks));
        assert_eq!(again(day, Answer::Cancelled), (at, Witness::OurClocks));
        assert_eq!(again(minute, Answer::Refused(Refusal::PartlyRefunded)), (at, Witness::OurClocks));
        assert_eq!(again(day, Answer::Pending), (at, Witness::RequestTime(at - day)));
    }
}
