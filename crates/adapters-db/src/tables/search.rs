//! Looking for cases by what people know of a payment: the same queries on every engine.
//!
//! A search reads an index from the newest case to the oldest, and looks at a bounded number of its cases. What is rare, or has an index
//! of its own that is in another order, is listed as a whole and put in order.

use diesel::connection::SimpleConnection;
use diesel::pg::{Pg, PgConnection};
use diesel::prelude::*;
use diesel::result::Error as DieselError;
use diesel::sql_types::{BigInt, Text};
use diesel::sqlite::{Sqlite, SqliteConnection};
use domain::{CancellationStateName, CaseState, DeferralStateName, PaymentStatusName, ReversalStateName};
use ports::{Search, SearchPage, SearchPosition};

use crate::sql::{Question, query_of};

/// How many cases one search looks at.
pub(crate) const LOOKED_AT: usize = 10_000;

/// A place in the order of a search.
#[derive(Debug, Clone, PartialEq, Eq, QueryableByName)]
pub(crate) struct FoundPlace {
    #[diesel(sql_type = BigInt)]
    pub(crate) began_at: i64,
    #[diesel(sql_type = Text)]
    pub(crate) payment_request_id: String,
}

/// What a search found.
#[derive(Debug)]
pub(crate) enum FoundPlaces {
    Page { places: Vec<FoundPlace>, next: Option<FoundPlace> },
    TooMany,
}

#[derive(QueryableByName)]
struct Count {
    #[diesel(sql_type = BigInt)]
    value: i64,
}

/// The tables as searches ask them.
pub(crate) trait SearchTables {
    /// Gives the searches of this transaction little time: others wait for the connection.
    fn hurry(&mut self) -> Result<(), DieselError>;
    fn places(&mut self, question: Question) -> Result<Vec<FoundPlace>, DieselError>;
    fn count(&mut self, question: Question) -> Result<i64, DieselError>;
}

macro_rules! search_tables {
    ($connection:ty, $backend:ty, $hurry:literal) => {
        impl SearchTables for $connection {
            fn hurry(&mut self) -> Result<(), DieselError> {
                self.batch_execute($hurry)
            }

            fn places(&mut self, question: Question) -> Result<Vec<FoundPlace>, DieselError> {
                query_of!(question on $backend).load(self)
            }

            fn count(&mut self, question: Question) -> Result<i64, DieselError> {
                query_of!(question on $backend).get_result::<Count>(self).map(|count| count.value)
            }
        }
    };
}

// A bitmap reads all of an account before the first row of it is known.
search_tables!(PgConnection, Pg, "set local statement_timeout = '1s'; set local enable_bitmapscan = off");
search_tables!(SqliteConnection, Sqlite, "");

/// What the filters ask of a case.
const COLUMNS: &str =
    "cases.bucket, cases.payment_request_id, cases.status, cases.account, cases.acquirer_id, cases.cancel_acquirer_id,
    cases.payment_id, cases.initiated_at, cases.cancellation, cases.defer_reason";

/// One page of what is searched for.
pub(crate) fn find_places<C: SearchTables>(
    connection: &mut C,
    search: &Search,
    page: &SearchPage,
) -> Result<FoundPlaces, DieselError> {
    connection.hurry()?;
    let list = List::of(search);
    if let Some(list) = &list {
        let more_than = i64::try_from(LOOKED_AT).unwrap_or(i64::MAX);
        let how_many = Question::default().say("select count(*) as value from (").ask(|q| list.rows(q)).say(") as listed");
        if connection.count(how_many)? <= more_than {
            let places = connection.places(list.question(search, page))?;
            let next = places.last().filter(|_| places.len() == page.limit as usize).cloned();
            return Ok(FoundPlaces::Page { places, next });
        }
    }
    let scan = Scan::of(search, page);
    if list.is_some() && !scan.is_narrowed {
        return Ok(FoundPlaces::TooMany);
    }
    scan_places(connection, &scan, (search, page))
}

fn scan_places<C: SearchTables>(
    connection: &mut C,
    scan: &Scan<'_>,
    (search, page): (&Search, &SearchPage),
) -> Result<FoundPlaces, DieselError> {
    let places = connection.places(scan.question(search, page))?;
    let next = if places.len() == page.limit as usize {
        places.last().cloned()
    } else {
        // Where the look ended, the next one goes on.
        connection.places(scan.end())?.pop()
    };
    Ok(FoundPlaces::Page { places, next })
}

