//! What a case works with: Alipay+ as the caller, the wallet's driver, identifiers of its own, and a record of what was said.

mod draft;
mod inquiry;
mod race;
mod staged;

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use tokio::time::{sleep, timeout};

use super::driver::WalletDriver;
use crate::alipayplus::{AlipayPlus, Answer, RETRY_AFTER, TIMEOUT};
use crate::clock;
use crate::suite::case::{Needs, Stage};
use crate::suite::transcript::Transcript;
use crate::suite::verdict::{CaseError, Verdict, check};
use crate::wire::{Connection, Request, Response};

pub(crate) use draft::{Draft, Parts};
pub(crate) use race::Telling;
pub(crate) use staged::Staged;

/// How many retries of the schedule a case waits for.
const RETRIES: usize = 3;

/// Where contracts differ: what this wallet is expected to say.
#[derive(Debug, Clone)]
pub(crate) struct Terms {
    /// Status and code for a payment that was never received.
    pub(crate) never_received: String,
    /// Status and code outside of the cancellable period.
    pub(crate) period_over: String,
}

/// What all cases share.
pub(crate) struct Setting {
    pub(crate) partner: AlipayPlus,
    /// Alipay+ as it inquires, where the wallet serves that.
    pub(crate) inquirer: Option<AlipayPlus>,
    pub(crate) driver: Option<Box<dyn WalletDriver>>,
    pub(crate) terms: Terms,
    /// What the identifiers of this run begin with.
    pub(crate) run: String,
    /// How far the wallet's clock is ahead of this one.
    pub(crate) clock_ahead: TimeDelta,
    pub(crate) next: AtomicU32,
}

/// What one case works with; clones share everything.
#[derive(Clone)]
pub(crate) struct Bench {
    setting: Arc<Setting>,
    transcript: Transcript,
}

/// A response with what it answers.
#[derive(Debug, Clone)]
pub(crate) struct Reply {
    request: Request,
    pub(crate) response: Response,
    /// What Alipay+ makes of it.
    read: Result<Answer, String>,
}

impl Bench {
    pub(crate) fn new(setting: Arc<Setting>) -> Self {
        Self { setting, transcript: Transcript::default() }
    }

    pub(crate) fn partner(&self) -> &AlipayPlus {
        &self.setting.partner
    }

    pub(crate) fn driver(&self) -> Result<&dyn WalletDriver, CaseError> {
        self.setting.driver.as_deref().ok_or_else(|| CaseError::NotRun("there is no wallet driver".to_owned()))
    }

    pub(crate) fn terms(&self) -> &Terms {
        &self.setting.terms
    }

    /// A `paymentRequestId` that nobody has used.
    pub(crate) fn id(&self) -> String {
        format!("{}-{}", self.setting.run, self.setting.next.fetch_add(1, Ordering::Relaxed))
    }

    /// The present moment by the wallet's clock.
    pub(crate) fn now(&self) -> DateTime<Utc> {
        clock::now() + self.setting.clock_ahead
    }

