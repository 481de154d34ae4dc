//! The wallet: announces payments, reports results, asks.

use std::net::SocketAddr;

use reqwest::{Client, RequestBuilder};
use serde_json::{Value, json};

use crate::partner::now;
use crate::{ACQUIRER, Deployment, PSP_ID};

/// A caller of the wallet API with both roles' tokens.
pub struct WalletClient {
    http: Client,
    base: String,
    pay: String,
    operator: String,
}

impl WalletClient {
    /// With connections of its own.
    pub fn new(deployment: &Deployment, api: SocketAddr) -> Self {
        let tokens = std::fs::read_to_string(deployment.dir().join("keys/wallet-api-tokens")).unwrap();
        let of_role = |role: &str| {
            let line = tokens.lines().find(|line| line.split(' ').nth(1) == Some(role)).unwrap();
            line.split(' ').nth(2).unwrap().to_owned()
        };
        let (http, scheme) = deployment.client();
        let base = format!("{scheme}://{api}/wallet/v1");
        Self { http, base, pay: of_role("pay"), operator: of_role("operator") }
    }

    /// Announces a payment of `amount` yen, initiated now, for [`ACQUIRER`].
    pub async fn announce(&self, id: &str, account: &str, amount: i64) -> Result<String, String> {
        self.announce_as(id, &payment_of(account, amount)).await
    }

    /// Announces a payment with this content; returns the disposition.
    pub async fn announce_as(&self, id: &str, content: &Value) -> Result<String, String> {
        disposition(self.send(self.http.put(format!("{}/payments/{id}", self.base)).json(content)).await?)
    }

    /// Reports a payment's result, `S` or `F`; returns the disposition.
    pub async fn report(&self, id: &str, status: &str) -> Result<String, String> {
        let content = json!({ "status": status, "completedAt": now() });
        disposition(self.send(self.http.post(format!("{}/payments/{id}/result", self.base)).json(&content)).await?)
    }

    /// Announces a refund of `amount` yen; returns the disposition.
    pub async fn refund(&self, id: &str, refund: &str, amount: i64) -> Result<String, String> {
        let amount = json!({ "value": amount.to_string(), "currency": "JPY" });
        let content = json!({ "refundRequestId": refund, "amount": amount });
        disposition(self.send(self.http.post(format!("{}/payments/{id}/refunds", self.base)).json(&content)).await?)
    }

    /// Reports a refund's result, `S` or `F`; returns the disposition.
    pub async fn report_refund(&self, id: &str, refund: &str, status: &str) -> Result<String, String> {
        let content = json!({ "status": status, "completedAt": now() });
        let request = self.http.post(format!("{}/payments/{id}/refunds/{refund}/result", self.base));
        disposition(self.send(request.json(&content)).await?)
    }

    /// What is known of a payment.
    pub async fn payment(&self, id: &str) -> Result<Value, String> {
        self.send(self.http.get(format!("{}/payments/{id}", self.base))).await
    }

    /// What the ledger says of an account.
    pub async fn account(&self, account: &str) -> Result<Value, String> {
        self.send(self.http.get(format!("{}/accounts/{account}?limit=1000", self.base))).await
    }

    /// The account's yen.
    pub async fn balance(&self, account: &str) -> Result<i64, String> {
        let statement = self.account(account).await?;
        let of_yen = statement["balances"].as_array().unwrap().iter().find(|balance| balance["currency"] == "JPY");
        Ok(of_yen.map_or(0, |balance| balance["value"].as_str().unwrap().parse().unwrap()))
    }

    /// What `/readyz` says to a caller with a token, ready or not.
    pub async fn readiness(&self) -> Result<Value, String> {
        let url = self.base.replace("/wallet/v1", "/readyz");
        let response = self.http.get(url).bearer_auth(&self.operator).send().await.map_err(|error| error.to_string())?;
        response.json().await.map_err(|error| error.to_string())
    }

    /// What `/metrics` shows. `Err` also where there is no whole answer.
    pub async fn metrics(&self) -> Result<String, String> {
        let response = self.http.get(self.base.replace("/wallet/v1", "/metrics")).send().await;
        response.map_err(|error| error.to_string())?.text().await.map_err(|error| error.to_string())
    }

    /// The certificate that the wallet API's listener shows on this client's connection, in DER.
    pub async fn certificate(&self) -> Result<Vec<u8>, String> {
        let response =
            self.http.get(self.base.replace("/wallet/v1", "/livez")).send().await.map_err(|error| error.to_string())?;
        let shown = response.extensions().get::<reqwest::tls::TlsInfo>().and_then(|info| info.peer_certificate());
        let shown = shown.map(<[u8]>::to_vec).ok_or_else(|| "no certificate".to_owned());
        // Else the connection would be closed.
        response.bytes().await.map_err(|error| error.to_string())?;
        shown
    }

    /// Whether `/readyz` says so.
    pub(crate) async fn is_ready(&self) -> bool {
        let answer = self.http.get(self.base.replace("/wallet/v1", "/readyz")).send().await;
        answer.is_ok_and(|response| response.status().is_success())
    }

    /// Any other call by an operator: `path` begins after `/wallet/v1`.
    pub async fn get(&self, path: &str) -> Result<Value, String> {
        let request = self.http.get(format!("{}{path}", self.base)).bearer_auth(&self.operator);
        json_of(request).await
    }

    /// A command by an operator, such as `/reversals/ID/retry`; returns the disposition.
    pub async fn operate(&self, path: &str, content: &Value) -> Result<String, String> {
        let request = self.http.post(format!("{}{path}", self.base)).json(content).bearer_auth(&self.operator);
        disposition(json_of(request).await?)
    }

    async fn send(&self, request: RequestBuilder) -> Result<Value, String> {
        json_of(request.bearer_auth(&self.pay)).await
    }
}

/// What is announced of a payment of `amount` yen for [`ACQUIRER`], initiated now; a repeat has to say the same.
pub fn payment_of(account: &str, amount: i64) -> Value {
    json!({
        "acquirerId": ACQUIRER,
        "pspId": PSP_ID,
        "account": account,
        "amount": { "value": amount.to_string(), "currency": "JPY" },
        "kind": "payment",
        "initiatedAt": now(),
    })
}

/// `Err` holds what was met where the answer was no success.
async fn json_of(request: RequestBuilder) -> Result<Value, String> {
    let response = request.send().await.map_err(|error| error.to_string())?;
    let status = response.status();
    let body = response.text().await.map_err(|error| error.to_string())?;
    if status.is_success() { Ok(serde_json::from_str(&body).unwrap()) } else { Err(format!("{status}: {body}")) }
}

fn disposition(answer: Value) -> Result<String, String> {
    answer["disposition"].as_str().map(ToOwned::to_owned).ok_or_else(|| answer.to_string())
}