/// A list that is short as a rule, whose cases are put in order.
enum List<'a> {
    PaymentId(&'a str),
    State(CaseState),
}

impl<'a> List<'a> {
    fn of(search: &'a Search) -> Option<Self> {
        if let Some(payment_id) = &search.payment_id {
            return Some(Self::PaymentId(payment_id.as_str()));
        }
        // An account has few cases, and an index in the right order.
        search.state.filter(|state| state.is_passing() && search.account.is_none()).map(Self::State)
    }

    /// The keys of its cases, and one more than may be listed.
    fn rows(&self, question: Question) -> Question {
        let limit = format!("limit {}", LOOKED_AT + 1);
        // SQLite takes an index of a part of a table only where the query asks for that very part.
        let (open, parked) = (ReversalStateName::Open, ReversalStateName::Parked);
        let unfinished = format!("state in ('{open}', '{parked}')");
        let reversals = |state: ReversalStateName| {
            format!(
                "select * from (
                     select bucket, payment_request_id from reversals where {unfinished} and state = '{state}' {limit}
                 ) as of_reversals"
            )
        };
        match self {
            Self::PaymentId(payment_id) => question
                .say("select bucket, payment_request_id from cases where payment_id is not null and payment_id = ")
                .text(payment_id)
                .say(&format!(" {limit}")),
            Self::State(CaseState::Deferred) => {
                question.say(&format!("select bucket, payment_request_id from cases where defer_reason is not null {limit}"))
            }
            Self::State(CaseState::Parked) => {
                let deferrals = format!(
                    "select * from (select bucket, payment_request_id from deferrals where state = '{}' {limit}) as of_deferrals",
                    DeferralStateName::Parked
                );
                question.say(&format!("{} union {deferrals}", reversals(parked)))
            }
            Self::State(_) => question.say(&reversals(open)),
        }
    }

    fn question(&self, search: &Search, page: &SearchPage) -> Question {
        // SQLite never turns a cross join round.
        let question = Question::default()
            .say(&format!(
                "select payment_request_id, began_at from (
                     select {COLUMNS}, coalesce(cases.initiated_at, cases.first_received_at) as began_at from ("
            ))
            .ask(|question| self.rows(question))
            .say(
                ") as listed cross join cases
                     where cases.bucket = listed.bucket and cases.payment_request_id = listed.payment_request_id
                 ) as scanned where true",
            )
            .ask(|question| filtered(question, search));
        let question = match &page.after {
            None => question,
            Some(SearchPosition { began_at, id }) => question
                .say(" and (began_at, payment_request_id) < (")
                .number(began_at.timestamp_micros())
                .say(", ")
                .text(id.as_str())
                .say(")"),
        };
        first(question, page)
    }
}

/// A part of an index, read from its end.
struct Scan<'a> {
    account: Option<&'a str>,
    /// Both ends in microseconds since 1970; the end is excluded, but for ids before this one.
    from: i64,
    until: (i64, &'a str),
    /// Whether less is read than all payments.
    is_narrowed: bool,
}

impl<'a> Scan<'a> {
    fn of(search: &'a Search, page: &'a SearchPage) -> Self {
        let account = search.account.as_ref().map(|account| account.as_str());
        let from = search.initiated_from.map_or(i64::MIN, |from| from.timestamp_micros());
        let to = search.initiated_to.map_or((i64::MAX, ""), |to| (to.timestamp_micros(), ""));
        let after = page.after.as_ref().map(|SearchPosition { began_at, id }| (began_at.timestamp_micros(), id.as_str()));
        let is_narrowed = account.is_some() || search.initiated_from.is_some() || search.initiated_to.is_some();
        Self { account, from, until: after.map_or(to, |after| to.min(after)), is_narrowed }
    }

