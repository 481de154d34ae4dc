//! Where the cases are kept.

use std::collections::BTreeMap;
use std::time::Instant;

use async_trait::async_trait;
use chrono::{DateTime, TimeDelta, Utc};
use domain::{
    AccountId, Action, CLOCKS_APART, Case, Command, Currency, Decision, Entry, Event, EventKind, PaymentRequestId, Reply,
    ReplyMismatchError, ReversalRequest, Rule, Witness,
};

use crate::UnavailableError;

/// One command in a batch.
#[derive(Debug, Clone)]
pub struct ReceivedCommand {
    /// What is asked of which case. Its instant is by this process's clock.
    pub command: Command,
    /// The same moment as `command.at` on the monotonic clock, so that the time it has waited can be told.
    pub arrived: Instant,
}

impl ReceivedCommand {
    /// The command as it has to be decided at `now`, where the store's own clock says `store_now`: it came at the earlier of the two
    /// clocks' readings. So neither a fast clock nor a long queue costs a user the right to a cancel, and no lease or back-off of a
    /// process whose clock is ahead keeps the others away from a reversal. Where the two agree, nobody else is asked: two machines are
    /// not wrong in the same way.
    #[must_use]
    pub fn as_received(&self, now: Instant, store_now: Option<DateTime<Utc>>) -> Command {
        let waited = TimeDelta::from_std(now.saturating_duration_since(self.arrived)).unwrap_or_default();
        let mut command = self.command.clone();
        let by_store = store_now.map(|store_now| store_now - waited);
        if let Action::Cancel(cancel) = &mut command.action {
            cancel.waited = waited;
            let agree = by_store.is_some_and(|by_store| (by_store - command.at).abs() <= CLOCKS_APART);
            if agree && matches!(cancel.witness, Witness::RequestTime(_)) {
                cancel.witness = Witness::OurClocks;
            }
        }
        command.at = by_store.map_or(command.at, |by_store| command.at.min(by_store));
        command
    }
}

/// What a command came to. Its reply has the type of the command's replies once that is asked for ([`Self::typed`]).
#[must_use]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Decided<R = Reply> {
    /// What the caller is told.
    pub reply: R,
    /// The rule that decided a cancel; `None` where no cancel was decided.
    pub rule: Option<Rule>,
    /// Whether it leaves a reversal to an operator, who has to hear of it.
    pub parks: bool,
}

impl Decided {
    /// The part of a decision that leaves the store.
    pub fn of(decision: &Decision) -> Self {
        let events = decision.change.iter().flat_map(|change| &change.events);
        let parks = events.into_iter().any(|event| matches!(event.kind, EventKind::ReversalParked { .. }));
        Self { reply: decision.reply, rule: decision.rule, parks }
    }

    /// The same with the reply's own type.
    ///
    /// # Errors
    /// [`ReplyMismatchError`] where the store replied to another kind of command.
    pub fn typed<R: TryFrom<Reply, Error = ReplyMismatchError>>(self) -> Result<Decided<R>, ReplyMismatchError> {
        Ok(Decided { reply: self.reply.try_into()?, rule: self.rule, parks: self.parks })
    }
}

/// The cases, their timelines and the embedded ledger. A store knows the [`domain::Policy`] that it decides under.
#[async_trait]
pub trait CancellationStore: Send + Sync {
    /// Decides a batch of commands: locks all its cases, loads them, calls [`domain::decide()`] for each command and records the
    /// changes, in one transaction.
    ///
    /// - The outcomes MUST come in the order of the batch, one for each command.
    /// - `Ok` MUST mean that what was decided is durable, and that the case was locked from loading until then.
    /// - Commands on one case MUST be decided in the order of the batch, each on the case as the one before left it.
    /// - Two batches that share cases MUST NOT wait for each other for ever, in whatever order they name them.
    /// - The number of statements MUST NOT depend on the batch's size.
    /// - Where the batch fails for the sake of one command, the others MUST be decided all the same; that one command alone is
    ///   [`UnavailableError`].
    /// - [`UnavailableError`] means that it is not known whether the command was recorded. Asking again is harmless.
    /// - A command that opens no case ([`domain::Action::opens_case`]) MUST leave no trace of an unknown one.
    async fn decide(&self, batch: Vec<ReceivedCommand>) -> Vec<Result<Decided, UnavailableError>>;

    /// Leases the next attempt of at most `limit` reversals that are due by `now`, the earliest due first, in one transaction, as
    /// [`domain::Action::LeaseAttempt`] decides it for each.
    ///
    /// - A case that somebody else has locked MUST be passed over and not waited for.
    /// - Where the store's own clock is behind `now`, it MUST count instead: a fast clock takes no lease away from others.
    /// - A lease MUST be durable: nobody else leases the reversal before it ends.
    /// - A lease that lasts longer than its term from `now`, and a wait longer than any, MUST count as over: the clock that began them
    ///   has been set back ([`domain::Lease::holds`], [`domain::Reversal::is_due`]).
    async fn lease_due(&self, now: DateTime<Utc>, limit: u32) -> Result<Vec<LeasedReversal>, UnavailableError>;

