//! A `cancelPayment` on the wire, without a socket: the product's own text, header and message, on both sides.

use adapters_http::signature_header::{Content, SignatureHeader, header};
use adapters_http::{CancelPayment, Message, PaymentIds};
use chrono::{DateTime, Utc};
use domain::{AcquirerId, Answer, PaymentRequestId};
use ports::{MessageSigner, MessageVerifier, SignedText};

use crate::keys::CLIENT;

/// The path of `cancelPayment`.
const PATH: &str = "/aps/api/v1/payments/cancelPayment";
/// This wallet's id at Alipay+.
pub(crate) const PSP: &str = "SIMULATED_WALLET";

/// A request or a response as it travels.
#[derive(Debug, Clone)]
pub(crate) struct WireMessage {
    pub(crate) body: String,
    time: String,
    signature: String,
}

impl WireMessage {
    fn text(body: &str, time: &str) -> Vec<u8> {
        Content { method: "POST", uri: PATH, client_id: CLIENT, time: time.as_bytes(), body: body.as_bytes() }.text()
    }

    /// Signs a body.
    pub(crate) async fn sign(body: String, at: DateTime<Utc>, signer: &dyn MessageSigner) -> Option<Self> {
        let time = at.to_rfc3339();
        let signature = signer.sign(&Self::text(&body, &time)).await.ok()?;
        Some(Self { body, time, signature: header(&signature) })
    }

    /// Whether the other side signed it.
    pub(crate) fn is_signed(&self, verifier: &dyn MessageVerifier, at: DateTime<Utc>) -> bool {
        let Some(claim) = SignatureHeader::parse(self.signature.as_bytes()) else { return false };
        let text = Self::text(&self.body, &self.time);
        let signed = SignedText { client_id: CLIENT, key_version: Some(1), text: &text, signature: &claim.signature };
        verifier.verify(&signed, at)
    }

    /// The message that a body holds, for this wallet.
    pub(crate) fn parsed(&self) -> Option<PaymentIds> {
        let CancelPayment(ids) = CancelPayment::parse(self.body.as_bytes())?;
        Some(ids).filter(|ids| ids.psp_id.as_str() == PSP)
    }
}

/// The body of a request, with more blanks than there have to be.
pub(crate) fn request_body(id: &PaymentRequestId, acquirer: &AcquirerId) -> String {
    format!("{{\"acquirerId\": \"{acquirer}\", \"pspId\":\"{PSP}\",\n \"paymentRequestId\":\"{id}\"}}")
}

/// The code of an answer, by the protocol's page.
pub(crate) fn code_of(answer: Answer) -> &'static str {
    match answer {
        Answer::Cancelled => "SUCCESS",
        Answer::Refused(refusal) => refusal.code().as_str(),
        Answer::Pending => "UNKNOWN_EXCEPTION",
    }
}