    /// The cases of the part with these columns, from its end. The first column of the index stands in each comparison and in the order,
    /// so that no plan reads another index.
    fn rows(&self, question: Question, columns: &str) -> Question {
        let Self { account, from, until: (until, id), .. } = self;
        let question = question.say(&format!("select {columns} from cases where initiated_at is not null"));
        match account {
            Some(account) => question
                .say(" and account is not null and (account, initiated_at, payment_request_id) >= (")
                .text(account)
                .say(", ")
                .number(*from)
                .say(", '') and (account, initiated_at, payment_request_id) < (")
                .text(account)
                .say(", ")
                .number(*until)
                .say(", ")
                .text(id)
                .say(") order by account desc, initiated_at desc, payment_request_id desc"),
            None => question
                .say(" and (initiated_at, payment_request_id) >= (")
                .number(*from)
                .say(", '') and (initiated_at, payment_request_id) < (")
                .number(*until)
                .say(", ")
                .text(id)
                .say(") order by initiated_at desc, payment_request_id desc"),
        }
    }

    fn question(&self, search: &Search, page: &SearchPage) -> Question {
        let columns = format!("{COLUMNS}, cases.initiated_at as began_at");
        let question = Question::default()
            .say("select payment_request_id, began_at from (")
            .ask(|question| self.rows(question, &columns))
            .say(&format!(" limit {LOOKED_AT}) as scanned where true"))
            .ask(|question| filtered(question, search));
        first(question, page)
    }

    /// The last case that is looked at, where there are more.
    fn end(&self) -> Question {
        let columns = "payment_request_id, initiated_at as began_at";
        Question::default().ask(|question| self.rows(question, columns)).say(&format!(" limit 1 offset {}", LOOKED_AT - 1))
    }
}

/// The first of what was found.
fn first(question: Question, page: &SearchPage) -> Question {
    question.say(" order by began_at desc, payment_request_id desc limit ").number(page.limit.into())
}

/// Only what is searched for, of `scanned`.
fn filtered(mut question: Question, search: &Search) -> Question {
    let Search { account, payment_id, acquirer_id, state, initiated_from, initiated_to } = search;
    if let Some(account) = account {
        question = question.say(" and account = ").text(account.as_str());
    }
    if let Some(payment_id) = payment_id {
        question = question.say(" and payment_id = ").text(payment_id.as_str());
    }
    if let Some(acquirer_id) = acquirer_id {
        question = question.say(" and coalesce(acquirer_id, cancel_acquirer_id) = ").text(acquirer_id.as_str());
    }
    if let Some(from) = initiated_from {
        question = question.say(" and initiated_at >= ").number(from.timestamp_micros());
    }
    if let Some(to) = initiated_to {
        question = question.say(" and initiated_at < ").number(to.timestamp_micros());
    }
    if !search.finds_unpaid() {
        question = question.say(" and initiated_at is not null");
    }
    match state {
        None => question,
        Some(state) => question.say(" and ").say(&is_in(*state)),
    }
}

/// Whether the case of `scanned` is in this state: [`domain::Case::state`]. Each case looks its own rows up: no plan reads what others have.
fn is_in(state: CaseState) -> String {
    let of_case = |table: &str| {
        format!(
            "coalesce((select b.state from {table} as b where b.bucket = scanned.bucket
                 and b.payment_request_id = scanned.payment_request_id), '')"
        )
    };
    let (reversal, deferral) = (of_case("reversals"), of_case("deferrals"));
    let (open, parked) = (ReversalStateName::Open, ReversalStateName::Parked);
    let parked_deferral = format!("(defer_reason is not null and {deferral} = '{}')", DeferralStateName::Parked);
    let is_finished = format!("{reversal} not in ('{open}', '{parked}')");
    let answered = |state: CancellationStateName| format!("cancellation = '{state}' and {is_finished}");
    let paid = |status: PaymentStatusName| format!("status = '{status}' and cancellation is null");
    match state {
        CaseState::Parked => format!("({reversal} = '{parked}' or {parked_deferral})"),
        CaseState::Open => format!("{reversal} = '{open}' and not {parked_deferral}"),
        CaseState::Deferred => format!("defer_reason is not null and {is_finished} and not {parked_deferral}"),
        CaseState::Cancelled => answered(CancellationStateName::Cancelled),
        CaseState::Refused => answered(CancellationStateName::Refused),
        CaseState::AlreadyRefunded => answered(CancellationStateName::AlreadyRefunded),
        CaseState::InProgress => paid(PaymentStatusName::InProgress),
        CaseState::Succeeded => paid(PaymentStatusName::Succeeded),
        CaseState::Failed => paid(PaymentStatusName::Failed),
    }
}
