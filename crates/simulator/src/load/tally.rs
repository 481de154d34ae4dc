//! What came of each request, and how long it took.

use std::collections::BTreeMap;
use std::time::Duration;

use hdrhistogram::Histogram;
use serde_json::{Value, json};

use crate::output::CommandError;

/// Latencies are told in microseconds with three digits.
const DIGITS: u8 = 3;
/// The longest latency that is told apart from longer ones.
const LONGEST: Duration = Duration::from_secs(3600);

/// What came of a request: one of the names that a [`Tally`] knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Kind(u16);

/// It was never sent.
pub(crate) const NOT_SENT: Kind = Kind(0);
/// It was sent, and no answer came within Alipay+'s patience, or its connection broke.
pub(crate) const NO_ANSWER: Kind = Kind(1);

/// What came of all requests of a run.
pub(crate) struct Tally {
    names: Vec<String>,
    counts: Vec<u64>,
    kinds: Vec<Kind>,
    since_due: Histogram<u64>,
    since_sent: Histogram<u64>,
    /// From the first request until the last one was sent.
    pub(crate) sending: Duration,
    /// How long this program was on a processor.
    pub(crate) processor: Duration,
    /// How many answers came while requests were still being sent.
    pub(crate) answered_while_sending: u64,
}

impl Tally {
    pub(crate) fn new(requests: usize) -> Result<Self, CommandError> {
        let histogram = || {
            let longest = u64::try_from(LONGEST.as_micros()).unwrap_or(u64::MAX);
            Histogram::new_with_bounds(1, longest, DIGITS).map_err(|error| CommandError::new(format!("no histogram: {error}")))
        };
        Ok(Self {
            names: ["not sent", "no answer"].map(str::to_owned).to_vec(),
            counts: vec![0; 2],
            kinds: vec![NOT_SENT; requests],
            since_due: histogram()?,
            since_sent: histogram()?,
            sending: Duration::ZERO,
            processor: Duration::ZERO,
            answered_while_sending: 0,
        })
    }

    /// The kind of this name, known from now on.
    pub(crate) fn kind(&mut self, name: &str) -> Kind {
        let known = self.names.iter().position(|known| known == name).unwrap_or_else(|| {
            self.names.push(name.to_owned());
            self.counts.push(0);
            self.names.len() - 1
        });
        Kind(u16::try_from(known).unwrap_or(u16::MAX))
    }

    pub(crate) fn ended(&mut self, index: usize, kind: Kind) {
        if let (Some(place), Some(count)) = (self.kinds.get_mut(index), self.counts.get_mut(usize::from(kind.0))) {
            *place = kind;
            *count += 1;
        }
    }

    pub(crate) fn took(&mut self, since_due: Duration, since_sent: Duration) {
        let microseconds = |time: Duration| u64::try_from(time.as_micros()).unwrap_or(u64::MAX);
        self.since_due.saturating_record(microseconds(since_due));
        self.since_sent.saturating_record(microseconds(since_sent));
    }

    /// What came of a request.
    pub(crate) fn of(&self, index: usize) -> &str {
        let kind = self.kinds.get(index).copied().unwrap_or(NOT_SENT);
        self.names.get(usize::from(kind.0)).map_or("", String::as_str)
    }

    pub(crate) fn count(&self, name: &str) -> u64 {
        self.counted().get(name).copied().unwrap_or(0)
    }

    /// The names of all that came of requests.
    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.counted().into_keys()
    }

    fn counted(&self) -> BTreeMap<&str, u64> {
        let counted = self.names.iter().map(String::as_str).zip(self.counts.iter().copied());
        counted.filter(|(_, count)| *count > 0).collect()
    }

    /// Answers a second, over the time in which requests were being sent.
    pub(crate) fn rate(&self) -> f64 {
        let seconds = self.sending.as_secs_f64();
        if seconds > 0.0 { self.answered_while_sending as f64 / seconds } else { 0.0 }
    }

    /// What a program reads. `connections` is given for a closed loop: there, a slow answer also keeps back the requests that its
    /// connection would have sent meanwhile, and the percentiles are corrected for them (coordinated omission). In an open loop a
    /// latency counts from the moment at which its request was due, which needs no correction.
    pub(crate) fn report(&self, connections: Option<usize>) -> Value {
        let interval = connections.map(|connections| connections as f64 / self.rate().max(1.0) * 1e6);
        let corrected = interval.map(|interval| self.since_sent.clone_correct(interval as u64));
        let latency = corrected.as_ref().unwrap_or(&self.since_due);
        json!({
            "answers": self.counted(),
            "seconds": self.sending.as_secs_f64(),
            "rate": self.rate(),
            "cpu_seconds": self.processor.as_secs_f64(),
            "latency_ms": percentiles(latency),
            "latency_since_sent_ms": percentiles(&self.since_sent),
        })
    }
}

fn percentiles(histogram: &Histogram<u64>) -> Value {
    let at = |percentile: f64| histogram.value_at_percentile(percentile) as f64 / 1_000.0;
    json!({ "p50": at(50.0), "p90": at(90.0), "p99": at(99.0), "p99_9": at(99.9), "max": histogram.max() as f64 / 1_000.0 })
}

#[cfg(test)]
mod tests {
    use super::*;

    const MILLISECOND: Duration = Duration::from_millis(1);

    #[test]
    fn each_request_has_one_end_and_ends_are_counted() {
        let mut tally = Tally::new(4).unwrap();
        let (cancelled, refused) = (tally.kind("S SUCCESS"), tally.kind("F PROCESS_FAIL"));
        assert_eq!(tally.kind("S SUCCESS"), cancelled);
        tally.ended(0, cancelled);
        tally.ended(2, refused);
        tally.ended(3, NO_ANSWER);
        let ends: Vec<_> = (0..4).map(|index| tally.of(index)).collect();
        assert_eq!(ends, ["S SUCCESS", "not sent", "F PROCESS_FAIL", "no answer"]);
        assert_eq!(tally.report(None)["answers"], json!({"S SUCCESS": 1, "F PROCESS_FAIL": 1, "no answer": 1}));
        assert_eq!((tally.count("S SUCCESS"), tally.count("U UNKNOWN_EXCEPTION")), (1, 0));
    }

    #[test]
    fn a_stall_of_a_closed_loop_counts_for_the_requests_it_kept_back() {
        let mut tally = Tally::new(0).unwrap();
        (0..99).for_each(|_| tally.took(MILLISECOND, MILLISECOND));
        tally.took(100 * MILLISECOND, 100 * MILLISECOND);
        (tally.sending, tally.answered_while_sending) = (Duration::from_millis(199), 100);
        let report = tally.report(Some(1));
        let p90 = |of: &str| report[of]["p90"].as_f64().unwrap();
        assert!(p90("latency_since_sent_ms") < 1.1, "{report}");
        assert!(p90("latency_ms") > 50.0, "{report}");
    }

    #[test]
    fn a_latency_of_an_open_loop_counts_from_when_its_request_was_due() {
        let mut tally = Tally::new(0).unwrap();
        tally.took(50 * MILLISECOND, MILLISECOND);
        let report = tally.report(None);
        let p50 = |of: &str| report[of]["p50"].as_f64().unwrap().round();
        assert_eq!((p50("latency_ms"), p50("latency_since_sent_ms")), (50.0, 1.0));
    }
}
