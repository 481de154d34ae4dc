//! One batch: lock, load, decide, record, commit. The same for every engine.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use diesel::result::Error as DieselError;
use domain::{Case, Change, Command, Decision, Entry, Event, PaymentRequestId, Policy, decide};
use metrics::counter;
use ports::{Decided, ReceivedCommand, UnavailableError, UnavailableKind};
use tracing::warn;

use crate::deadline::Deadline;
use crate::engine::{Locked, SqlConnection};
use crate::metrics::BatchMetrics;
use crate::pool::{Loan, unavailable};
use crate::rows::{
    CaseKey, CaseRow, DeferralRow, EntryRow, EventRow, LoadedCase, LoadedRows, ReceiptRow, RefundRow, ResolutionRow, ReversalRow,
    inconsistent,
};
use crate::sql::TableRow;
use crate::store::SqlStore;
use crate::transaction::in_transaction;
use crate::writes::Writes;

/// A batch that failed is replayed one by one, but only for so long: past it, its callers are no longer waiting.
const REPLAY_WITHIN: Duration = Duration::from_secs(3);

/// One for each command of a batch.
pub(crate) type Outcomes = Vec<Result<Decided, UnavailableError>>;

/// What a batch decided.
pub(crate) struct DecidedBatch {
    /// One for each command.
    pub(crate) outcomes: Outcomes,
    cases: BTreeMap<String, Result<CaseInBatch, UnavailableError>>,
    metrics: BatchMetrics,
}

/// A case before the batch and now, with what the batch adds to its timeline and to the ledger.
struct CaseInBatch {
    bucket: i16,
    /// The number of the timeline's last line before the batch.
    last_event: i32,
    /// Whether the reversal had a row of its own before.
    has_reversal_row: bool,
    /// As it was before its first change.
    before: Option<Case>,
    now: Case,
    events: Vec<Event>,
    /// Each with the index of its command: entries of several cases are booked in the order of the commands.
    entries: Vec<(usize, Entry)>,
}

/// One batch in one transaction: lock, load, decide, record, commit.
fn decide_batch<C: SqlConnection>(
    store: &SqlStore<C>,
    loan: &mut Loan<C>,
    batch: &[ReceivedCommand],
) -> Result<Outcomes, DieselError> {
    let mut opens: BTreeMap<&str, bool> = BTreeMap::new();
    for ReceivedCommand { command, .. } in batch {
        *opens.entry(command.id.as_str()).or_default() |= command.action.opens_case();
    }
    let keys: Vec<_> = opens.keys().map(|id| CaseKey::of(id)).collect();
    let opening: Vec<_> = keys.iter().zip(opens.values()).filter(|(_, opens)| **opens).map(|(key, _)| *key).collect();
    let decided = in_transaction(loan, |connection, session| {
        let Locked { rows, now, .. } = store.engine.lock_and_load(connection, session, (&keys, &opening))?;
        let commands: Vec<Command> = batch.iter().map(|received| received.as_received(store.instant(), now)).collect();
        let decided = decide_all(&store.policy, rows, &commands);
        let writes = decided.writes();
        store.engine.record(connection, &writes)?;
        // What is only repeated was committed by somebody whose wait for the standby may have been cancelled.
        if writes.cases.is_empty() && session.waits_for_standby() {
            (session.fence)(connection)?;
        }
        Ok(decided)
    })?;
    decided.metrics.committed(batch, store.instant());
    Ok(decided.outcomes)
}

/// Decides a batch, and one by one what fails together, so that one command's trouble is its own. It is safe after every failure:
/// what was rolled back is decided for the first time, and what was committed without our hearing of it is read back.
pub(crate) fn decide_or_replay<C: SqlConnection>(
    store: &SqlStore<C>,
    batch: &[ReceivedCommand],
    deadline: &Deadline,
) -> Outcomes {
    let begun = store.instant();
    let reason = match store.writers.take_unasked(deadline).map(|mut loan| decide_batch(store, &mut loan, batch)) {
        Ok(Ok(outcomes)) => return still_there(store, outcomes),
        Ok(Err(error)) => failed(store, &error),
        Err(unreachable) => return vec![Err(unreachable); batch.len()],
    };
    warn!(error = %reason, size = batch.len(), "a batch was rolled back: its commands are decided again one by one");
    counter!("rescind_batch_replays_total").increment(1);
    let mut in_trouble = BTreeSet::new();
    let mut alone = |received: &ReceivedCommand| {
        // What a case cannot do now it cannot do a moment later: its repeats must not use up the time of the others.
        if store.writers.runner.since(begun) > REPLAY_WITHIN || in_trouble.contains(&received.command.id) {
            return Err(reason.clone());
        }
        // A connection of its own: the last one may be lost.
        let decided = decide_batch(store, &mut store.writers.take(deadline)?, std::slice::from_ref(received));
        let outcome = decided.map_err(|error| {
            in_trouble.insert(received.command.id.clone());
            failed(store, &error)
        });
        outcome?.pop().unwrap_or_else(|| Err(UnavailableError::because("a batch of one had no answer")))
    };
    still_there(store, batch.iter().map(&mut alone).collect())
}

/// The outcomes, unless they were committed to a file that had just gone.
fn still_there<C: SqlConnection>(store: &SqlStore<C>, outcomes: Outcomes) -> Outcomes {
    match store.writers.check_file() {
        Ok(()) => outcomes,
        Err(gone) => vec![Err(gone); outcomes.len()],
    }
}

/// What it means that a batch failed; a look at the database then looks for room as well.
fn failed<C: SqlConnection>(store: &SqlStore<C>, error: &DieselError) -> UnavailableError {
    let unavailable = unavailable(error);
    if unavailable.kind() == UnavailableKind::StoreFull {
        store.writers.history.set_full(true);
    }
    unavailable
}

