//! The life of one payment of a storm: the wallet's side, the core's, and Alipay+'s.

use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, SecondsFormat, Utc};
use serde_json::{Value, json};
use tokio::time::Instant;

use super::calls::{Api, Caller, End};
use super::story::{Asked, Call, Shape, Story};
use crate::alipayplus::{AlipayPlus, INQUIRY_TIMEOUT};
use crate::clock::{now, request_time};
use crate::output::CommandError;
use crate::peer::segment;

/// What all callers of a storm have in common.
pub(super) struct Setting {
    /// Alipay+, once for each address that cancels are sent to in turn.
    pub(super) partners: Vec<AlipayPlus>,
    /// Alipay+ as it inquires, where the wallet serves that.
    pub(super) inquirer: Option<AlipayPlus>,
    pub(super) wallet_api: String,
    pub(super) wallet_token: String,
    pub(super) core: String,
    pub(super) core_token: String,
    /// Begins every id.
    pub(super) run: String,
    /// When all payments were initiated.
    pub(super) initiated_at: DateTime<Utc>,
    /// How long Alipay+ waits after U or no answer.
    pub(super) retry_after: Duration,
    /// When it gives up what is not final.
    pub(super) end: End,
}

/// One caller with its connections.
pub(super) struct Driver {
    setting: Arc<Setting>,
    alipayplus: Vec<Caller>,
    inquirer: Option<Caller>,
    wallet: Api,
    core: Api,
    /// Cancels sent so far.
    sent: usize,
}

/// How many accounts the payments are of.
const ACCOUNTS: u64 = 16;

impl Driver {
    pub(super) fn new(setting: &Arc<Setting>) -> Result<Self, CommandError> {
        Ok(Self {
            alipayplus: setting.partners.iter().map(|partner| Caller::new(partner.dialer.clone())).collect(),
            inquirer: setting.inquirer.as_ref().map(|partner| Caller::new(partner.dialer.clone())),
            wallet: Api::new(&setting.wallet_api, &setting.wallet_token)?,
            core: Api::new(&setting.core, &setting.core_token)?,
            setting: Arc::clone(setting),
            sent: 0,
        })
    }

    /// Takes a payment's money and tells the wallet's part of it, up to the moment at which its cancel comes.
    pub(super) async fn prepare(&mut self, number: u64) -> Story {
        let shape = Shape::of(number);
        let payment_request_id = format!("{}-{number}", self.setting.run);
        let (account, amount) = (format!("storm-{}", number % ACCOUNTS), 1 + i64::try_from(number % 100_000).unwrap_or_default());
        let (announced, reported, cancels, inquiries, trouble) = (None, None, vec![], vec![], None);
        let mut story = Story { payment_request_id, shape, account, amount, announced, reported, cancels, inquiries, trouble };
        let prepared = async {
            if shape != Shape::Unseen {
                story.announced = Some(self.announce(&story).await?);
            }
            self.debit(&story).await?;
            if matches!(shape, Shape::Paid | Shape::Authorized | Shape::Repeated) {
                story.reported = Some(self.report(&story).await?);
            }
            Ok::<_, String>(())
        };
        if let Err(why) = prepared.await {
            story.trouble = Some(why);
        }
        story
    }

    /// Cancels until there is a final answer, and does what the shape says around it.
    pub(super) async fn cancel(&mut self, story: &mut Story) -> Result<(), CommandError> {
        let reported = if story.shape == Shape::Raced {
            // The wallet reports by a connection of its own, at the same moment.
            let mut wallet = Self::new(&self.setting)?;
            let copy = story.clone();
            let (cancelled, reported) = tokio::join!(self.until_final(story), wallet.report(&copy));
            cancelled?;
            Some(reported)
        } else {
            self.until_final(story).await?;
            None
        };
        let after = match story.shape {
            Shape::Raced => reported.transpose().map(|reported| story.reported = reported),
            Shape::LateSuccess => self.report(story).await.map(|told| story.reported = Some(told)),
            Shape::Unseen => self.announce(story).await.map(|told| story.announced = Some(told)),
            Shape::Repeated => return self.until_final(story).await,
            Shape::Paid | Shape::Authorized => Ok(()),
        };
        if let Err(why) = after {
            story.trouble = Some(why);
        }
        Ok(())
    }

    /// Sends the identical cancel again and again until S or F, or until the storm ends. Each is inquired about while it is on
    /// its way, and once more when it was answered for good.
    async fn until_final(&mut self, story: &mut Story) -> Result<(), CommandError> {
        let (setting, mut inquirer) = (Arc::clone(&self.setting), self.inquirer.take());
        let ended = self.until_final_beside(story, (&setting, &mut inquirer)).await;
        self.inquirer = inquirer;
        ended
    }

