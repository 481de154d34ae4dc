//! Who says where money is: those who book it, and never those who were only told.

use std::path::PathBuf;

use crate::money::{Money, Movement, page};
use crate::output::CommandError;
use crate::peer::{Peer, segment};
use crate::wallet_core::{Books, read_journal};
use crate::wire::{Request, Response};

/// How many entries of an account are asked for at a time.
const AT_A_TIME: usize = 1_000;

/// Where the money is booked.
pub(crate) enum Witness {
    /// The wallet's ledger, by the wallet API.
    Ledger(Peer),
    /// A wallet core, by its route for tests.
    Core(Peer),
    /// The journal of the stand-in for the wallet core.
    Journal(PathBuf),
}

/// Why a witness says nothing of use.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum WitnessError {
    /// There is none: why.
    Absent(String),
    /// It says what cannot be: what.
    Unreadable(String),
    /// It does not answer: why.
    Silent(String),
}

impl Witness {
    /// What a report calls it.
    pub(crate) fn name(&self) -> String {
        match self {
            Self::Ledger(_) => "the wallet's ledger (GET /wallet/v1/accounts/…)".to_owned(),
            Self::Core(_) => "the wallet core (GET /accounts/…)".to_owned(),
            Self::Journal(file) => format!("the wallet core's journal ({})", file.display()),
        }
    }

    /// Where a payment's money is now.
    pub(crate) async fn money(&self, account: &str, payment: &str, currency: &str) -> Result<Money, WitnessError> {
        Money::of(&self.movements(account).await?, payment, currency).map_err(WitnessError::Unreadable)
    }

    /// Whether it answers at all, asked once before a run: each case would wait for it anew.
    ///
    /// # Errors
    /// Why it does not.
    pub(crate) async fn answers(&self, account: &str) -> Result<(), CommandError> {
        match self.movements(account).await {
            Err(WitnessError::Silent(why)) => Err(CommandError::new(why)),
            Ok(_) | Err(WitnessError::Absent(_) | WitnessError::Unreadable(_)) => Ok(()),
        }
    }

    /// All entries of an account, in the order in which they were booked.
    pub(crate) async fn movements(&self, account: &str) -> Result<Vec<Movement>, WitnessError> {
        match self {
            Self::Ledger(api) => movements(api, &format!("/wallet/v1/accounts/{}", segment(account)), AT_A_TIME, |_, _| {}).await,
            Self::Core(core) => movements(core, &format!("/accounts/{}", segment(account)), AT_A_TIME, |_, _| {}).await,
            Self::Journal(file) => {
                let content = read_journal(file).map_err(|error| WitnessError::Absent(error.to_string()))?;
                let mut books = Books::default();
                content.lines.into_iter().for_each(|line| books.apply(line.entry, &line.at));
                Ok(books.account(account).to_vec())
            }
        }
    }
}

/// Reads an account page by page; `seen` sees each exchange.
pub(crate) async fn movements(
    peer: &Peer,
    path: &str,
    at_a_time: usize,
    seen: impl Fn(&Request, &Response),
) -> Result<Vec<Movement>, WitnessError> {
    let (mut all, mut after) = (vec![], String::new());
    loop {
        let request = peer.request("GET", &format!("{path}?limit={at_a_time}{after}"), None);
        let response = peer.ask(&request).await.map_err(WitnessError::Silent)?;
        seen(&request, &response);
        let (status, body) = (response.status, response.body);
        let unreadable = |why: String| WitnessError::Unreadable(format!("GET {path} was answered, but {why}"));
        match status {
            200 => {}
            404 | 405 | 501 => {
                return Err(WitnessError::Absent(format!("there is no witness: GET {path} was answered HTTP {status}")));
            }
            _ => return Err(WitnessError::Unreadable(format!("GET {path} was answered HTTP {status}"))),
        }
        let answer = serde_json::from_slice(&body).map_err(|error| unreadable(error.to_string()))?;
        let (movements, next) = page(&answer).map_err(unreadable)?;
        if movements.is_empty() && next.is_some() {
            return Err(unreadable("an empty page has a next one".to_owned()));
        }
        all.extend(movements);
        match next {
            Some(next) => after = format!("&after={}", segment(&next)),
            None => return Ok(all),
        }
    }
}
