//! `PUT /reversals/{reversalId}`: see to it that nothing of a payment is left debited or held.

use async_trait::async_trait;
use domain::{Money, ReversalOutcome, ReversalRequest};
use ports::FundsGateway;
use reqwest::StatusCode;
use serde::{Deserialize, Serialize};

use crate::WalletCore;
use crate::answer::{Met, one_line};
use crate::connection::ask;

/// How much of the core's reason for "impossible" is kept, in characters.
const LONGEST_REASON: usize = 500;

#[async_trait]
impl FundsGateway for WalletCore {
    async fn reverse(&self, reversal_request: &ReversalRequest) -> ReversalOutcome {
        asked_to_give_back(self, reversal_request).await.unwrap_or_else(|met| ReversalOutcome::Unknown(met.to_string()))
    }
}

async fn asked_to_give_back(core: &WalletCore, reversal_request: &ReversalRequest) -> Result<ReversalOutcome, Met> {
    let answer = ask(core.put("reversals", &reversal_request.id).json(&Asking::of(reversal_request))).await?;
    match answer.status() {
        StatusCode::OK => answer.object::<Ended>().await?.reverse(),
        StatusCode::ACCEPTED => Err(Met::new("status 202: the core has not finished")),
        StatusCode::UNPROCESSABLE_ENTITY => answer.object::<Refused>().await?.reverse(),
        _ => Err(answer.unexpected()),
    }
}

/// What the core is asked. It is the same for every attempt, unless something of the payment became known in between.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Asking<'a> {
    payment_request_id: &'a str,
    taken: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    payment_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    account: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    amount: Option<AskedAmount>,
}

#[derive(Serialize)]
struct AskedAmount {
    value: String,
    currency: String,
}

impl<'a> Asking<'a> {
    fn of(reversal_request: &'a ReversalRequest) -> Self {
        let amount = |money: &Money| AskedAmount { value: money.minor().to_string(), currency: money.currency().code() };
        Self {
            payment_request_id: reversal_request.id.as_str(),
            taken: reversal_request.taken.as_str(),
            payment_id: reversal_request.payment_id.as_ref().map(domain::PaymentId::as_str),
            account: reversal_request.account.as_ref().map(domain::AccountId::as_str),
            amount: reversal_request.amount.as_ref().map(amount),
        }
    }
}

/// The body of a 200.
#[derive(Deserialize)]
struct Ended {
    outcome: String,
}

impl Ended {
    fn reverse(self) -> Result<ReversalOutcome, Met> {
        match self.outcome.as_str() {
            "done" | "already-done" => Ok(ReversalOutcome::Done),
            "nothing-to-do" => Ok(ReversalOutcome::NothingToDo),
            "partly-refunded" => Ok(ReversalOutcome::PartlyRefunded),
            "fully-refunded" => Ok(ReversalOutcome::FullyRefunded),
            _ => Err(Met::new("status 200 with an outcome outside of the contract")),
        }
    }
}

/// The body of a 422. Web frameworks answer 422 of their own accord to what they cannot read, so the status alone says nothing.
#[derive(Deserialize)]
struct Refused {
    outcome: String,
    reason: String,
}

impl Refused {
    fn reverse(self) -> Result<ReversalOutcome, Met> {
        let reason = one_line(&self.reason, LONGEST_REASON);
        if self.outcome == "impossible" && !reason.is_empty() {
            Ok(ReversalOutcome::Impossible(reason))
        } else {
            Err(Met::new("status 422 without the outcome \"impossible\" and a reason"))
        }
    }
}
