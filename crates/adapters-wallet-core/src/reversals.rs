//! `PUT /reversals/{reversalId}`: nothing of a payment is to be left debited or held.

use async_trait::async_trait;
use domain::{Money, ReversalOutcome, ReversalOutcomeName, ReversalRequest};
use ports::FundsGateway;
use reqwest::StatusCode;
use serde::{Deserialize, Serialize};

use crate::WalletCore;
use crate::connection::CoreCall;
use crate::reply::{CallError, CoreObject, one_line};

/// How much of the core's reason for "impossible" is kept, in characters.
const LONGEST_REASON: usize = 500;

#[async_trait]
impl FundsGateway for WalletCore {
    async fn reverse(&self, reversal_request: &ReversalRequest) -> ReversalOutcome {
        let call = self.call();
        call.ended(reverse(&call, reversal_request).await).unwrap_or_else(|error| ReversalOutcome::Unknown(error.to_string()))
    }
}

async fn reverse(call: &CoreCall<'_>, reversal_request: &ReversalRequest) -> Result<ReversalOutcome, CallError> {
    let reply = call.put("reversals", &reversal_request.id, &ReversalBody::of(reversal_request)).await?;
    match reply.status() {
        StatusCode::OK => reply.object::<EndBody>().await?.outcome(),
        StatusCode::ACCEPTED => Err(CallError::in_contract("status 202: the core has not finished")),
        StatusCode::UNPROCESSABLE_ENTITY => reply.object::<ImpossibleBody>().await?.outcome(),
        _ => Err(reply.unexpected()),
    }
}

/// The request's body. It is the same for every attempt, unless something of the payment became known in between.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ReversalBody<'a> {
    payment_request_id: &'a str,
    taken: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    payment_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    account: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    amount: Option<AmountBody>,
}

#[derive(Serialize)]
struct AmountBody {
    value: String,
    currency: String,
}

impl<'a> ReversalBody<'a> {
    fn of(reversal_request: &'a ReversalRequest) -> Self {
        let amount = |money: &Money| AmountBody { value: money.minor().to_string(), currency: money.currency().code() };
        Self {
            payment_request_id: reversal_request.id.as_str(),
            taken: reversal_request.taken.as_str(),
            payment_id: reversal_request.payment_id.as_ref().map(domain::PaymentId::as_str),
            account: reversal_request.account.as_ref().map(domain::AccountId::as_str),
            amount: reversal_request.amount.as_ref().map(amount),
        }
    }
}

/// In the contract a repeat may say so; it means the same as done.
const ALREADY_DONE: &str = "already-done";

/// The body of a 200.
#[derive(Deserialize)]
struct EndBody {
    outcome: String,
    /// How much refunds gave back, beside `partly-refunded`.
    refunded: Option<CoreObject<RefundedBody>>,
}

#[derive(Deserialize)]
struct RefundedBody {
    value: String,
    currency: String,
}

impl EndBody {
    fn outcome(self) -> Result<ReversalOutcome, CallError> {
        if self.outcome == ALREADY_DONE {
            return Ok(ReversalOutcome::Done);
        }
        match ReversalOutcomeName::parse(&self.outcome) {
            Some(ReversalOutcomeName::Done) => Ok(ReversalOutcome::Done),
            Some(ReversalOutcomeName::NothingToDo) => Ok(ReversalOutcome::NothingToDo),
            Some(ReversalOutcomeName::PartlyRefunded) => self.part().map(ReversalOutcome::PartlyRefunded),
            Some(ReversalOutcomeName::FullyRefunded) => Ok(ReversalOutcome::FullyRefunded),
            Some(ReversalOutcomeName::Impossible | ReversalOutcomeName::Unknown) | None => {
                Err(CallError::new("status 200 with an outcome outside of the contract"))
            }
        }
    }
}

impl EndBody {
    /// An amount that cannot be read makes the whole reply unknown: what it says of refunds is counted when the wallet wants one.
    fn part(&self) -> Result<Option<Money>, CallError> {
        let Some(CoreObject(RefundedBody { value, currency })) = &self.refunded else { return Ok(None) };
        let amount =
            Money::parse(value, currency).map_err(|invalid| CallError::new(format!("status 200, refunded: {invalid}")))?;
        Ok(Some(amount))
    }
}

/// The body of a 422. Web frameworks answer 422 of their own accord to what they cannot read, so the status alone says nothing.
#[derive(Deserialize)]
struct ImpossibleBody {
    outcome: String,
    reason: String,
}

impl ImpossibleBody {
    fn outcome(self) -> Result<ReversalOutcome, CallError> {
        let reason = one_line(&self.reason, LONGEST_REASON);
        if self.outcome == ReversalOutcomeName::Impossible.as_str() && !reason.is_empty() {
            Ok(ReversalOutcome::Impossible(reason))
        } else {
            Err(CallError::new("status 422 without the outcome \"impossible\" and a reason"))
        }
    }
}
