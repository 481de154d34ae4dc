//! One batch: lock, load, decide, record, commit. The same for every engine.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use diesel::result::Error as DieselError;
use domain::{Case, Change, Command, Decision, PaymentRequestId, Policy, decide};
use metrics::counter;
use ports::{Decided, ReceivedCommand, UnavailableError};
use tracing::warn;

use crate::engine::SqlConnection;
use crate::metrics::BatchMetrics;
use crate::pool::unavailable;
use crate::rows::{CaseRow, EntryRow, EventRow, LoadedRows, RefundRow, ReversalRow, inconsistent};
use crate::store::SqlStore;
use crate::transaction::in_transaction;
use crate::writes::Writes;

/// A batch that failed is replayed one by one, but only for so long: past it, its callers are no longer waiting.
const REPLAY_WITHIN: Duration = Duration::from_secs(3);

/// One for each command of a batch.
pub(crate) type Outcomes = Vec<Result<Decided, UnavailableError>>;

/// What a batch decided.
pub(crate) struct BatchResult {
    /// One for each command.
    pub(crate) outcomes: Outcomes,
    pub(crate) writes: Writes,
    pub(crate) metrics: BatchMetrics,
}

/// A case before the batch and now, with the number of its timeline's last line.
struct CaseInBatch {
    before: Case,
    now: Case,
    last_event: i32,
}

/// One batch in one transaction: lock, load, decide, record, commit.
fn decide_batch<C: SqlConnection>(
    store: &SqlStore<C>,
    connection: &mut C,
    batch: &[ReceivedCommand],
) -> Result<Outcomes, DieselError> {
    let id = |received: &ReceivedCommand| received.command.id.as_str().to_owned();
    let ids = BTreeSet::from_iter(batch.iter().map(id));
    let opening = BTreeSet::from_iter(batch.iter().filter(|received| received.command.action.opens_case()).map(id));
    let (ids, opening) = (Vec::from_iter(ids), Vec::from_iter(opening));
    let (outcomes, metrics) = in_transaction(connection, |connection| {
        let rows = (store.engine.lock_and_load)(connection, &ids, &opening)?;
        let now = (store.engine.clock)(connection)?;
        let commands: Vec<Command> = batch.iter().map(|received| received.as_received(store.instant(), now)).collect();
        let BatchResult { outcomes, writes, metrics } = decide_all(&store.policy, rows, &commands);
        store.engine.record(connection, &writes)?;
        Ok((outcomes, metrics))
    })?;
    metrics.committed(batch, store.instant());
    Ok(outcomes)
}

/// Decides a batch, and one by one what fails together, so that one command's trouble is its own. It is safe after every failure:
/// what was rolled back is decided for the first time, and what was committed without our hearing of it is read back.
pub(crate) fn decide_or_replay<C: SqlConnection>(store: &SqlStore<C>, batch: &[ReceivedCommand]) -> Outcomes {
    let begun = store.instant();
    let reason = match store.writers.take().map(|mut connection| decide_batch(store, &mut *connection, batch)) {
        Ok(Ok(outcomes)) => return outcomes,
        Ok(Err(error)) => unavailable(&error),
        Err(unreachable) => return vec![Err(unreachable); batch.len()],
    };
    warn!(error = %reason, size = batch.len(), "a batch was rolled back: its commands are decided again one by one");
    counter!("rescind_batch_replays_total").increment(1);
    let mut in_trouble = BTreeSet::new();
    let mut alone = |received: &ReceivedCommand| {
        // What a case cannot do now it cannot do a moment later: its repeats must not use up the time of the others.
        if store.instant().saturating_duration_since(begun) > REPLAY_WITHIN || in_trouble.contains(&received.command.id) {
            return Err(reason.clone());
        }
        // A connection of its own: the last one may be lost.
        let decided = decide_batch(store, &mut *store.writers.take()?, std::slice::from_ref(received));
        let outcome = decided.map_err(|error| {
            in_trouble.insert(received.command.id.clone());
            unavailable(&error)
        });
        outcome?.pop().unwrap_or_else(|| Err(UnavailableError::because("a batch of one had no answer")))
    };
    batch.iter().map(&mut alone).collect()
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
