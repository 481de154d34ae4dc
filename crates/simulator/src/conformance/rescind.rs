//! The driver for Rescind's wallet API, which any other wallet may serve as well for the time of a test.

use std::collections::{HashMap, HashSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use chrono::SecondsFormat;
use serde_json::{Value, json};

use super::driver::{Payment, Refund, WalletDriver};
use crate::money::Money;
use crate::peer::{Peer, segment};
use crate::suite::verdict::{CaseError, check};
use crate::witness::{Witness, WitnessError};

/// Calls the wallet API.
pub(crate) struct RescindDriver {
    api: Peer,
    /// Has the money, where it is not in the ledger: any core with the two routes for tests.
    core: Option<Peer>,
    witness: Witness,
    told: Mutex<ToldToCore>,
}

/// What the core was told about payments.
#[derive(Default)]
struct ToldToCore {
    /// Those that it did not debit: their reversal came first.
    not_taken: HashSet<String>,
    /// What was refunded, in the currency's smallest unit.
    refunded: HashMap<String, i64>,
}

impl RescindDriver {
    pub(crate) fn new(api: Peer, core: Option<Peer>, witness: Witness) -> Self {
        Self { api, core, witness, told: Mutex::default() }
    }

    /// Calls what every wallet that is driven like this serves.
    async fn call(&self, method: &str, path: &str, body: Option<Value>) -> Result<Value, CaseError> {
        let answered = self.api.call(method, path, body.as_ref()).await.map_err(CaseError::Wrong)?;
        said(&format!("{method} {path}"), answered)
    }

    /// Calls what a wallet may do without, for whose cases that is.
    async fn call_if_served(&self, method: &str, path: &str, body: Option<Value>) -> Result<Value, CaseError> {
        match self.api.call(method, path, body.as_ref()).await.map_err(CaseError::Wrong)? {
            (404 | 501, _) => Err(CaseError::NotRun(format!("the wallet does not serve {method} {path}"))),
            answered => said(&format!("{method} {path}"), answered),
        }
    }

    /// Has the core debit the payment. One that was reversed already is refused there, which is right: then nothing is taken.
    async fn debit(&self, core: &Peer, payment: &Payment) -> Result<(), CaseError> {
        if self.tell(core, payment, 0).await? == 409 {
            self.told().not_taken.insert(payment.payment_request_id.clone());
        }
        Ok(())
    }

    /// Has the core give back what the wallet refunds.
    async fn refund_at(&self, core: &Peer, payment: &Payment, refund: &Refund) -> Result<(), CaseError> {
        let refunded = {
            let mut told = self.told();
            let refunded = told.refunded.entry(payment.payment_request_id.clone()).or_default();
            *refunded += refund.amount;
            *refunded
        };
        self.tell(core, payment, refunded).await.map(|_| ())
    }

    async fn tell(&self, core: &Peer, payment: &Payment, refunded: i64) -> Result<u16, CaseError> {
        let mut content = announcement(payment);
        content["status"] = "S".into();
        if refunded > 0 {
            content["refunded"] = json!({ "value": refunded.to_string(), "currency": payment.currency });
        }
        let path = format!("/payments/{}", segment(&payment.payment_request_id));
        let (status, answer) = core.call("PUT", &path, Some(&content)).await.map_err(CaseError::Wrong)?;
        if [404, 405, 501].contains(&status) {
            return Err(CaseError::NotRun(format!("payments cannot be made at the core: PUT {path} was answered HTTP {status}")));
        }
        let answer = String::from_utf8_lossy(&answer);
        check([200, 409].contains(&status), || format!("the wallet core answered PUT {path} with HTTP {status}: {answer}"))?;
        Ok(status)
    }

    fn told(&self) -> MutexGuard<'_, ToldToCore> {
        self.told.lock().unwrap_or_else(PoisonError::into_inner)
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
        let money = self.witness.money(&payment.account, &payment.payment_request_id, payment.currency).await;
        money.map_err(|error| match error {
            WitnessError::Absent(why) => CaseError::NotRun(why),
            WitnessError::Unreadable(why) | WitnessError::Silent(why) => CaseError::Wrong(why),
        })
    }

    fn was_not_taken(&self, payment: &Payment) -> bool {
        self.told().not_taken.contains(&payment.payment_request_id)
    }

    async fn refund(&self, payment: &Payment, refund: &Refund) -> Result<String, CaseError> {
        let amount = json!({ "value": refund.amount.to_string(), "currency": payment.currency });
        let content = json!({ "refundRequestId": refund.refund_request_id, "amount": amount });
        disposition(&self.call_if_served("POST", &path(payment, "/refunds"), Some(content)).await?)
    }

    async fn report_refund(&self, payment: &Payment, refund: &Refund, status: &str) -> Result<String, CaseError> {
        if let Some(core) = self.core.as_ref().filter(|_| status == "S") {
            self.refund_at(core, payment, refund).await?;
        }
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
