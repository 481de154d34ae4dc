//! One batch between loading and recording: pure, the same for both engines.

use std::collections::BTreeMap;

use diesel::result::Error as DieselError;
use domain::{Case, Change, Command, Decision, PaymentRequestId, Policy, decide};
use ports::{Decided, UnavailableError};
use serde::Serialize;

use crate::metrics::BatchMetrics;
use crate::rows::{CaseRow, EntryRow, EventRow, InconsistentRowError, RefundRow, ReversalRow};

/// The cases of a batch, as they were found under their locks.
#[derive(Debug, Clone, Default)]
pub(crate) struct LoadedRows {
    pub(crate) cases: Vec<CaseRow>,
    pub(crate) refunds: Vec<RefundRow>,
    pub(crate) reversals: Vec<ReversalRow>,
}

/// What has to be written, at most one row a case in `cases` and `reversals`.
#[derive(Debug, Default, Serialize)]
pub(crate) struct Writes {
    pub(crate) cases: Vec<CaseRow>,
    pub(crate) refunds: Vec<RefundRow>,
    pub(crate) reversals: Vec<ReversalRow>,
    pub(crate) events: Vec<EventRow>,
    pub(crate) entries: Vec<EntryRow>,
}

/// What a batch came to.
pub(crate) struct BatchResult {
    /// One for each command.
    pub(crate) outcomes: Vec<Result<Decided, UnavailableError>>,
    pub(crate) writes: Writes,
    pub(crate) metrics: BatchMetrics,
}

/// A case with the number of its timeline's last line.
struct CaseInBatch {
    before: Case,
    now: Case,
    last_event: i32,
}

impl LoadedRows {
    /// The cases that the rows speak of; a row that says the impossible spoils its own case only.
    pub(crate) fn into_cases(self) -> Vec<(String, i32, Result<Case, InconsistentRowError>)> {
        let mut refunds: BTreeMap<String, Vec<RefundRow>> = BTreeMap::new();
        for refund in self.refunds {
            refunds.entry(refund.payment_request_id.clone()).or_default().push(refund);
        }
        let mut reversals: BTreeMap<_, _> =
            self.reversals.into_iter().map(|reversal| (reversal.payment_request_id.clone(), reversal)).collect();
        let case = |row: CaseRow| {
            let (id, last_event) = (row.payment_request_id.clone(), row.last_event);
            let mut refunds = refunds.remove(&id).unwrap_or_default();
            refunds.sort_by_key(|refund| refund.place);
            let case = row.into_case(refunds, reversals.remove(&id));
            (id, last_event, case)
        };
        self.cases.into_iter().map(case).collect()
    }
}

/// Decides the commands in order, each on the case as the one before left it.
pub(crate) fn decide_all(policy: &Policy, found: LoadedRows, commands: &[Command]) -> BatchResult {
    let hold = |(id, last_event, case): (String, i32, Result<Case, InconsistentRowError>)| {
        let held = case.map(|case| CaseInBatch { before: case.clone(), now: case, last_event });
        (id, held.map_err(|inconsistent| UnavailableError::because(inconsistent.to_string())))
    };
    let mut held: BTreeMap<String, Result<CaseInBatch, UnavailableError>> = found.into_cases().into_iter().map(hold).collect();
    let (mut writes, mut metrics) = (Writes::default(), BatchMetrics::default());
    let outcomes = commands.iter().enumerate().map(|(place, command)| {
        let unknown = || {
            let case = Case::unknown(command.id.clone());
            Ok(CaseInBatch { before: case.clone(), now: case, last_event: 0 })
        };
        match held.entry(command.id.as_str().to_owned()).or_insert_with(unknown) {
            Err(unavailable) => Err(unavailable.clone()),
            Ok(case) => {
                let decision = decide(policy, &case.now, command);
                metrics.see((place, command), &case.now, &decision);
                Ok(case.apply(decision, &mut writes))
            }
        }
    });
    let outcomes = outcomes.collect();
    held.into_values().flatten().for_each(|case| case.write_to(&mut writes));
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

/// Rows as the one JSON parameter of a statement, so that its text is the same for every size of batch.
pub(crate) fn json(rows: &(impl Serialize + ?Sized)) -> Result<String, DieselError> {
    serde_json::to_string(rows).map_err(|error| DieselError::SerializationError(error.into()))
}

/// A write has to change as many rows as it names; anything else means that a lock was not one.
pub(crate) fn ensure_written(table: &'static str, expected: usize, written: impl TryInto<usize>) -> Result<(), DieselError> {
    let written = written.try_into().unwrap_or(usize::MAX);
    if expected == written {
        return Ok(());
    }
    Err(DieselError::SerializationError(format!("{written} of {expected} rows were written to {table}").into()))
}
