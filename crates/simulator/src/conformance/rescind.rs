//! The driver for Rescind's wallet API, which any other wallet may serve as well for the time of a test.

use std::time::Duration;

use async_trait::async_trait;
use chrono::SecondsFormat;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Value, json};
use tokio::time::{sleep, timeout};

use super::driver::{Money, Payment, Refund, WalletDriver};
use super::verdict::{CaseError, check};
use crate::alipayplus::TIMEOUT;
use crate::output::CommandError;
use crate::wire::{Dialer, Request};

/// How often a call is repeated that the wallet says it cannot answer now, and after how long.
const REPEATS: (u32, Duration) = (20, Duration::from_millis(250));

/// Someone who is called over HTTP with a bearer token.
pub(crate) struct Peer {
    pub(crate) dialer: Dialer,
    pub(crate) token: Option<String>,
}

/// Calls the wallet API.
pub(crate) struct RescindDriver {
    api: Peer,
    /// Has the money, where it is not in the ledger: the stand-in of `alipayplus-sim wallet-core`.
    core: Option<Peer>,
}

impl RescindDriver {
    /// `tokens` holds lines of NAME ROLE TOKEN; the first with the role `pay` is used.
    pub(crate) fn new(dialer: Dialer, tokens: &str, core: Option<Peer>) -> Result<Self, CommandError> {
        let with_role_pay = |line: &str| match line.split_whitespace().collect::<Vec<_>>()[..] {
            [_, "pay", token] => Some(token.to_owned()),
            _ => None,
        };
        let token = tokens.lines().find_map(with_role_pay);
        let token = token.ok_or_else(|| CommandError::new("the file of tokens has no line NAME pay TOKEN"))?;
        Ok(Self { api: Peer { dialer, token: Some(token) }, core })
    }

    /// Calls what every wallet that is driven like this serves.
    async fn call(&self, method: &str, path: &str, body: Option<Value>) -> Result<Value, CaseError> {
        let answered = self.api.call(method, path, body.as_ref()).await?;
        said(&format!("{method} {path}"), answered)
    }

    /// Calls what a wallet may do without, for whose cases that is.
    async fn call_if_served(&self, method: &str, path: &str, body: Option<Value>) -> Result<Value, CaseError> {
        match self.api.call(method, path, body.as_ref()).await? {
            (404 | 501, _) => Err(CaseError::NotRun(format!("the wallet does not serve {method} {path}"))),
            answered => said(&format!("{method} {path}"), answered),
        }
    }

    /// Has the core debit the payment. One that was reversed already is refused there, which is right: then nothing is taken.
    async fn debit(&self, core: &Peer, payment: &Payment) -> Result<(), CaseError> {
        let mut content = announcement(payment);
        content["status"] = "S".into();
        let path = format!("/payments/{}", segment(&payment.payment_request_id));
        let (status, answer) = core.call("PUT", &path, Some(&content)).await?;
        let answer = String::from_utf8_lossy(&answer);
        check([200, 409].contains(&status), || format!("the wallet core answered PUT {path} with HTTP {status}: {answer}"))
    }

    /// Sums of the account's entries that belong to the payment.
    async fn booked(&self, payment: &Payment) -> Result<Money, CaseError> {
        let mut money = Money { taken: 0, given_back: 0, times: 0 };
        let path = format!("/wallet/v1/accounts/{}", segment(&payment.account));
        let mut after = String::new();
        loop {
            let page = self.call("GET", &format!("{path}?limit=1000{after}"), None).await?;
            let unreadable = || CaseError::Wrong(format!("{path} was answered without readable entries: {page}"));
            for entry in page["entries"].as_array().ok_or_else(unreadable)? {
                if entry["paymentRequestId"] != payment.payment_request_id.as_str() {
                    continue;
                }
                let amount = entry["amount"]["value"].as_str().and_then(|value| value.parse::<i64>().ok());
                let amount = amount.filter(|_| entry["amount"]["currency"] == payment.currency).ok_or_else(unreadable)?;
                match entry["kind"].as_str() {
                    Some("debit" | "hold") => money.taken += amount,
                    Some("credit" | "release") => {
                        money.given_back += amount;
                        money.times += 1;
                    }
                    Some(_) | None => return Err(unreadable()),
                }
            }
            match page["next"].as_str() {
                Some(next) => after = format!("&after={}", segment(next)),
                None => return Ok(money),
            }
        }
    }

    /// What the wallet core said of the payment and of its refunds.
    async fn told(&self, payment: &Payment) -> Result<Money, CaseError> {
        let case = self.call("GET", &path(payment, ""), None).await?;
        let of = |amount: &Value| amount["value"].as_str().and_then(|value| value.parse::<i64>().ok()).unwrap_or_default();
        let refunds = case["refunds"].as_array().into_iter().flatten().filter(|refund| refund["state"] == "succeeded");
        let mut back: Vec<i64> = refunds.map(|refund| of(&refund["amount"])).collect();
        let reversal = &case["reversal"];
        if case["status"] == "S" && reversal["state"] == "done" && reversal["taken"] != "nothing-known" {
            back.push(payment.amount - back.iter().sum::<i64>());
        }
        let taken = if case["status"] == "S" { payment.amount } else { 0 };
        Ok(Money { taken, given_back: back.iter().sum(), times: back.len() })
    }
}