    /// A cancel that is yet to be signed.
    pub(crate) fn draft(&self, id: &str) -> Draft<'_> {
        self.draft_of(self.partner().body(id))
    }

    /// A message with any body that is yet to be signed.
    pub(crate) fn draft_of(&self, body: impl Into<Vec<u8>>) -> Draft<'_> {
        Draft::new(self.partner(), self.now(), body.into())
    }

    /// A good cancel.
    pub(crate) fn cancel_request(&self, id: &str) -> Result<Request, CaseError> {
        self.draft(id).request()
    }

    /// Sends a cancel on a connection of its own.
    pub(crate) async fn cancel(&self, id: &str) -> Result<Reply, CaseError> {
        self.send(&self.cancel_request(id)?).await
    }

    /// Cancels, and repeats with the same parameters as Alipay+ does, until the answer is not U.
    pub(crate) async fn cancel_until_final(&self, id: &str) -> Result<Answer, CaseError> {
        let mut last = String::new();
        for wait in RETRY_AFTER.iter().take(RETRIES).map(Some).chain([None]) {
            match self.cancel(id).await.and_then(|reply| reply.answer()) {
                Ok(answer) if answer.status != "U" => return Ok(answer),
                Ok(answer) => last = answer.brief(),
                Err(CaseError::Wrong(why)) => last = why,
                Err(not_run @ CaseError::NotRun(_)) => return Err(not_run),
            }
            if let Some(wait) = wait {
                sleep(*wait).await;
            }
        }
        CaseError::wrong(format!("after {RETRIES} retries it is still: {last}"))
    }

    /// Cancels until the answer is final, which has to be S.
    pub(crate) async fn succeeds(&self, id: &str) -> Verdict {
        expected(&self.cancel_until_final(id).await?, "S SUCCESS")
    }

    /// Sends a request on a connection of its own; it has to be answered this status and code.
    pub(crate) async fn expect(&self, request: Request, brief: &str) -> Verdict {
        self.comes_to(&self.send(&request).await?, brief).await
    }

    /// What a reply comes to has to be this status and code.
    pub(crate) async fn comes_to(&self, reply: &Reply, brief: &str) -> Verdict {
        let answer = if brief.starts_with('U') { reply.answer()? } else { self.settled(reply).await? };
        expected(&answer, brief)
    }

    /// What each of these replies comes to has to be this status and code.
    pub(crate) async fn all_come_to(&self, replies: &[Reply], brief: &str) -> Verdict {
        for reply in replies {
            self.comes_to(reply, brief).await?;
        }
        Ok(())
    }

    /// The answer, where it is final. U is repeated with the same parameters as Alipay+ does: a wallet that does not know for a
    /// moment is right to say so.
    pub(crate) async fn settled(&self, reply: &Reply) -> Result<Answer, CaseError> {
        let mut answer = reply.answer()?;
        for wait in RETRY_AFTER.iter().take(RETRIES) {
            if answer.status != "U" {
                break;
            }
            sleep(*wait).await;
            answer = self.send(&reply.request).await?.answer()?;
        }
        Ok(answer)
    }

    /// Sends a cancel of a payment that was never received; it has to be taken for a good one.
    pub(crate) async fn expect_taken(&self, request: Request) -> Verdict {
        let wanted = self.terms().never_received.clone();
        self.expect(request, &wanted).await
    }

    /// Sends a request on a connection of its own and waits for as long as Alipay+ does.
    pub(crate) async fn send(&self, request: &Request) -> Result<Reply, CaseError> {
        self.send_bytes(request, &request.bytes()).await
    }

    /// Sends these bytes instead of the request's.
    pub(crate) async fn send_bytes(&self, request: &Request, bytes: &[u8]) -> Result<Reply, CaseError> {
        let exchange = async {
            let mut connection = self.connect().await?;
            connection.send(bytes).await.map_err(lost)?;
            self.receive(&mut connection, request).await
        };
        self.within_patience(request, exchange).await
    }

    /// Bounds an exchange by Alipay+'s timeout and records how it ended.
    pub(crate) async fn within_patience<T>(
        &self,
        request: &Request,
        exchange: impl Future<Output = Result<T, CaseError>>,
    ) -> Result<T, CaseError> {
        self.within(TIMEOUT, request, exchange).await
    }

    async fn within<T>(
        &self,
        patience: Duration,
        request: &Request,
        exchange: impl Future<Output = Result<T, CaseError>>,
    ) -> Result<T, CaseError> {
        let late = || CaseError::Wrong(format!("there was no answer within {} s", patience.as_secs()));
        let ended = timeout(patience, exchange).await.unwrap_or_else(|_| Err(late()));
        if let Err(CaseError::Wrong(why)) = &ended {
            self.transcript.failed(request, why);
        }
        ended
    }

    pub(crate) async fn connect(&self) -> Result<Connection, CaseError> {
        self.partner().dialer.connect().await.map_err(|error| CaseError::Wrong(format!("there is no connection: {error}")))
    }

    /// The next response on a connection, as an answer to this request.
    pub(crate) async fn receive(&self, connection: &mut Connection, request: &Request) -> Result<Reply, CaseError> {
        let response = connection.receive().await.map_err(lost)?;
        self.transcript.answered(request, &response);
        let read = self.partner().read((&request.method, request.uri()), &response);
        Ok(Reply { request: request.clone(), response, read })
    }

    /// Records a response that is read in another way.
    fn heard(&self, request: &Request, response: &Response) {
        self.transcript.answered(request, response);
    }

    /// Sends the beginning of a request and hangs up.
    pub(crate) async fn send_and_hang_up(&self, request: &Request, bytes: usize) -> Verdict {
        let all = request.bytes();
        let mut connection = self.connect().await?;
        let sent = connection.send(all.get(..bytes).unwrap_or(&all)).await;
        self.transcript.failed(request, &format!("hung up after {} of {} bytes", bytes.min(all.len()), all.len()));
        sent.map_err(lost)
    }
}

impl Stage for Bench {
    fn transcript(&self) -> &Transcript {
        &self.transcript
    }

    fn lacks(&self, needs: Needs) -> Option<String> {
        let needs_driver = !matches!(needs, Needs::Callback | Needs::Inquiries);
        let needs_inquiries = matches!(needs, Needs::Inquiries | Needs::InquiriesAndDriver);
        if needs_inquiries && self.setting.inquirer.is_none() {
            return Some("it needs an address for inquiries (--inquiry-target)".to_owned());
        }
        (needs_driver && self.setting.driver.is_none()).then(|| "it needs a wallet driver (--wallet-api)".to_owned())
    }
}

impl Reply {
    /// What the wallet says, if Alipay+ can use it.
    pub(crate) fn answer(&self) -> Result<Answer, CaseError> {
        self.read.clone().map_err(|why| CaseError::Wrong(format!("Alipay+ cannot use the answer: {why}")))
    }
}

/// The answer has to be this status and code.
pub(crate) fn expected(answer: &Answer, brief: &str) -> Verdict {
    check(answer.brief() == brief, || format!("it was answered {} instead of {brief}", answer.brief()))
}

pub(crate) fn lost(error: std::io::Error) -> CaseError {
    CaseError::Wrong(format!("there was no answer: {error}"))
}
