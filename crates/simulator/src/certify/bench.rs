//! What a case works with: a core, payments that are made at it, and what it booked.

use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::{Instant, sleep};

use crate::clock::{now, request_time};
use crate::money::{Money, Movement};
use crate::output::CommandError;
use crate::peer::{Peer, segment};
use crate::suite::case::{Needs, Stage};
use crate::suite::transcript::Transcript;
use crate::suite::verdict::{CaseError, Verdict, check};
use crate::wire::{Request, Response};
use crate::witness::{WitnessError, movements};

/// How long Rescind waits for one answer, unless its setting `funds.timeout` says otherwise.
pub(crate) const TIMEOUT: Duration = Duration::from_secs(2);
/// The pauses after an answer that is not known double from the first to the last, as those of Rescind do.
const FIRST_PAUSE: Duration = Duration::from_millis(200);
const LAST_PAUSE: Duration = Duration::from_secs(10);
/// For how long an answer may not be known. Rescind itself would ask for ever.
const UNKNOWN_FOR: Duration = Duration::from_secs(180);

/// What all cases share.
pub(crate) struct Setting {
    pub(super) core: Peer,
    /// What the identifiers of this run begin with.
    pub(super) run: String,
    /// Kills the core and starts it again.
    pub(super) restart: Option<String>,
    pub(super) next: AtomicU32,
    /// Why there is no witness.
    pub(super) lacks: Option<String>,
}

/// What one case works with; clones share everything.
#[derive(Clone)]
pub(crate) struct CoreBench {
    setting: Arc<Setting>,
    transcript: Transcript,
}

/// A payment that a case makes.
#[derive(Debug, Clone)]
pub(crate) struct Purchase {
    pub(crate) id: String,
    pub(crate) account: String,
    /// In the currency's smallest unit.
    pub(crate) amount: i64,
    pub(crate) currency: &'static str,
    /// Held instead of debited.
    pub(crate) is_hold: bool,
    /// RFC 3339.
    pub(crate) initiated_at: String,
}

/// How a reversal ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Ended {
    pub(crate) outcome: String,
    /// An answer before it was not known, so that it may have ended then.
    pub(crate) after_doubt: bool,
}

impl Setting {
    /// Asks for the witness, once.
    ///
    /// # Errors
    /// Where the core does not answer.
    pub(super) async fn with_what_it_lacks(mut self) -> Result<Self, CommandError> {
        let account = format!("{}-nobody", self.run);
        self.lacks = match movements(&self.core, &format!("/accounts/{account}"), 1, |_, _| {}).await {
            Ok(_) => None,
            Err(WitnessError::Absent(why)) => Some(why),
            Err(WitnessError::Silent(why)) => return Err(CommandError::new(why)),
            // A core that says what cannot be has a witness, and fails.
            Err(WitnessError::Unreadable(_)) => None,
        };
        Ok(self)
    }
}

impl CoreBench {
    pub(crate) fn new(setting: Arc<Setting>) -> Self {
        Self { setting, transcript: Transcript::default() }
    }

    /// An id that nobody has used.
    pub(crate) fn id(&self) -> String {
        format!("{}-{}", self.setting.run, self.setting.next.fetch_add(1, Ordering::Relaxed))
    }

    /// A payment that the core has not heard of, from an account of its own.
    pub(crate) fn purchase(&self) -> Purchase {
        let id = self.id();
        let initiated_at = request_time(now());
        Purchase { account: format!("user-of-{id}"), id, amount: 1_234, currency: "JPY", is_hold: false, initiated_at }
    }

    /// A payment that the core has debited.
    pub(crate) async fn paid(&self) -> Result<Purchase, CaseError> {
        let purchase = self.purchase();
        self.debit(&purchase).await?;
        Ok(purchase)
    }

    /// Has the core debit or hold; it has to.
    pub(crate) async fn debit(&self, purchase: &Purchase) -> Verdict {
        let status = self.tell(purchase, json!({ "status": "S" })).await?;
        check(status == 200, || format!("the core did not debit {}: HTTP {status}", purchase.id))
    }

    /// Tells the core about a payment, with some members more; answers with HTTP's status.
    pub(crate) async fn tell(&self, purchase: &Purchase, more: Value) -> Result<u16, CaseError> {
        let mut content = purchase.content();
        if let (Some(content), Value::Object(more)) = (content.as_object_mut(), more) {
            content.extend(more);
        }
        let path = format!("/payments/{}", segment(&purchase.id));
        let request = self.setting.core.request("PUT", &path, Some(&content));
        let response = self.until(&request, |response| response.status < 500).await?;
        match response.status {
            404 | 405 => {
                Err(CaseError::NotRun(format!("payments cannot be made: PUT {path} was answered HTTP {}", response.status)))
            }
            status => Ok(status),
        }
    }

