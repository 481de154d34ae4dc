//! One batch between loading and recording: pure, the same for every engine.

use std::collections::BTreeMap;

use diesel::result::Error as DieselError;
use domain::{Case, Change, Command, Decision, PaymentRequestId, Policy, decide};
use ports::{Decided, UnavailableError};

use crate::metrics::BatchMetrics;
use crate::rows::{CaseRow, EntryRow, EventRow, LoadedRows, RefundRow, ReversalRow, inconsistent};

/// What has to be written, at most one row a case in `cases` and `reversals`.
#[derive(Debug, Default)]
pub(crate) struct Writes {
    pub(crate) cases: Vec<CaseRow>,
    pub(crate) refunds: Vec<RefundRow>,
    pub(crate) reversals: Vec<ReversalRow>,
    pub(crate) events: Vec<EventRow>,
    pub(crate) entries: Vec<EntryRow>,
}

/// What a batch decided.
pub(crate) struct BatchResult {
    /// One for each command.
    pub(crate) outcomes: Vec<Result<Decided, UnavailableError>>,
    pub(crate) writes: Writes,
    pub(crate) metrics: BatchMetrics,
}

/// A case before the batch and now, with the number of its timeline's last line.
struct CaseInBatch {
    before: Case,
    now: Case,
    last_event: i32,
}

/// Decides the commands in order, each on the case as the one before left it.
pub(crate) fn decide_all(policy: &Policy, rows: LoadedRows, commands: &[Command]) -> BatchResult {
    let mut cases: BTreeMap<String, Result<CaseInBatch, UnavailableError>> = BTreeMap::new();
    for (id, last_event, case) in rows.into_cases() {
        let case = case.map(|case| CaseInBatch { before: case.clone(), now: case, last_event });
        cases.insert(id, case.map_err(inconsistent));
    }
    let (mut writes, mut metrics) = (Writes::default(), BatchMetrics::default());
    let outcomes = commands.iter().enumerate().map(|(index, command)| {
        let unknown = || {
            let case = Case::unknown(command.id.clone());
            Ok(CaseInBatch { before: case.clone(), now: case, last_event: 0 })
        };
        match cases.entry(command.id.as_str().to_owned()).or_insert_with(unknown) {
            Err(unavailable) => Err(unavailable.clone()),
            Ok(case) => {
                let decision = decide(policy, &case.now, command);
                metrics.see((index, command), &case.now, &decision);
                Ok(case.apply(decision, &mut writes))
            }
        }
    });
    let outcomes = outcomes.collect();
    cases.into_values().flatten().for_each(|case| case.write_to(&mut writes));
    BatchResult { outcomes, writes, metrics }
}

impl CaseInBatch {
    fn apply(&mut self, decision: Decision, writes: &mut Writes) -> Decided {
        let decided = Decided::of(&decision);
        if let Some(Change { case, events, entries }) = decision.change {
            for event in &events {
                self.last_event += 1;
                writes.events.push(EventRow::of(&case.id, self.last_event, event));
            }
            writes.entries.extend(entries.iter().map(|entry| EntryRow::of(&case.id, entry)));
            self.now = case;
        }
        decided
    }

    fn write_to(self, writes: &mut Writes) {
        if self.before == self.now {
            return;
        }
        let id: &PaymentRequestId = &self.now.id;
        writes.cases.push(CaseRow::of(&self.now, self.last_event));
        for (place, refund) in (0..).zip(&self.now.refunds) {
            if !self.before.refunds.contains(refund) {
                writes.refunds.push(RefundRow::of(id, place, refund));
            }
        }
        if self.before.reversal != self.now.reversal {
            writes.reversals.extend(self.now.reversal.iter().map(|reversal| ReversalRow::of(id, reversal)));
        }
    }
}

impl Writes {
    pub(crate) fn is_empty(&self) -> bool {
        self.cases.is_empty() && self.events.is_empty() && self.entries.is_empty()
    }
}

/// A write has to change as many rows as it names; anything else means that a lock did not hold.
pub(crate) fn ensure_written(table: &str, expected: usize, written: impl TryInto<usize>) -> Result<(), DieselError> {
    let written = written.try_into().unwrap_or(usize::MAX);
    if expected == written {
        return Ok(());
    }
    Err(DieselError::SerializationError(format!("{written} of {expected} rows were written to {table}").into()))
}
