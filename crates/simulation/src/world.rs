//! What all processes and callers of one deployment share.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use domain::PaymentRequestId;

use crate::core::Books;
use crate::faults::FaultKind;
use crate::plants::Plant;
use crate::promises::Promises;
use crate::random::Random;
use crate::recorder::{Recorder, lock};
use crate::rulebook::RuleBook;
use crate::terms::Terms;
use crate::time::TrueTime;
use crate::violations::ViolationKind;

/// The world around the processes of a deployment, with the checkers that look at it.
#[derive(Debug)]
pub(crate) struct World {
    pub(crate) terms: Terms,
    pub(crate) time: Arc<TrueTime>,
    pub(crate) recorder: Arc<Recorder>,
    pub(crate) books: Mutex<Books>,
    pub(crate) rules: Mutex<RuleBook>,
    pub(crate) promises: Mutex<Promises>,
    pub(crate) plant: Option<Plant>,
    /// How long ports take, drawn anew at each call.
    latency: Mutex<Random>,
    /// How many calls go on at once, by port.
    running: Mutex<BTreeMap<&'static str, usize>>,
}

impl World {
    pub(crate) fn new(
        terms: Terms,
        time: Arc<TrueTime>,
        recorder: Arc<Recorder>,
        (latency, plant): (Random, Option<Plant>),
    ) -> Self {
        Self {
            terms,
            time,
            recorder,
            books: Mutex::default(),
            rules: Mutex::default(),
            promises: Mutex::default(),
            plant,
            latency: Mutex::new(latency),
            running: Mutex::default(),
        }
    }

    /// A line of the trace.
    pub(crate) fn trace(&self, what: std::fmt::Arguments<'_>) {
        self.recorder.trace(self.time.now(), what);
    }

    /// Whether this fault happens here, with a line in the trace.
    pub(crate) fn strikes(&self, kind: FaultKind, about: &dyn std::fmt::Display) -> Option<u64> {
        let how = self.recorder.strikes(kind)?;
        self.trace(format_args!("FAULT {} {about}", kind.name()));
        Some(how)
    }

    /// Records a finding.
    pub(crate) fn violates(&self, kind: ViolationKind, about: &dyn std::fmt::Display, text: String) {
        self.recorder.violates(self.time.now(), kind, (&about.to_string(), text));
    }

    /// Some time passes, drawn between these milliseconds.
    pub(crate) async fn takes(&self, least: u64, most: u64) {
        let millis = lock(&self.latency).within(least, most);
        tokio::time::sleep(std::time::Duration::from_millis(millis)).await;
    }

    /// A call of a port begins; more at once than `bound` are too many.
    pub(crate) fn enters(&self, port: &'static str, bound: usize) {
        let running = {
            let mut running = lock(&self.running);
            let count = running.entry(port).or_default();
            *count += 1;
            *count
        };
        if running > bound {
            self.violates(ViolationKind::Unbounded, &port, format!("{running} calls at once, and {bound} are the bound"));
        }
    }

    /// A call of a port ends.
    pub(crate) fn leaves(&self, port: &'static str) {
        if let Some(count) = lock(&self.running).get_mut(port) {
            *count = count.saturating_sub(1);
        }
    }

    /// A window begins, in which nothing of the last one runs.
    pub(crate) fn forget_running(&self) {
        lock(&self.running).clear();
    }

    /// Whether the core was made to fail for this payment for ever.
    pub(crate) fn never_ends(&self, id: &PaymentRequestId) -> bool {
        lock(&self.books).find(id).is_some_and(|known| known.fails_for_ever || known.lookup_fails_for_ever)
    }
}