    /// What the core says of a payment.
    pub(crate) async fn found(&self, id: &str) -> Result<(u16, Value), CaseError> {
        let request = self.setting.core.request("GET", &format!("/payments/{}", segment(id)), None);
        let response = self.until(&request, |response| response.status < 500).await?;
        Ok((response.status, serde_json::from_slice(&response.body).unwrap_or_default()))
    }

    /// Asks for a reversal with everything that Rescind knows of a payment that succeeded.
    pub(crate) async fn reverse(&self, purchase: &Purchase) -> Result<Ended, CaseError> {
        self.reverse_with(&purchase.id, purchase.reversal()).await
    }

    /// Asks for a reversal of which nothing is known.
    pub(crate) async fn reverse_unknown(&self, id: &str) -> Result<Ended, CaseError> {
        self.reverse_with(id, json!({ "paymentRequestId": id, "taken": "nothing-known" })).await
    }

    /// Asks until the answer is known, with pauses as Rescind makes them.
    pub(crate) async fn reverse_with(&self, id: &str, body: Value) -> Result<Ended, CaseError> {
        let (request, begun) = (self.reversal_request(id, &body), Instant::now());
        let (mut pause, mut after_doubt) = (FIRST_PAUSE, false);
        loop {
            let why = match self.ask_once(&request).await? {
                Ok(outcome) => return Ok(Ended { outcome, after_doubt }),
                Err(why) => why,
            };
            if begun.elapsed() >= UNKNOWN_FOR {
                return CaseError::wrong(format!("for {} s the reversal of {id} is not known: {why}", UNKNOWN_FOR.as_secs()));
            }
            sleep(pause).await;
            (pause, after_doubt) = ((pause * 2).min(LAST_PAUSE), true);
        }
    }

    pub(crate) fn reversal_request(&self, id: &str, body: &Value) -> Request {
        self.setting.core.request("PUT", &format!("/reversals/{}", segment(id)), Some(body))
    }

    /// Asks once: the outcome, or why it is not known.
    pub(crate) async fn ask_once(&self, request: &Request) -> Result<Result<String, String>, CaseError> {
        let response = match self.exchange(request).await {
            Ok(response) => response,
            Err(why) => return Ok(Err(why)),
        };
        let body: Value = serde_json::from_slice(&response.body).unwrap_or_default();
        let outcome = body["outcome"].as_str().unwrap_or_default().to_owned();
        let known = ["done", "already-done", "nothing-to-do", "partly-refunded", "fully-refunded"].contains(&outcome.as_str());
        match response.status {
            200 if known => Ok(Ok(outcome)),
            422 if outcome == "impossible" => CaseError::wrong(format!("the reversal is impossible: {body}")),
            status @ (400 | 401 | 403 | 404 | 405 | 409 | 410) => CaseError::wrong(format!(
                "{} was answered HTTP {status}, which says nothing: Rescind would ask for ever",
                request.target
            )),
            status => Ok(Err(format!("HTTP {status} {body}"))),
        }
    }

    /// Sends a reversal and hangs up.
    pub(crate) async fn hang_up(&self, purchase: &Purchase) -> Verdict {
        let request = self.reversal_request(&purchase.id, &purchase.reversal());
        self.transcript.failed(&request, "hung up without waiting for the answer");
        self.setting.core.send_and_hang_up(&request).await.map_err(CaseError::Wrong)
    }

    /// Everything that the core booked on an account.
    pub(crate) async fn booked(&self, account: &str, at_a_time: usize) -> Result<Vec<Movement>, CaseError> {
        let seen = |request: &Request, response: &Response| self.transcript.answered(request, response);
        let booked = movements(&self.setting.core, &format!("/accounts/{}", segment(account)), at_a_time, seen).await;
        booked.map_err(|error| match error {
            WitnessError::Absent(why) => CaseError::NotRun(why),
            WitnessError::Unreadable(why) | WitnessError::Silent(why) => CaseError::Wrong(why),
        })
    }

    /// Where a payment's money is.
    pub(crate) async fn money(&self, purchase: &Purchase) -> Result<Money, CaseError> {
        let movements = self.booked(&purchase.account, 100).await?;
        Money::of(&movements, &purchase.id, purchase.currency).map_err(CaseError::Wrong)
    }

    /// All of it was taken once, and all of it is back in one piece.
    pub(crate) async fn is_back_once(&self, purchase: &Purchase) -> Verdict {
        let amount = purchase.amount;
        self.is_where(purchase, Money { taken: amount, given_back: amount, times: 1 }).await
    }

