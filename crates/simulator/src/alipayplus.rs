//! Alipay+ as the caller: signs cancelPayment and reads answers as strictly as its client libraries do.

use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Args;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::clock::{now, request_time};
use crate::keys::{SigningKey, WalletKey};
use crate::output::{CommandError, read};
use crate::signature::{self, Claim, Content};
use crate::wire::{Dialer, Request, Response, Target};

/// How long Alipay+ waits for an answer before it drops the call and repeats it.
pub(crate) const TIMEOUT: Duration = Duration::from_secs(8);

/// How long Alipay+ waits for an answer to an inquiry.
pub(crate) const INQUIRY_TIMEOUT: Duration = Duration::from_secs(5);

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
    /// A file in TOML with any of target, inquiry_target, client_id, key, wallet_key, psp_id and acquirer_id; the options go
    /// before it
    #[arg(long, value_name = "FILE")]
    profile: Option<PathBuf>,
    /// The full address of the wallet's endpoint that is called: cancelPayment, or for inquiry inquiryPayment
    #[arg(long, value_name = "URL", required_unless_present = "profile")]
    target: Option<String>,
    /// The Client-Id that Alipay+ sends
    #[arg(long, value_name = "ID", required_unless_present = "profile")]
    client_id: Option<String>,
    /// Alipay+'s private key: PKCS#8 or PKCS#1, in PEM or bare base64
    #[arg(long, value_name = "FILE", required_unless_present = "profile")]
    key: Option<PathBuf>,
    /// The keyVersion that Alipay+ signs as
    #[arg(long, value_name = "VERSION", default_value_t = 1)]
    pub(crate) key_version: u32,
    /// The wallet's public key, in PEM or bare base64
    #[arg(long, value_name = "FILE", required_unless_present = "profile")]
    wallet_key: Option<PathBuf>,
    /// The wallet's id at Alipay+
    #[arg(long, value_name = "ID", required_unless_present = "profile")]
    psp_id: Option<String>,
    /// The acquirer's id at Alipay+
    #[arg(long, value_name = "ID", required_unless_present = "profile")]
    acquirer_id: Option<String>,
    /// The only authorities that an HTTPS target's certificate may come from [default: the system's]
    #[arg(long, value_name = "FILE")]
    pub(crate) ca_file: Option<PathBuf>,
}

/// Where inquiries go, beside cancels.
#[derive(Args, Debug, Clone)]
pub(crate) struct InquiryArgs {
    /// The full address of the wallet's inquiryPayment [default: the profile's; without one nothing is inquired]
    #[arg(long, value_name = "URL")]
    inquiry_target: Option<String>,
}

impl InquiryArgs {
    /// The partner with the address that the option has, or else the profile.
    pub(crate) fn of(&self, partner: Partner) -> Partner {
        Partner { inquiry_target: self.inquiry_target.clone().or(partner.inquiry_target), ..partner }
    }
}

/// Who calls whom, once it is all known.
#[derive(Debug, Clone)]
pub(crate) struct Partner {
    pub(crate) target: String,
    pub(crate) inquiry_target: Option<String>,
    pub(crate) client_id: String,
    pub(crate) key: PathBuf,
    pub(crate) key_version: u32,
    pub(crate) wallet_key: PathBuf,
    pub(crate) psp_id: String,
    pub(crate) acquirer_id: String,
    pub(crate) ca_file: Option<PathBuf>,
}

/// What a profile may hold. Files are found from its own folder.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Profile {
    target: Option<String>,
    inquiry_target: Option<String>,
    client_id: Option<String>,
    key: Option<PathBuf>,
    wallet_key: Option<PathBuf>,
    psp_id: Option<String>,
    acquirer_id: Option<String>,
}

