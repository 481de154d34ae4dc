//! `rescind find`: payments by what people know of them.

use std::process::ExitCode;

use chrono::{DateTime, SecondsFormat, Utc};
use clap::Args;
use domain::{AccountId, AcquirerId, Case, CaseState, PaymentId};
use ports::{FoundCases, Search, SearchPage};

use crate::output::{CliError, print_line};
use crate::settings::Settings;
use crate::wiring;

/// How many are read at once.
const AT_ONCE: u32 = 500;

/// What is searched for; what is given has to be true of a payment together.
#[derive(Args)]
pub(crate) struct FindArgs {
    /// The wallet's id of the account that pays
    #[arg(long, value_name = "ACCOUNT", value_parser = |text: &str| AccountId::parse(text))]
    account: Option<AccountId>,
    /// The wallet's own id of the payment
    #[arg(long, value_name = "ID", value_parser = |text: &str| PaymentId::parse(text))]
    payment_id: Option<PaymentId>,
    /// Alipay+'s id of the acquirer; not enough alone
    #[arg(long, value_name = "ID", value_parser = |text: &str| AcquirerId::parse(text))]
    acquirer_id: Option<AcquirerId>,
    /// Where the payment stands
    #[arg(long, value_name = "STATE", value_parser = state)]
    state: Option<CaseState>,
    /// Initiated then or later, such as 2026-03-01T09:15:00+08:00
    #[arg(long, value_name = "TIME", value_parser = moment)]
    initiated_from: Option<DateTime<Utc>>,
    /// Initiated before that moment
    #[arg(long, value_name = "TIME", value_parser = moment)]
    initiated_to: Option<DateTime<Utc>>,
    /// Prints at most so many
    #[arg(long, value_name = "N", default_value = "100", value_parser = clap::value_parser!(u32).range(1..))]
    limit: u32,
    /// Prints each as a JSON object, with the members of the wallet API's search
    #[arg(long)]
    json: bool,
}

fn state(text: &str) -> Result<CaseState, String> {
    let known = || CaseState::ALL.iter().map(|state| state.as_str()).collect::<Vec<_>>().join(", ");
    CaseState::parse(text).ok_or_else(|| format!("must be one of {}", known()))
}

fn moment(text: &str) -> Result<DateTime<Utc>, String> {
    let parsed = DateTime::parse_from_rfc3339(text);
    parsed.map(|at| at.to_utc()).map_err(|_| "must be an RFC 3339 time with an offset".to_owned())
}

/// Prints what is found, one a line.
pub(crate) async fn find(settings: Settings, args: FindArgs) -> Result<ExitCode, CliError> {
    let FindArgs { account, payment_id, acquirer_id, state, initiated_from, initiated_to, limit, json } = args;
    let wanted = Search { account, payment_id, acquirer_id, state, initiated_from, initiated_to };
    if !wanted.is_specific() {
        let needed = "--account, --payment-id, --state, --initiated-from or --initiated-to";
        return Err(CliError::new(format!("nothing is searched for: at least one of {needed} is needed")));
    }
    let search = wiring::search(&settings)?;
    if !json {
        print_line(row(["initiated", "state", "amount", "account", "paymentRequestId", "paymentId"].map(str::to_owned)))?;
    }
    let (mut left, mut after) = (limit, None);
    loop {
        let page = SearchPage { limit: left.min(AT_ONCE), after };
        let found = search.search(&wanted, &page).await;
        let (cases, next) = match found.map_err(|error| CliError::new(format!("the database cannot be asked: {error}")))? {
            FoundCases::Page { cases, next } => (cases, next),
            FoundCases::TooMany => {
                return Err(CliError::new(
                    "too many are found to put them in order: add --account, --initiated-from or --initiated-to, or run `rescind reversals list`",
                ));
            }
        };
        for case in &cases {
            if json { wiring::json_of_summary(case).map_or(Ok(()), print_line) } else { print_line(in_words(case)) }?;
        }
        left = left.saturating_sub(u32::try_from(cases.len()).unwrap_or(left));
        after = next;
        if after.is_none() || left == 0 {
            return Ok(ExitCode::SUCCESS);
        }
    }
}

/// A row of the table.
fn row([initiated, state, amount, account, id, payment_id]: [String; 6]) -> String {
    format!("{initiated:<24}  {state:<16}  {amount:>16}  {account:<24}  {id:<32}  {payment_id}").trim_end().to_owned()
}

fn in_words(case: &Case) -> String {
    let payment = case.payment.as_ref();
    let of_payment = |text: fn(&domain::Payment) -> String| payment.map_or_else(|| "-".to_owned(), text);
    row([
        of_payment(|payment| payment.initiated_at.to_rfc3339_opts(SecondsFormat::Millis, true)),
        case.state().map_or_else(String::new, |state| state.to_string()),
        of_payment(|payment| payment.amount.to_string()),
        of_payment(|payment| payment.account.to_string()),
        case.id.to_string(),
        of_payment(|payment| payment.payment_id.as_ref().map_or_else(|| "-".to_owned(), ToString::to_string)),
    ])
}