    /// All of it was taken, and nothing came back.
    pub(crate) async fn is_kept(&self, purchase: &Purchase) -> Verdict {
        self.is_where(purchase, Money { taken: purchase.amount, given_back: 0, times: 0 }).await
    }

    /// Nothing was taken, and nothing given.
    pub(crate) async fn is_untouched(&self, purchase: &Purchase) -> Verdict {
        self.is_where(purchase, Money::default()).await
    }

    /// The money is exactly there.
    pub(crate) async fn is_where(&self, purchase: &Purchase, wanted: Money) -> Verdict {
        let found = self.money(purchase).await?;
        let told = |Money { taken, given_back, times }| format!("{taken} taken and {given_back} given back in {times} pieces");
        check(found == wanted, || format!("of {} there are {}, instead of {}", purchase.id, told(found), told(wanted)))
    }

    /// Runs the command that kills the core and starts it again, and waits until the core answers.
    pub(crate) async fn restart(&self) -> Verdict {
        let Some(command) = &self.setting.restart else {
            return Err(CaseError::NotRun("it needs --restart".to_owned()));
        };
        let mut shell = Command::new("sh");
        shell.args(["-c", command]).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let not_run = |error: std::io::Error| CaseError::NotRun(format!("--restart cannot be run: {error}"));
        let ended = tokio::task::spawn_blocking(move || shell.status()).await;
        let ended = ended.map_err(|error| not_run(error.into()))?.map_err(not_run)?;
        if !ended.success() {
            return Err(CaseError::NotRun(format!("--restart ended with {ended}")));
        }
        let request = self.setting.core.request("GET", &format!("/accounts/{}-nobody", self.setting.run), None);
        self.until(&request, |response| response.status == 200).await.map(|_| ())
    }

    async fn exchange(&self, request: &Request) -> Result<Response, String> {
        let answered = self.setting.core.exchange(request, TIMEOUT).await;
        match &answered {
            Ok(response) => self.transcript.answered(request, response),
            Err(why) => self.transcript.failed(request, why),
        }
        answered
    }

    /// Repeats a call that is not a reversal until its answer is fit.
    async fn until(&self, request: &Request, is_fit: impl Fn(&Response) -> bool) -> Result<Response, CaseError> {
        let begun = Instant::now();
        loop {
            let why = match self.exchange(request).await {
                Ok(response) if is_fit(&response) => return Ok(response),
                Ok(response) => format!("HTTP {}", response.status),
                Err(why) => why,
            };
            if begun.elapsed() >= UNKNOWN_FOR {
                return CaseError::wrong(format!("{} {} was not answered: {why}", request.method, request.target));
            }
            sleep(FIRST_PAUSE).await;
        }
    }
}

impl Stage for CoreBench {
    fn transcript(&self) -> &Transcript {
        &self.transcript
    }

    fn lacks(&self, needs: Needs) -> Option<String> {
        let no_command = || self.setting.restart.is_none().then(|| "it needs --restart".to_owned());
        match needs {
            Needs::Callback | Needs::Driver => None,
            Needs::Inquiries | Needs::InquiriesAndDriver => Some("nobody inquires at a wallet core".to_owned()),
            Needs::Witness => self.setting.lacks.clone(),
            Needs::Restart => self.setting.lacks.clone().or_else(no_command),
        }
    }
}

impl Purchase {
    /// The same with something else about it.
    pub(crate) fn with(mut self, change: impl FnOnce(&mut Self)) -> Self {
        change(&mut self);
        self
    }

    /// What the route for tests is told, but for the status.
    fn content(&self) -> Value {
        json!({
            "acquirerId": "1022188000000000001",
            "account": self.account,
            "amount": { "value": self.amount.to_string(), "currency": self.currency },
            "kind": if self.is_hold { "authorization" } else { "payment" },
            "initiatedAt": self.initiated_at,
        })
    }

    /// The body of the reversal of a payment whose success is known.
    pub(crate) fn reversal(&self) -> Value {
        json!({
            "paymentRequestId": self.id,
            "taken": if self.is_hold { "hold" } else { "debit" },
            "account": self.account,
            "amount": { "value": self.amount.to_string(), "currency": self.currency },
        })
    }
}

impl Ended {
    /// It had to end like this; or as `already-done`, where an answer before was not known.
    pub(crate) fn is(&self, wanted: &str) -> Verdict {
        let fits = self.outcome == wanted || (self.after_doubt && wanted == "done" && self.outcome == "already-done");
        check(fits, || format!("the core said {:?} instead of {wanted:?}", self.outcome))
    }

    /// It had to end in one of these ways.
    pub(crate) fn is_one_of(&self, wanted: &[&str]) -> Verdict {
        check(wanted.contains(&self.outcome.as_str()), || format!("the core said {:?} instead of {wanted:?}", self.outcome))
    }
}
