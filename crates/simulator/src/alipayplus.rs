//! Alipay+ as the caller: signs cancelPayment and reads answers as strictly as its client libraries do.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use serde_json::{Value, json};

use crate::clock::{now, request_time};
use crate::keys::{SigningKey, WalletKey};
use crate::output::CommandError;
use crate::signature::{self, Claim, Content};
use crate::wire::{Dialer, Request, Response, Target};

/// How long Alipay+ waits for an answer before it drops the call and repeats it.
pub(crate) const TIMEOUT: Duration = Duration::from_secs(8);

/// How long Alipay+ waits before it asks again after U or no answer. The schedule of cancelPayment is not published; this is that
/// of unanswered inquiries, the only one of the family that is (push_mode_acq/respond_inquiries).
pub(crate) const RETRY_AFTER: [Duration; 8] = [
    Duration::from_secs(4),
    Duration::from_secs(4),
    Duration::from_secs(30),
    Duration::from_secs(60),
    Duration::from_secs(60),
    Duration::from_secs(60),
    Duration::from_secs(300),
    Duration::from_secs(300),
];

/// Who calls whom, and with which keys.
#[derive(Args, Debug, Clone)]
pub(crate) struct PartnerArgs {
    /// The full address of the wallet's cancelPayment
    #[arg(long, value_name = "URL")]
    pub(crate) target: String,
    /// The Client-Id that Alipay+ sends
    #[arg(long, value_name = "ID")]
    pub(crate) client_id: String,
    /// Alipay+'s private key: PKCS#8 or PKCS#1, in PEM or bare base64
    #[arg(long, value_name = "FILE")]
    pub(crate) key: PathBuf,
    /// The keyVersion that Alipay+ signs as
    #[arg(long, value_name = "VERSION", default_value_t = 1)]
    pub(crate) key_version: u32,
    /// The wallet's public key, in PEM or bare base64
    #[arg(long, value_name = "FILE")]
    pub(crate) wallet_key: PathBuf,
    /// The wallet's id at Alipay+
    #[arg(long, value_name = "ID")]
    pub(crate) psp_id: String,
    /// The acquirer's id at Alipay+
    #[arg(long, value_name = "ID")]
    pub(crate) acquirer_id: String,
    /// The only authorities that an HTTPS target's certificate may come from [default: the system's]
    #[arg(long, value_name = "FILE")]
    pub(crate) ca_file: Option<PathBuf>,
}

/// Alipay+ with its key, and the wallet it calls.
pub(crate) struct AlipayPlus {
    pub(crate) dialer: Dialer,
    pub(crate) client_id: String,
    pub(crate) psp_id: String,
    pub(crate) acquirer_id: String,
    pub(crate) key: SigningKey,
    pub(crate) key_version: u32,
    wallet_key: WalletKey,
}

/// An answer that the wallet signed.
#[derive(Debug, Clone)]
pub(crate) struct Answer {
    /// `S`, `F` or `U`.
    pub(crate) status: String,
    pub(crate) code: String,
    pub(crate) message: String,
}

impl Answer {
    /// Status and code, such as `S SUCCESS`.
    pub(crate) fn brief(&self) -> String {
        format!("{} {}", self.status, self.code)
    }
}

impl AlipayPlus {
    /// Reads the keys; nothing is sent yet.
    pub(crate) fn new(args: &PartnerArgs) -> Result<Self, CommandError> {
        Ok(Self {
            dialer: Dialer::new(Target::parse(&args.target)?, args.ca_file.as_deref())?,
            client_id: args.client_id.clone(),
            psp_id: args.psp_id.clone(),
            acquirer_id: args.acquirer_id.clone(),
            key: SigningKey::from_file(&args.key)?,
            key_version: args.key_version,
            wallet_key: WalletKey::from_file(&args.wallet_key)?,
        })
    }

    /// The body of a cancel, in the layout that Alipay+'s documents show.
    pub(crate) fn body(&self, payment_request_id: &str) -> String {
        let text = |text: &str| Value::from(text).to_string();
        let (acquirer, psp) = (text(&self.acquirer_id), text(&self.psp_id));
        format!(r#"{{"acquirerId":{acquirer},"pspId":{psp},"paymentRequestId":{}}}"#, text(payment_request_id))
    }

    /// A signed request with this body, as Alipay+ sends it now.
    pub(crate) fn request(&self, body: impl Into<Vec<u8>>) -> Result<Request, CommandError> {
        let Target { authority, uri, .. } = self.dialer.target();
        let request = Request::new("POST", uri, authority, body);
        let time = request_time(now());
        let content = Content { method: "POST", uri, client_id: &self.client_id, time: &time, body: &request.body };
        let value = signature::header(self.key_version, &signature::encode(&self.key.sign(&content.text())?));
        let request = request.with("Content-Type", "application/json; charset=UTF-8").with("Client-Id", &self.client_id);
        Ok(request.with("Request-Time", &time).with("Signature", &value))
    }

    /// What a response to a request of this method and URI says, provided that the wallet signed it.
    ///
    /// # Errors
    /// Why Alipay+ cannot use it.
    pub(crate) fn read(&self, (method, uri): (&str, &str), response: &Response) -> Result<Answer, String> {
        if response.status != 200 {
            return Err(format!("HTTP {}, which is no answer", response.status));
        }
        let header = |name: &str| response.header(name).ok_or_else(|| format!("it does not have exactly one header {name}"));
        let (client_id, time) = (header("client-id")?, header("response-time")?);
        let claim = Claim::parse(header("signature")?).map_err(|why| format!("its Signature cannot be read: {why}"))?;
        let text = Content { method, uri, client_id, time, body: &response.body }.text();
        if !self.wallet_key.verify(&text, &claim.signature) {
            return Err("its signature is not the wallet's over this answer".to_owned());
        }
        let body: Value = serde_json::from_slice(&response.body).map_err(|error| format!("its body is not JSON: {error}"))?;
        let member = |name: &str| {
            let text = body["result"][name].as_str().filter(|text| !text.is_empty());
            text.map(str::to_owned).ok_or_else(|| format!("its result has no {name}"))
        };
        let (status, code, message) = (member("resultStatus")?, member("resultCode")?, member("resultMessage")?);
        if !["S", "F", "U"].contains(&status.as_str()) {
            return Err(format!("its resultStatus is {}", json!(status)));
        }
        Ok(Answer { status, code, message })
    }
}