/// Decides the commands in order, each on the case as the one before left it.
pub(crate) fn decide_all(policy: &Policy, rows: LoadedRows, commands: &[Command]) -> DecidedBatch {
    let loaded = rows.into_cases().into_iter().map(CaseInBatch::loaded);
    let (mut cases, mut metrics) = (BTreeMap::from_iter(loaded), BatchMetrics::default());
    let decided = commands.iter().enumerate().map(|(index, command)| {
        let id = command.id.as_str();
        if !cases.contains_key(id) {
            cases.insert(id.to_owned(), Ok(CaseInBatch::unknown(&command.id)));
        }
        match cases.get_mut(id) {
            Some(Ok(case)) => {
                let decision = decide(policy, &case.now, command);
                metrics.see((index, command), &case.now, &decision);
                Ok(case.apply(index, decision))
            }
            Some(Err(unreadable)) => Err(unreadable.clone()),
            None => Err(UnavailableError::because("a case of the batch is missing")),
        }
    });
    let outcomes = decided.collect();
    DecidedBatch { outcomes, cases, metrics }
}

impl DecidedBatch {
    /// What has to be written of it, which is nothing where nothing changed.
    pub(crate) fn writes(&self) -> Writes<'_> {
        let mut writes = Writes::default();
        let mut entries = Vec::new();
        for case in self.cases.values().flatten() {
            case.write_to(&mut writes);
            entries.extend(case.entries.iter().map(|(index, entry)| (index, EntryRow::of(case.key(), entry))));
        }
        entries.sort_by_key(|(index, _)| *index);
        writes.entries.extend(entries.into_iter().map(|(_, entry)| entry));
        writes
    }
}

impl CaseInBatch {
    fn unknown(id: &PaymentRequestId) -> Self {
        Self::of(Case::unknown(id.clone()), (CaseKey::from(id).bucket, 0, false))
    }

    fn loaded(loaded: LoadedCase) -> (String, Result<Self, UnavailableError>) {
        let LoadedCase { id, bucket, last_event, has_reversal_row, case } = loaded;
        (id, case.map(|case| Self::of(case, (bucket, last_event, has_reversal_row))).map_err(inconsistent))
    }

    fn of(now: Case, (bucket, last_event, has_reversal_row): (i16, i32, bool)) -> Self {
        Self { bucket, last_event, has_reversal_row, before: None, now, events: Vec::new(), entries: Vec::new() }
    }

    fn apply(&mut self, index: usize, decision: Decision) -> Decided {
        let decided = Decided::of(&decision);
        if let Some(Change { case, events, entries }) = decision.change {
            self.events.extend(events);
            self.entries.extend(entries.into_iter().map(|entry| (index, entry)));
            let before = std::mem::replace(&mut self.now, case);
            self.before.get_or_insert(before);
        }
        decided
    }

    fn key(&self) -> CaseKey<'_> {
        CaseKey { id: self.now.id.as_str(), bucket: self.bucket }
    }

    fn write_to<'a>(&'a self, writes: &mut Writes<'a>) {
        let Self { last_event, has_reversal_row, before: Some(before), now, events, .. } = self else { return };
        let key = self.key();
        let last_line = last_event.saturating_add(i32::try_from(events.len()).unwrap_or(i32::MAX));
        let was = CaseRow::of(key, before, (*last_event, *has_reversal_row));
        let row = CaseRow::of(key, now, (last_line, *has_reversal_row));
        writes.groups = writes.groups.and(row.differing(&was)).and(CaseRow::ALWAYS);
        writes.cases.push(row);
        writes.events.extend(EventRow::of(key, last_event.saturating_add(1), events));
        for (place, refund) in (0..).zip(&now.refunds) {
            match before.refunds.iter().find(|known| known.id == refund.id) {
                None => writes.refunds.new.push(RefundRow::of(key, place, refund)),
                Some(known) if known != refund => writes.refunds.changed.push(RefundRow::of(key, place, refund)),
                Some(_) => {}
            }
        }
        write_waiting(writes, key, (before, now));
        // A line would have made it void, so that it is the last line that asks for it.
        let asked = now.resolution.as_ref().filter(|_| !events.is_empty());
        writes.resolutions.extend(asked.map(|asked| ResolutionRow::of(key, last_line, asked)));
        if let Some(reversal) = ReversalRow::of(key, now, *has_reversal_row) {
            if !has_reversal_row {
                writes.reversals.new.push(reversal);
            } else if before.reversal != now.reversal {
                writes.reversals.changed.push(reversal);
            }
        }
    }
}

/// How a deferred cancel waits, and who else asked: rows that are there only as long as it waits.
fn write_waiting<'a>(writes: &mut Writes<'a>, key: CaseKey<'a>, (before, now): (&'a Case, &'a Case)) {
    match (&before.deferral, &now.deferral) {
        (known, Some(deferral)) if known.as_ref() != Some(deferral) => {
            writes.deferrals.written.push(DeferralRow::of(key, deferral));
        }
        (Some(known), None) => writes.deferrals.gone.push(DeferralRow::of(key, known)),
        (None | Some(_), Some(_)) | (None, None) => {}
    }
    let written = now.receipts.iter().filter(|receipt| !before.receipts.contains(receipt));
    writes.receipts.written.extend(written.map(|receipt| ReceiptRow::of(key, receipt)));
    let is_gone = |receipt: &&domain::Receipt| now.receipts.iter().all(|known| known.acquirer_id != receipt.acquirer_id);
    writes.receipts.gone.extend(before.receipts.iter().filter(is_gone).map(|receipt| ReceiptRow::of(key, receipt)));
}
