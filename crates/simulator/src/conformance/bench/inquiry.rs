//! Inquiries, as Alipay+ sends them and reads their answers.

use std::time::Instant;

use tokio::time::sleep;

use super::{Bench, Draft, Staged, lost};
use crate::alipayplus::{AlipayPlus, INQUIRY_TIMEOUT, Inquired, RETRY_AFTER};
use crate::suite::verdict::{CaseError, Verdict, check};
use crate::wire::Request;

/// For how many retries of the schedule a case waits for an answer that is not U.
const RETRIES: usize = 3;

impl Bench {
    pub(crate) fn inquirer(&self) -> Result<&AlipayPlus, CaseError> {
        let lacks = || CaseError::NotRun("there is no address for inquiries".to_owned());
        self.setting.inquirer.as_ref().ok_or_else(lacks)
    }

    /// An inquiry that is yet to be signed.
    pub(crate) fn inquiry_draft(&self, id: &str) -> Result<Draft<'_>, CaseError> {
        self.inquiry_draft_of(self.inquirer()?.body(id))
    }

    /// The same with any body.
    pub(crate) fn inquiry_draft_of(&self, body: impl Into<Vec<u8>>) -> Result<Draft<'_>, CaseError> {
        Ok(Draft::new(self.inquirer()?, self.now(), body.into()))
    }

    /// Inquires once. The answer has to be there within 5 s, and signed.
    pub(crate) async fn inquire(&self, id: &str) -> Result<Inquired, CaseError> {
        self.ask(&self.inquiry_draft(id)?.request()?).await
    }

    /// Sends an inquiry on a connection of its own.
    pub(crate) async fn ask(&self, request: &Request) -> Result<Inquired, CaseError> {
        let inquirer = self.inquirer()?;
        let exchange = async {
            let mut connection = inquirer.dialer.connect().await.map_err(lost)?;
            connection.send(&request.bytes()).await.map_err(lost)?;
            connection.receive().await.map_err(lost)
        };
        let response = self.within(INQUIRY_TIMEOUT, request, exchange).await?;
        self.heard(request, &response);
        let read = inquirer.read_inquiry((&request.method, request.uri()), &response);
        read.map_err(|why| CaseError::Wrong(format!("Alipay+ cannot use the answer: {why}")))
    }

    /// An inquiry has to be answered this, of the payment or of the call. What the wallet does not know for a moment is asked
    /// again.
    pub(crate) async fn expect_asked(&self, request: Request, brief: &str) -> Verdict {
        let mut inquired = self.ask(&request).await?;
        for wait in RETRY_AFTER.iter().take(RETRIES) {
            if inquired.brief() == brief || !inquired.is_doubt() {
                break;
            }
            sleep(*wait).await;
            inquired = self.ask(&request).await?;
        }
        check(inquired.brief() == brief, || format!("the inquiry is answered {} instead of {brief}", inquired.brief()))
    }

    /// Inquires again and again until a moment, and keeps what was sent when.
    pub(crate) async fn inquire_until(&self, id: &str, is_over: impl Fn() -> bool) -> Result<Vec<(Instant, String)>, CaseError> {
        let mut heard = vec![];
        loop {
            let (ends, sent) = (is_over(), Instant::now());
            heard.push((sent, self.inquire(id).await?.brief()));
            if ends {
                return Ok(heard);
            }
        }
    }
}

impl Inquired {
    /// Whether the wallet does not know, for a moment or until the payment ends.
    fn is_doubt(&self) -> bool {
        self.payment.as_ref().unwrap_or(&self.result).status == "U"
    }
}

impl Staged {
    /// Alipay+ inquires; answered this.
    pub(crate) async fn is_inquired(&self, brief: &str) -> Verdict {
        self.bench.expect_asked(self.bench.inquiry_draft(self.id())?.request()?, brief).await
    }
}