    async fn until_final_beside(
        &mut self,
        story: &mut Story,
        (setting, inquirer): (&Setting, &mut Option<Caller>),
    ) -> Result<(), CommandError> {
        loop {
            let (id, after) = (story.payment_request_id.clone(), story.cancels.len());
            let (cancelled, asked) = tokio::join!(self.cancel_once(&id), inquire_once(setting, inquirer, (&id, after)));
            let (call, is_final) = cancelled?;
            story.cancels.push(call);
            story.inquiries.extend(asked?);
            if is_final {
                story.inquiries.extend(inquire_once(setting, inquirer, (&id, story.cancels.len())).await?);
            }
            if is_final || self.setting.end.comes_within(self.setting.retry_after) {
                return Ok(());
            }
            tokio::time::sleep(self.setting.retry_after).await;
        }
    }

    async fn cancel_once(&mut self, id: &str) -> Result<(Call, bool), CommandError> {
        let which = self.sent % self.setting.partners.len();
        self.sent += 1;
        let partner = &self.setting.partners[which];
        let request = partner.request(partner.body(id))?;
        let (at, begun) = (now(), Instant::now());
        let response = self.alipayplus[which].exchange(&request).await;
        let http = response.as_ref().ok().map(|response| response.status);
        let answer = response.and_then(|response| partner.read((&request.method, &request.target), &response));
        let is_final = answer.as_ref().is_ok_and(|answer| answer.status != "U");
        let milliseconds = u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX);
        let (answer, why) = match answer {
            Ok(answer) => (Some(format!("{} {}", answer.status, answer.code)), None),
            Err(why) => (None, Some(why)),
        };
        let at = at.to_rfc3339_opts(SecondsFormat::Millis, true);
        Ok((Call { at, milliseconds, http, answer, why }, is_final))
    }

    async fn announce(&mut self, story: &Story) -> Result<String, String> {
        let mut payment = self.payment(story);
        payment["pspId"] = json!(self.setting.partners[0].psp_id);
        self.told("PUT", &wallet_path(story, ""), payment).await
    }

    async fn report(&mut self, story: &Story) -> Result<String, String> {
        let completed_at = now().to_rfc3339_opts(SecondsFormat::Millis, true);
        self.told("POST", &wallet_path(story, "/result"), json!({ "status": "S", "completedAt": completed_at })).await
    }

    async fn told(&mut self, method: &str, path: &str, body: Value) -> Result<String, String> {
        let (status, answer) = self.wallet.ask((method, path), Some(&body), &self.setting.end).await?;
        let disposition = answer["disposition"].as_str().filter(|_| status == 200).map(str::to_owned);
        disposition.ok_or_else(|| format!("{method} {path} was answered {status}: {answer}"))
    }

    async fn debit(&mut self, story: &Story) -> Result<(), String> {
        let mut payment = self.payment(story);
        payment["status"] = json!("S");
        let path = format!("/payments/{}", segment(&story.payment_request_id));
        match self.core.ask(("PUT", &path), Some(&payment), &self.setting.end).await? {
            (200, _) => Ok(()),
            (status, answer) => Err(format!("the core did not debit {}: {status} {answer}", story.payment_request_id)),
        }
    }

    fn payment(&self, story: &Story) -> Value {
        json!({
            "acquirerId": self.setting.partners[0].acquirer_id,
            "account": story.account,
            "amount": { "value": story.amount.to_string(), "currency": "JPY" },
            "kind": if story.shape == Shape::Authorized { "authorization" } else { "payment" },
            "initiatedAt": request_time(self.setting.initiated_at),
        })
    }
}

/// Inquires once; nothing where the wallet serves no inquiries.
async fn inquire_once(
    setting: &Setting,
    inquirer: &mut Option<Caller>,
    (id, after): (&str, usize),
) -> Result<Option<Asked>, CommandError> {
    let (Some(partner), Some(caller)) = (&setting.inquirer, inquirer) else { return Ok(None) };
    let request = partner.request(partner.body(id))?;
    let at = now().to_rfc3339_opts(SecondsFormat::Millis, true);
    let response = caller.exchange_within(&request, INQUIRY_TIMEOUT).await;
    let http = response.as_ref().ok().map(|response| response.status);
    let inquired = response.and_then(|response| partner.read_inquiry((&request.method, &request.target), &response));
    let (answer, why) = match inquired {
        Ok(inquired) => (Some(inquired.brief()), None),
        Err(why) => (None, Some(why)),
    };
    Ok(Some(Asked { at, after, http, answer, why }))
}

pub(super) fn wallet_path(story: &Story, rest: &str) -> String {
    format!("/wallet/v1/payments/{}{rest}", segment(&story.payment_request_id))
}