    /// Leases the next lookup of at most `limit` deferred cancels whose payment is to be looked up by `now`, the earliest due first, in
    /// one transaction, as [`domain::Action::LeaseLookup`] decides it for each.
    ///
    /// - A case that somebody else has locked MUST be passed over and not waited for.
    /// - Where the store's own clock is behind `now`, it MUST count instead.
    /// - A cancel that waits for a lookup and has no schedule, as an older version records it, MUST come in its turn too.
    /// - A lease MUST be durable: nobody else leases the lookup before it ends.
    async fn lease_lookups(&self, now: DateTime<Utc>, limit: u32) -> Result<Vec<LeasedLookup>, UnavailableError>;

    /// Makes at most `limit` of the lookups that are due later than `within` from `now` due within that time, spread evenly, as
    /// [`domain::Action::LookUpBy`] decides it for each. Tells how many: fewer than `limit` means that none is left.
    ///
    /// - A lookup MUST NOT become due later than it was.
    /// - A case that somebody else has locked MUST be passed over and not waited for.
    async fn hasten_lookups(&self, now: DateTime<Utc>, within: TimeDelta, limit: u32) -> Result<u32, UnavailableError>;

    /// The case with its timeline in order, as last committed; `None` where nothing is known of it.
    async fn find(&self, id: &PaymentRequestId) -> Result<Option<CaseFile>, UnavailableError>;

    /// What the embedded ledger says of an account: the balance of each currency as the sum of all its entries, and one page of
    /// the entries in the order they were booked. An account without entries has an empty statement.
    async fn account(&self, account: &AccountId, page: &Page) -> Result<AccountStatement, UnavailableError>;

    /// One page of the cases whose reversal is open or parked, in the order of their ids. Among the parked MUST be the deferred cancels
    /// that are parked.
    async fn reversals(&self, filter: ReversalFilter, page: &Page) -> Result<Vec<Case>, UnavailableError>;

    /// One page of the cases whose cancel is deferred and not parked, in the order of their ids.
    async fn deferred(&self, page: &Page) -> Result<Vec<Case>, UnavailableError>;

    /// How much is waiting, and for how long.
    async fn backlog(&self) -> Result<Backlog, UnavailableError>;

    /// Whether the store can decide now: MUST ask the database and not only the pool, and MUST commit as a batch does. Tells what time it
    /// is by the store's own clock; `None` where it has none but the process's.
    async fn check(&self) -> Result<Option<DateTime<Utc>>, UnavailableError>;

    /// What it found out about its place by deciding and by [`Self::check`], without asking again.
    fn state(&self) -> StoreState {
        StoreState::default()
    }
}

/// What a store found out about the place where it keeps the cases.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct StoreState {
    /// How often that place turned out to have another history than before, so that it may have forgotten what was committed. It only
    /// grows. `None` where there is only one history.
    pub history: Option<u64>,
    /// Whether a commit waits until a second place has it; `None` where there is no second place.
    pub waits_for_standby: Option<bool>,
}

/// The right to make one attempt to give money back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeasedReversal {
    /// What the core is asked to reverse.
    pub request: ReversalRequest,
    /// The attempt's number, which its end has to quote.
    pub attempt: u32,
}

/// The right to look up the payment of a deferred cancel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeasedLookup {
    /// The case.
    pub id: PaymentRequestId,
    /// The lookup's number, which its end has to quote.
    pub attempt: u32,
}

/// A case with its timeline.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CaseFile {
    /// As last committed.
    pub case: Case,
    /// Its timeline, oldest first.
    pub timeline: Vec<TimelineEntry>,
}

/// One line of a timeline, as recorded. Names are kept as they were written, so that an older record is never reinterpreted. A
/// rule that an older record names by its number is given by its name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TimelineEntry {
    /// When it was decided.
    pub at: DateTime<Utc>,
    /// The event's name: one of [`domain::EventKind::name`].
    pub what: String,
    /// The event's data: [`domain::EventKind::details`].
    pub details: BTreeMap<String, String>,
}

impl From<&Event> for TimelineEntry {
    fn from(event: &Event) -> Self {
        let details = event.kind.details().into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
        Self { at: event.at, what: event.kind.name().to_owned(), details }
    }
}

/// Which part of a list is wanted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page {
    /// At most so many.
    pub limit: u32,
    /// Only what comes after this position; `None` begins at the beginning.
    pub after: Option<String>,
}

/// How much is waiting.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Backlog {
    /// Cancels that could not be decided yet, and that no operator has parked.
    pub deferred: u64,
    /// Reversals that are tried until the money is back.
    pub open: u64,
    /// Reversals, and deferred cancels, that an operator has to decide about.
    pub parked: u64,
    /// The open reversal that has waited longest, and since when.
    pub oldest_open: Option<(PaymentRequestId, DateTime<Utc>)>,
    /// The deferred cancel that has waited longest for a lookup that decides it, and since when.
    pub oldest_deferred: Option<(PaymentRequestId, DateTime<Utc>)>,
}

/// Which reversals are wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReversalFilter {
    /// Tried until the money is back.
    Open,
    /// Left to an operator.
    Parked,
}

/// What the embedded ledger says of an account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccountStatement {
    /// The sum of all entries, by currency; negative where more was taken than given (the ledger never authorises), and wide
    /// enough for any number of the largest amounts.
    pub balances: BTreeMap<Currency, i128>,
    /// One page of the entries.
    pub entries: Vec<PostedEntry>,
}

/// An entry as it was booked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PostedEntry {
    /// Its place in the account's list, for [`Page::after`].
    pub position: String,
    /// The case it belongs to.
    pub payment_request_id: PaymentRequestId,
    /// What was booked.
    pub entry: Entry,
}
