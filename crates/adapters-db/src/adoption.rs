//! Other settings for a database that has cases: what they would do harm to is refused, or has to be said.

use chrono::{DateTime, SecondsFormat, Utc};
use diesel::result::Error as DieselError;
use domain::{Action, Adoption, Command, PaymentRequestId};
use ports::ReceivedCommand;

use crate::batch::decide_or_replay;
use crate::deadline::Deadline;
use crate::deployment::{Acceptance, AdoptionRequest, DeploymentPolicy};
use crate::engine::SqlConnection;
use crate::pool::Loan;
use crate::rows::RowRef;
use crate::settings::DatabaseError;
use crate::store::SqlStore;
use crate::transaction::in_transaction;

/// How many timelines get their line in one commit.
const AT_ONCE: i64 = 128;

/// What depends on where funds and payments are.
struct Dependents {
    unfinished: [i64; 4],
    alive: i64,
    /// The last of them was initiated then.
    last_initiated: Option<i64>,
}

/// Records this policy instead of another. Other funds or payments would decide about money that they have never seen: a credit without a
/// debit, or S and nothing given back. So nothing may wait, and what can still be cancelled has to be accepted, by its number.
pub(crate) fn adopt_policy<C: SqlConnection>(
    store: &SqlStore<C>,
    policy: &DeploymentPolicy,
    request: &AdoptionRequest,
) -> Result<(), DatabaseError> {
    let recorded = on_connection(store, |connection| connection.recorded_policy())?;
    if let Some(recorded) = recorded.filter(|recorded| kinds(recorded) != kinds(policy)) {
        let since = request.policy.period.oldest_cancellable(request.at).timestamp_micros();
        let dependents = on_connection(store, |connection| {
            in_transaction(connection, |connection, _| {
                // No index leads to what is alive: this reads all cases.
                (store.engine.take_time)(connection)?;
                let (unfinished, (alive, last_initiated)) = (connection.unfinished()?, connection.alive_since(since)?);
                Ok(Dependents { unfinished, alive, last_initiated })
            })
        });
        dependents?.allow(&changes(&recorded, policy), request)?;
        if let Some(Acceptance { note, by, count: _ }) = request.acceptance.clone() {
            let adoption = Adoption { from: kinds(&recorded), to: kinds(policy), note, by };
            tell_timelines(store, &adoption, (since, request.at))?;
        }
    }
    on_connection(store, |connection| connection.remember_policy(policy, true))
}

/// None is held between two steps, because deciding takes one of its own.
fn on_connection<C: SqlConnection, T>(
    store: &SqlStore<C>,
    work: impl FnOnce(&mut Loan<C>) -> Result<T, DieselError>,
) -> Result<T, DatabaseError> {
    let mut loan = store.writers.take(&Deadline::default()).map_err(DatabaseError::failed)?;
    work(&mut loan).map_err(DatabaseError::failed)
}

fn kinds(policy: &DeploymentPolicy) -> String {
    format!("funds {}, payments {}", policy.funds, policy.payments)
}

/// The settings that would change, in words.
fn changes(recorded: &DeploymentPolicy, policy: &DeploymentPolicy) -> String {
    let funds = (recorded.funds != policy.funds).then(|| format!("funds.kind cannot become {}", policy.funds));
    let payments = (recorded.payments != policy.payments).then(|| format!("payments.kind cannot become {}", policy.payments));
    funds.into_iter().chain(payments).collect::<Vec<_>>().join(" and ")
}

impl Dependents {
    fn allow(&self, change: &str, request: &AdoptionRequest) -> Result<(), DatabaseError> {
        let [open, parked, deferred, running] = self.unfinished;
        let waiting = [
            (open, "reversals are open"),
            (parked, "reversals are parked"),
            (deferred, "cancels are deferred"),
            (running, "refunds have no result"),
        ];
        let waiting: Vec<_> =
            waiting.iter().filter(|(count, _)| *count > 0).map(|(count, what)| format!("{count} {what}")).collect();
        if !waiting.is_empty() {
            return Err(DatabaseError(format!(
                "{change} while {}: serve with the settings of before until all of them have ended",
                waiting.join(", ")
            )));
        }
        let accepted = request.acceptance.as_ref().map_or(0, |acceptance| acceptance.count);
        if u64::try_from(self.alive) == Ok(accepted) {
            return Ok(());
        }
        let last = self.last_initiated.and_then(DateTime::from_timestamp_micros);
        let until = last.map(|last| request.policy.period.end(last).to_rfc3339_opts(SecondsFormat::Secs, true));
        let found = match until {
            Some(until) => format!("{} payments can still be cancelled, the last of them until {until}", self.alive),
            None => "no payment can still be cancelled".to_owned(),
        };
        Err(DatabaseError(match &request.acceptance {
            Some(acceptance) => format!("{change}: --accept says {}, but {found}", acceptance.count),
            None => format!(
                "{change} while {found}: wait until then, or accept them with --accept {} --note TEXT if their balances were carried \
                 over",
                self.alive
            ),
        }))
    }
}

/// Each case that goes on under other settings says so in its timeline.
fn tell_timelines<C: SqlConnection>(
    store: &SqlStore<C>,
    adoption: &Adoption,
    (since, at): (i64, DateTime<Utc>),
) -> Result<(), DatabaseError> {
    let mut after = String::new();
    loop {
        let ids = on_connection(store, |connection| {
            in_transaction(connection, |connection, _| {
                (store.engine.take_time)(connection)?;
                connection.alive_ids(since, &after, AT_ONCE)
            })
        })?;
        let Some(last) = ids.last() else { return Ok(()) };
        after.clone_from(last);
        let received = |id: &String| {
            let row = RowRef { table: "cases", id };
            let id = row.parsed("payment_request_id", PaymentRequestId::parse(row.id)).map_err(DatabaseError::failed)?;
            let command = Command { id, at, action: Action::Adopt(adoption.clone()) };
            Ok(ReceivedCommand { command, arrived: store.instant() })
        };
        let batch = ids.iter().map(received).collect::<Result<Vec<_>, DatabaseError>>()?;
        for outcome in decide_or_replay(store, &batch, &Deadline::default()) {
            let _ = outcome.map_err(DatabaseError::failed)?;
        }
    }
}