impl Profile {
    fn from_file(file: &Path) -> Result<Self, CommandError> {
        let text = String::from_utf8_lossy(&read(file)?).into_owned();
        let wrong = |error: toml::de::Error| CommandError::new(format!("the profile {} cannot be used: {error}", file.display()));
        let profile: Self = toml::from_str(&text).map_err(wrong)?;
        let folder = file.parent().unwrap_or(Path::new(""));
        let beside = |name: Option<PathBuf>| name.map(|name| folder.join(name));
        Ok(Self { key: beside(profile.key), wallet_key: beside(profile.wallet_key), ..profile })
    }
}

impl PartnerArgs {
    /// Each option, or else what the profile has for it.
    ///
    /// # Errors
    /// Where the profile cannot be read, and where neither has one of the six.
    pub(crate) fn partner(&self) -> Result<Partner, CommandError> {
        self.partner_by(self.profile()?)
    }

    /// The same, where inquiryPayment is called and nothing else: the profile has it as inquiry_target.
    pub(crate) fn partner_of_inquiries(&self) -> Result<Partner, CommandError> {
        let profile = self.profile()?;
        let lacks = || CommandError::new("the profile has no inquiry_target, and neither is there an option --target");
        let target = self.target.clone().or(profile.inquiry_target.clone()).ok_or_else(lacks)?;
        self.partner_by(Profile { target: Some(target), ..profile })
    }

    fn profile(&self) -> Result<Profile, CommandError> {
        Ok(self.profile.as_deref().map(Profile::from_file).transpose()?.unwrap_or_default())
    }

