//! The wallet in the demonstration: it announces payments, reports results and reads balances, over HTTP.

use std::net::SocketAddr;

use chrono::{SecondsFormat, TimeDelta};
use ports::Clock;
use reqwest::{Client, RequestBuilder};
use serde_json::{Value, json};

use super::rows::{ACQUIRER, CURRENCY, Call, DemoPayment, PSP_ID};
use crate::clock::SystemClock;
use crate::output::CliError;

/// A wallet that knows its token.
pub(super) struct DemoWallet {
    http: Client,
    base: String,
    token: String,
}

impl DemoWallet {
    pub(super) fn new(http: Client, api: SocketAddr, tokens: &str) -> Result<Self, CliError> {
        let with_role_pay = |line: &str| match line.split_whitespace().collect::<Vec<_>>().as_slice() {
            [_, "pay", token] => Some((*token).to_owned()),
            _ => None,
        };
        let token = tokens
            .lines()
            .find_map(with_role_pay)
            .ok_or_else(|| CliError::new("the tokens file has no token with the role pay"))?;
        Ok(Self { http, base: format!("http://{api}/wallet/v1"), token })
    }

    /// Tells something of a payment; returns the disposition.
    pub(super) async fn tell(&self, payment: &DemoPayment, call: Call) -> Result<String, CliError> {
        let at = |days| (SystemClock.now() - TimeDelta::days(days)).to_rfc3339_opts(SecondsFormat::Millis, true);
        let place = format!("{}/payments/{}", self.base, payment.id);
        let request = match call {
            Call::Announce => self.http.put(place).json(&json!({
                "acquirerId": ACQUIRER,
                "pspId": PSP_ID,
                "account": payment.account,
                "amount": { "value": payment.amount, "currency": CURRENCY },
                "kind": payment.kind,
                "initiatedAt": at(payment.initiated_days_ago),
            })),
            Call::Report(status) => {
                self.http.post(format!("{place}/result")).json(&json!({ "status": status, "completedAt": at(0) }))
            }
        };
        let answer = self.send(request).await?;
        let disposition = answer["disposition"].as_str().map(ToOwned::to_owned);
        disposition.ok_or_else(|| CliError::new(format!("the wallet API answered without a disposition: {answer}")))
    }

    /// What the user has, in the currency's smallest unit.
    pub(super) async fn balance(&self, account: &str) -> Result<i64, CliError> {
        let statement = self.send(self.http.get(format!("{}/accounts/{account}", self.base))).await?;
        let unreadable = || CliError::new(format!("the wallet API answered without balances: {statement}"));
        let balances = statement["balances"].as_array().ok_or_else(unreadable)?;
        match balances.iter().find(|balance| balance["currency"] == CURRENCY) {
            None => Ok(0),
            Some(balance) => balance["value"].as_str().and_then(|value| value.parse().ok()).ok_or_else(unreadable),
        }
    }

    async fn send(&self, request: RequestBuilder) -> Result<Value, CliError> {
        let failed = |error: reqwest::Error| CliError::new(format!("the wallet API does not answer: {error}"));
        let response = request.bearer_auth(&self.token).send().await.map_err(failed)?;
        let status = response.status();
        let body = response.text().await.map_err(failed)?;
        if !status.is_success() {
            return Err(CliError::new(format!("the wallet API answered {status}: {body}")));
        }
        serde_json::from_str(&body).map_err(|error| CliError::new(format!("the wallet API answered {body:?}: {error}")))
    }
}
