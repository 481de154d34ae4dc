//! Alipay+ in the demonstration: it signs cancelPayment with its own key and verifies what comes back.

use std::net::SocketAddr;

use adapters_http::signature_header::{ClaimedKey, Content, SignatureHeader, header};
use adapters_keys::{ClientKey, FileSigner, Keyring};
use chrono::SecondsFormat;
use ports::{Clock, MessageSigner, MessageVerifier, SignedText};
use reqwest::header::HeaderMap;
use reqwest::{Client, StatusCode};
use serde_json::Value;

use super::folder::{CLIENT_ID, Folder, KEY_VERSION, PARTNER_PRIVATE_KEY};
use super::rows::{ACQUIRER, PSP_ID};
use crate::clock::SystemClock;
use crate::keys::PUBLIC_KEY;
use crate::output::CliError;

/// Alipay+ with its key pair and the wallet's public key.
pub(super) struct DemoAlipayPlus {
    http: Client,
    url: String,
    path: String,
    signer: FileSigner,
    wallet: Keyring,
}

impl DemoAlipayPlus {
    pub(super) fn new(http: Client, folder: &Folder, (callback, path): (SocketAddr, &str)) -> Result<Self, CliError> {
        let failed = |error: adapters_keys::KeyError| CliError::new(error.to_string());
        let signer = FileSigner::from_pem(KEY_VERSION, folder.read(PARTNER_PRIVATE_KEY)?.as_bytes()).map_err(failed)?;
        let wallet_key = ClientKey {
            client_id: CLIENT_ID.to_owned(),
            version: KEY_VERSION,
            pem: folder.read(PUBLIC_KEY)?.into_bytes(),
            not_before: None,
            not_after: None,
        };
        let wallet = Keyring::new(vec![wallet_key]).map_err(failed)?;
        Ok(Self { http, url: format!("http://{callback}{path}"), path: path.to_owned(), signer, wallet })
    }

    /// Cancels; returns the result's status and code.
    pub(super) async fn cancel(&self, id: &str, acquirer: &str) -> Result<String, CliError> {
        let body = body(id, acquirer);
        let time = now();
        let signature = self.sign(&self.content(&time, body.as_bytes())).await?;
        self.send(time, signature, body).await
    }

    /// Cancels with a signature that was made for another body.
    pub(super) async fn cancel_signed_badly(&self, id: &str) -> Result<String, CliError> {
        let time = now();
        let signature = self.sign(&self.content(&time, b"{}")).await?;
        self.send(time, signature, body(id, ACQUIRER)).await
    }

    async fn send(&self, time: String, signature: String, body: String) -> Result<String, CliError> {
        let request = self.http.post(&self.url).header("Client-Id", CLIENT_ID).header("Request-Time", time);
        let request = request.header("Signature", signature).header("Content-Type", "application/json; charset=UTF-8");
        let failed = |error: reqwest::Error| CliError::new(format!("the callback does not answer: {error}"));
        let response = request.body(body).send().await.map_err(failed)?;
        let (status, headers) = (response.status(), response.headers().clone());
        let body = response.bytes().await.map_err(failed)?;
        if status != StatusCode::OK {
            return Ok(format!("HTTP {status}"));
        }
        if !self.is_signed_by_the_wallet(&headers, &body) {
            return Ok("not signed by the wallet".to_owned());
        }
        let answer: Value = serde_json::from_slice(&body).unwrap_or_default();
        let part = |name: &str| answer["result"][name].as_str().unwrap_or("?").to_owned();
        Ok(format!("{} {}", part("resultStatus"), part("resultCode")))
    }

    fn is_signed_by_the_wallet(&self, headers: &HeaderMap, body: &[u8]) -> bool {
        let header = |name: &str| headers.get(name).map_or(&b""[..], |value| value.as_bytes());
        let Some(SignatureHeader { key_version: ClaimedKey::Version(version), signature }) =
            SignatureHeader::parse(header("signature"))
        else {
            return false;
        };
        let Ok(time) = std::str::from_utf8(header("response-time")) else { return false };
        let text = self.content(time, body).text();
        let signed = SignedText { client_id: CLIENT_ID, key_version: Some(version), text: &text, signature: &signature };
        header("client-id") == CLIENT_ID.as_bytes() && self.wallet.verify(&signed, SystemClock.now())
    }

    async fn sign(&self, content: &Content<'_>) -> Result<String, CliError> {
        let signature = self.signer.sign(&content.text()).await;
        signature.map(|signature| header(&signature)).map_err(|error| CliError::new(error.to_string()))
    }

    fn content<'a>(&'a self, time: &'a str, body: &'a [u8]) -> Content<'a> {
        Content { method: "POST", uri: &self.path, client_id: CLIENT_ID, time: time.as_bytes(), body }
    }
}

fn body(id: &str, acquirer: &str) -> String {
    format!(r#"{{"acquirerId":"{acquirer}","pspId":"{PSP_ID}","paymentRequestId":"{id}"}}"#)
}

fn now() -> String {
    SystemClock.now().to_rfc3339_opts(SecondsFormat::Secs, true)
}