    fn partner_by(&self, profile: Profile) -> Result<Partner, CommandError> {
        let lacks = |name: &str| {
            CommandError::new(format!("the profile has no {name}, and neither is there an option --{}", name.replace('_', "-")))
        };
        let text = |option: &Option<String>, profile: Option<String>, name| option.clone().or(profile).ok_or_else(|| lacks(name));
        let file =
            |option: &Option<PathBuf>, profile: Option<PathBuf>, name| option.clone().or(profile).ok_or_else(|| lacks(name));
        Ok(Partner {
            target: text(&self.target, profile.target, "target")?,
            inquiry_target: profile.inquiry_target,
            client_id: text(&self.client_id, profile.client_id, "client_id")?,
            key: file(&self.key, profile.key, "key")?,
            key_version: self.key_version,
            wallet_key: file(&self.wallet_key, profile.wallet_key, "wallet_key")?,
            psp_id: text(&self.psp_id, profile.psp_id, "psp_id")?,
            acquirer_id: text(&self.acquirer_id, profile.acquirer_id, "acquirer_id")?,
            ca_file: self.ca_file.clone(),
        })
    }
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

/// What the wallet signed about a payment.
#[derive(Debug, Clone)]
pub(crate) struct Inquired {
    /// The result of the call.
    pub(crate) result: Answer,
    /// The result of the payment, where there is one.
    pub(crate) payment: Option<Answer>,
    /// The whole body.
    pub(crate) body: Value,
}

impl Inquired {
    /// Status and code of the payment, such as `F ORDER_IS_CLOSED`; those of the call where nothing is said of a payment.
    pub(crate) fn brief(&self) -> String {
        match &self.payment {
            Some(payment) => payment.brief(),
            None => format!("no payment: {}", self.result.brief()),
        }
    }
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
    pub(crate) fn new(args: &Partner) -> Result<Self, CommandError> {
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

    /// The same, calling the wallet's inquiryPayment; nothing where its address is not known.
    pub(crate) fn of_inquiries(args: &Partner) -> Result<Option<Self>, CommandError> {
        let Some(target) = args.inquiry_target.clone() else { return Ok(None) };
        Self::new(&Partner { target, ..args.clone() }).map(Some)
    }

    /// The body of a cancel or an inquiry, in the layout that Alipay+'s documents show.
    pub(crate) fn body(&self, payment_request_id: &str) -> String {
        let text = |text: &str| Value::from(text).to_string();
        let (acquirer, psp) = (text(&self.acquirer_id), text(&self.psp_id));
        format!(r#"{{"acquirerId":{acquirer},"pspId":{psp},"paymentRequestId":{}}}"#, text(payment_request_id))
    }

    /// A signed request with this body, as Alipay+ sends it now.
    pub(crate) fn request(&self, body: impl Into<Vec<u8>>) -> Result<Request, CommandError> {
        self.request_to(&self.dialer.target().uri, body)
    }

    /// The same to another URI of the same host.
    pub(crate) fn request_to(&self, uri: &str, body: impl Into<Vec<u8>>) -> Result<Request, CommandError> {
        let authority = &self.dialer.target().authority;
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
    pub(crate) fn read(&self, request: (&str, &str), response: &Response) -> Result<Answer, String> {
        result(&self.signed_body(request, response)?, "result")
    }

    /// The same of an inquiry's response. A call that succeeded says what the payment came to; no other one does.
    ///
    /// # Errors
    /// Why Alipay+ cannot use it.
    pub(crate) fn read_inquiry(&self, request: (&str, &str), response: &Response) -> Result<Inquired, String> {
        let body = self.signed_body(request, response)?;
        let call = result(&body, "result")?;
        let payment = if body["paymentResult"].is_null() { None } else { Some(result(&body, "paymentResult")?) };
        if (call.status == "S") != payment.is_some() {
            return Err(format!(
                "its result is {}, with{} a paymentResult",
                call.brief(),
                if payment.is_some() { "" } else { "out" }
            ));
        }
        Ok(Inquired { result: call, payment, body })
    }

    fn signed_body(&self, (method, uri): (&str, &str), response: &Response) -> Result<Value, String> {
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
        serde_json::from_slice(&response.body).map_err(|error| format!("its body is not JSON: {error}"))
    }
}

/// A result of an answer's body.
fn result(body: &Value, name: &str) -> Result<Answer, String> {
    let member = |part: &str| {
        let text = body[name][part].as_str().filter(|text| !text.is_empty());
        text.map(str::to_owned).ok_or_else(|| format!("its {name} has no {part}"))
    };
    let (status, code, message) = (member("resultStatus")?, member("resultCode")?, member("resultMessage")?);
    if !["S", "F", "U"].contains(&status.as_str()) {
        return Err(format!("its resultStatus is {}", json!(status)));
    }
    Ok(Answer { status, code, message })
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        args: PartnerArgs,
    }

    fn partner(line: &str) -> Result<Partner, String> {
        let line = Line::try_parse_from(format!("cancel {line}").split_whitespace()).map_err(|error| error.to_string())?;
        line.args.partner().map_err(|error| error.to_string())
    }

    #[test]
    fn a_profile_stands_in_for_options_and_options_go_before_it() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("sandbox.toml");
        let five = "target = \"http://a/b\"\nclient_id = \"c\"\nkey = \"k.pem\"\nwallet_key = \"/w.pem\"\npsp_id = \"p\"\n";
        std::fs::write(&file, five).unwrap();
        let profile = format!("--profile {}", file.display());
        let found = partner(&format!("{profile} --acquirer-id a --psp-id q")).unwrap();
        assert_eq!((found.target.as_str(), found.psp_id.as_str(), found.acquirer_id.as_str()), ("http://a/b", "q", "a"));
        assert_eq!((found.key, found.wallet_key), (folder.path().join("k.pem"), PathBuf::from("/w.pem")), "from its folder");
        assert_eq!(
            partner(&profile).unwrap_err(),
            "the profile has no acquirer_id, and neither is there an option --acquirer-id"
        );
        std::fs::write(&file, "targett = \"http://a/b\"\n").unwrap();
        let why = partner(&profile).unwrap_err();
        assert!(why.contains("sandbox.toml cannot be used") && why.contains("targett"), "{why}");
        assert!(partner("--target http://a/b").unwrap_err().contains("--client-id"), "all six, without a profile");
    }
}
