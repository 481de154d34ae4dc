//! Alipay+: signs cancelPayment and inquiryPayment, and verifies the answers.

use std::net::SocketAddr;

use adapters_http::signature_header::{ClaimedKey, Content, SignatureHeader, header};
use adapters_keys::{ClientKey, FileSigner, Keyring};
use chrono::SecondsFormat;
use ports::{MessageSigner, MessageVerifier, SignedText};
use reqwest::Client;
use serde_json::Value;

use crate::{ACQUIRER, CLIENT_ID, Deployment, INQUIRY_PATH, PATH, PSP_ID};

/// Alipay+ with its private key and the wallet's public key.
pub struct AlipayPlus {
    http: Client,
    /// Scheme and host.
    origin: String,
    signer: FileSigner,
    wallet: Keyring,
}

/// A result whose signature is the wallet's.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct SignedResult {
    /// `S`, `F` or `U`.
    pub status: String,
    /// Such as `SUCCESS`.
    pub code: String,
    /// For people.
    pub message: String,
    /// The body as it came.
    pub body: String,
    /// The version of the key that signed it.
    pub key_version: u32,
}

impl AlipayPlus {
    /// With its usual key, and a connection of its own.
    pub fn new(deployment: &Deployment, callback: SocketAddr) -> Self {
        Self::with_keys(deployment, callback, (1, "alipayplus/wallet-private.pem"), &[(1, "keys/wallet-public.pem")])
    }

    /// Signs with one key and knows these of the wallet: versions and files in the deployment.
    pub fn with_keys(deployment: &Deployment, callback: SocketAddr, own: (u32, &str), wallet: &[(u32, &str)]) -> Self {
        let read = |name: &str| std::fs::read(deployment.dir().join(name)).unwrap();
        let signer = FileSigner::from_pem(own.0, &read(own.1)).unwrap();
        let key = |(version, name): &(u32, &str)| {
            let (client_id, pem) = (CLIENT_ID.to_owned(), read(name));
            ClientKey { client_id, version: *version, pem, not_before: None, not_after: None }
        };
        let wallet = Keyring::new(wallet.iter().map(key).collect()).unwrap();
        let (http, scheme) = deployment.client();
        Self { http, origin: format!("{scheme}://{callback}"), signer, wallet }
    }

    /// Cancels for [`ACQUIRER`]. `Err` where there is no answer with a result: the process is gone, or said something else.
    pub async fn cancel(&self, id: &str) -> Result<SignedResult, String> {
        self.cancel_for(ACQUIRER, id).await
    }

    /// Cancels for another acquirer.
    pub async fn cancel_for(&self, acquirer: &str, id: &str) -> Result<SignedResult, String> {
        self.send(&body_of(acquirer, id)).await
    }

    /// Inquires for [`ACQUIRER`]: what is said of the payment, as [`SignedResult::payment`] has it.
    pub async fn inquire(&self, id: &str) -> Result<String, String> {
        self.inquire_for(ACQUIRER, id).await.map(|result| result.payment())
    }

    /// Inquires for another acquirer.
    pub async fn inquire_for(&self, acquirer: &str, id: &str) -> Result<SignedResult, String> {
        self.send_to(INQUIRY_PATH, &now(), &body_of(acquirer, id)).await
    }

    /// Cancels for [`ACQUIRER`] with this `Request-Time`.
    pub async fn cancel_at(&self, time: &str, id: &str) -> Result<SignedResult, String> {
        self.send_at(time, &body_of(ACQUIRER, id)).await
    }

    /// Sends any body with a good signature.
    pub async fn send(&self, body: &str) -> Result<SignedResult, String> {
        self.send_at(&now(), body).await
    }

    async fn send_at(&self, time: &str, body: &str) -> Result<SignedResult, String> {
        self.send_to(PATH, time, body).await
    }

    async fn send_to(&self, path: &str, time: &str, body: &str) -> Result<SignedResult, String> {
        let signature = self.signer.sign(&content(path, time, body.as_bytes())).await.unwrap();
        let request =
            self.http.post(format!("{}{path}", self.origin)).header("Client-Id", CLIENT_ID).header("Request-Time", time);
        let request = request.header("Signature", header(&signature)).header("Content-Type", "application/json");
        let response = request.body(body.to_owned()).send().await.map_err(|error| error.to_string())?;
        if response.status() != 200 {
            return Err(format!("HTTP {}", response.status()));
        }
        let headers = response.headers().clone();
        let body = response.bytes().await.map_err(|error| error.to_string())?;
        let header = |name: &str| headers.get(name).map(|value| value.to_str().unwrap().to_owned()).unwrap_or_default();
        let signed_with = self.signed_with(&header("signature"), (path, &header("response-time")), &body);
        let key_version = signed_with.expect("an answer that the wallet did not sign");
        let answer: Value = serde_json::from_slice(&body).unwrap();
        let part = |name: &str| answer["result"][name].as_str().unwrap().to_owned();
        let (status, code, message) = (part("resultStatus"), part("resultCode"), part("resultMessage"));
        Ok(SignedResult { status, code, message, body: String::from_utf8(body.to_vec()).unwrap(), key_version })
    }

    /// The version that the signature names, where the key of that version made it.
    fn signed_with(&self, claim: &str, (path, time): (&str, &str), body: &[u8]) -> Option<u32> {
        let SignatureHeader { key_version: ClaimedKey::Version(version), signature } = SignatureHeader::parse(claim.as_bytes())?
        else {
            return None;
        };
        let text = content(path, time, body);
        let signed = SignedText { client_id: CLIENT_ID, key_version: Some(version), text: &text, signature: &signature };
        self.wallet.verify(&signed, chrono::DateTime::UNIX_EPOCH).then_some(version)
    }
}

impl SignedResult {
    /// Status and code, such as `S SUCCESS`.
    pub fn brief(&self) -> String {
        format!("{} {}", self.status, self.code)
    }

    /// What an inquiry says of the payment, such as `F ORDER_IS_CLOSED`; with `no payment: ` before it, what it says of the call.
    pub fn payment(&self) -> String {
        let body: Value = serde_json::from_str(&self.body).unwrap();
        let part = |name: &str| body["paymentResult"][name].as_str().map(str::to_owned);
        match (part("resultStatus"), part("resultCode")) {
            (Some(status), Some(code)) => format!("{status} {code}"),
            (_, _) => format!("no payment: {}", self.brief()),
        }
    }
}

fn body_of(acquirer: &str, id: &str) -> String {
    format!(r#"{{"acquirerId":"{acquirer}","pspId":"{PSP_ID}","paymentRequestId":"{id}"}}"#)
}

fn content(path: &str, time: &str, body: &[u8]) -> Vec<u8> {
    Content { method: "POST", uri: path, client_id: CLIENT_ID, time: time.as_bytes(), body }.text()
}

/// The present moment, as both callers write it.
#[expect(clippy::disallowed_methods, reason = "a caller from outside has a clock of its own")]
pub fn now() -> String {
    chrono::Utc::now().to_rfc3339_opts(SecondsFormat::Millis, true)
}