impl Peer {
    /// Calls until the answer is another one than "not now".
    async fn call(&self, method: &str, path: &str, body: Option<&Value>) -> Result<(u16, Vec<u8>), CaseError> {
        let (repeats, after) = REPEATS;
        for _ in 0..repeats {
            match self.call_once(method, path, body).await? {
                (503, _) => sleep(after).await,
                answered => return Ok(answered),
            }
        }
        CaseError::wrong(format!("{method} {path} was answered HTTP 503 {repeats} times"))
    }

    async fn call_once(&self, method: &str, path: &str, body: Option<&Value>) -> Result<(u16, Vec<u8>), CaseError> {
        let target = self.dialer.target();
        let place = format!("{}{path}", target.uri.trim_end_matches('/'));
        let body = body.map(Value::to_string).unwrap_or_default();
        let request = Request::new(method, &place, &target.authority, body).with("Content-Type", "application/json");
        let request = match &self.token {
            Some(token) => request.with("Authorization", &format!("Bearer {token}")),
            None => request,
        };
        let exchange = async {
            let mut connection = self.dialer.connect().await?;
            connection.send(&request.bytes()).await?;
            connection.receive().await
        };
        let not_answered = |why: String| CaseError::Wrong(format!("{method} {path} was not answered: {why}"));
        let answered = timeout(TIMEOUT, exchange).await;
        let response = answered.map_err(|_| not_answered("too slow".to_owned()))?;
        let response = response.map_err(|error| not_answered(error.to_string()))?;
        Ok((response.status, response.body))
    }
}

#[async_trait]
impl WalletDriver for RescindDriver {
    async fn announce(&self, payment: &Payment) -> Result<String, CaseError> {
        disposition(&self.call("PUT", &path(payment, ""), Some(announcement(payment))).await?)
    }

    async fn report(&self, payment: &Payment, status: &str) -> Result<String, CaseError> {
        if let Some(core) = self.core.as_ref().filter(|_| status == "S") {
            self.debit(core, payment).await?;
        }
        disposition(&self.call("POST", &path(payment, "/result"), Some(ended(payment, status))).await?)
    }

    async fn money(&self, payment: &Payment) -> Result<Money, CaseError> {
        match self.core {
            None => self.booked(payment).await,
            Some(_) => self.told(payment).await,
        }
    }

    async fn refund(&self, payment: &Payment, refund: &Refund) -> Result<String, CaseError> {
        let amount = json!({ "value": refund.amount.to_string(), "currency": payment.currency });
        let content = json!({ "refundRequestId": refund.refund_request_id, "amount": amount });
        disposition(&self.call_if_served("POST", &path(payment, "/refunds"), Some(content)).await?)
    }

    async fn report_refund(&self, payment: &Payment, refund: &Refund, status: &str) -> Result<String, CaseError> {
        let place = format!("/refunds/{}/result", segment(&refund.refund_request_id));
        disposition(&self.call("POST", &path(payment, &place), Some(ended(payment, status))).await?)
    }

    async fn inquiry(&self, payment: &Payment) -> Result<String, CaseError> {
        let case = self.call_if_served("GET", &path(payment, ""), None).await?;
        let part = |name: &str| case["inquiry"][name].as_str().unwrap_or("?").to_owned();
        Ok(format!("{} {}", part("resultStatus"), part("resultCode")))
    }
}

fn said(call: &str, (status, answer): (u16, Vec<u8>)) -> Result<Value, CaseError> {
    if status != 200 {
        let answer = String::from_utf8_lossy(&answer);
        return CaseError::wrong(format!("{call} was answered HTTP {status}: {answer}"));
    }
    serde_json::from_slice(&answer).map_err(|error| CaseError::Wrong(format!("{call} was answered something else: {error}")))
}

fn disposition(answer: &Value) -> Result<String, CaseError> {
    let disposition = answer["disposition"].as_str().map(str::to_owned);
    disposition.ok_or_else(|| CaseError::Wrong(format!("there is no disposition in {answer}")))
}

fn announcement(payment: &Payment) -> Value {
    json!({
        "acquirerId": payment.acquirer_id,
        "pspId": payment.psp_id,
        "account": payment.account,
        "amount": { "value": payment.amount.to_string(), "currency": payment.currency },
        "kind": if payment.authorization { "authorization" } else { "payment" },
        "initiatedAt": payment.initiated_at,
    })
}

fn ended(payment: &Payment, status: &str) -> Value {
    json!({ "status": status, "completedAt": payment.completed_at.to_rfc3339_opts(SecondsFormat::Millis, true) })
}

fn path(payment: &Payment, rest: &str) -> String {
    format!("/wallet/v1/payments/{}{rest}", segment(&payment.payment_request_id))
}

fn segment(text: &str) -> String {
    utf8_percent_encode(text, NON_ALPHANUMERIC).to_string()
}
