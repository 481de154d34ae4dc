//! A request of Alipay+'s, as lines and bytes, and both sides' keys.

use adapters_http::signature_header::{ClaimedKey, Content, SignatureHeader, header};
use adapters_keys::{ClientKey, FileSigner, Keyring};
use ports::{MessageSigner, MessageVerifier, SignedText};
use testkit::{ACQUIRER, CLIENT_ID, Deployment, PATH, PSP_ID};

use super::wire::Response;

/// Alipay+'s private key and the wallet's public key.
pub(crate) struct Keys {
    signer: FileSigner,
    wallet: Keyring,
}

/// A request that may be changed before it is signed, and after.
#[derive(Debug, Clone)]
pub(crate) struct Request {
    pub(crate) method: String,
    pub(crate) target: String,
    pub(crate) headers: Vec<(String, Vec<u8>)>,
    pub(crate) body: Vec<u8>,
}

/// The body of a cancel of `id`.
pub(crate) fn cancel_of(id: &str) -> String {
    format!(r#"{{"acquirerId":"{ACQUIRER}","pspId":"{PSP_ID}","paymentRequestId":"{id}"}}"#)
}

impl Request {
    /// A cancel of `id` as Alipay+ sends it, but for the signature.
    pub(crate) fn cancel(id: &str) -> Self {
        let headers = [
            ("Host", "wallet.example"),
            ("Content-Type", "application/json; charset=UTF-8"),
            ("Client-Id", CLIENT_ID),
            // Nobody looks at the moment, and a seed repeats its messages.
            ("Request-Time", "2026-01-02T03:04:05+08:00"),
        ];
        let headers = headers.map(|(name, value)| (name.to_owned(), value.as_bytes().to_vec())).to_vec();
        Self { method: "POST".to_owned(), target: PATH.to_owned(), headers, body: cancel_of(id).into_bytes() }
    }

    /// Gives a header this one value.
    pub(crate) fn set(&mut self, name: &str, value: impl Into<Vec<u8>>) {
        self.remove(name);
        self.add(name, value);
    }

    /// Gives a header one more value.
    pub(crate) fn add(&mut self, name: &str, value: impl Into<Vec<u8>>) {
        self.headers.push((name.to_owned(), value.into()));
    }

    /// Takes a header away.
    pub(crate) fn remove(&mut self, name: &str) {
        self.headers.retain(|(other, _)| other != name);
    }

    /// A header's first value; empty where there is none.
    pub(crate) fn value(&self, name: &str) -> Vec<u8> {
        self.headers.iter().find(|(other, _)| other == name).map(|(_, value)| value.clone()).unwrap_or_default()
    }

    /// Puts the same header there twice.
    pub(crate) fn double(&mut self, name: &str) {
        self.add(name, self.value(name));
    }

    /// Changes the `Signature` header as text.
    pub(crate) fn resign(&mut self, from: &str, to: &str) {
        let signature = String::from_utf8(self.value("Signature")).unwrap();
        assert!(signature.contains(from), "{signature} has no {from}");
        self.set("Signature", signature.replacen(from, to, 1));
    }

    /// Changes the body as text.
    pub(crate) fn write(&mut self, from: &str, to: &str) {
        let body = String::from_utf8(self.body.clone()).unwrap();
        assert!(body.contains(from), "{body} has no {from}");
        self.body = body.replacen(from, to, 1).into_bytes();
    }

    /// Everything before the body, without the header that says how long that is and without the empty line.
    pub(crate) fn head(&self) -> Vec<u8> {
        let mut head = format!("{} {} HTTP/1.1\r\n", self.method, self.target).into_bytes();
        for (name, value) in &self.headers {
            head.extend([name.as_bytes(), b": ", value, b"\r\n"].concat());
        }
        head
    }

    /// The request with its length.
    pub(crate) fn bytes(&self) -> Vec<u8> {
        let length = format!("Content-Length: {}\r\n\r\n", self.body.len());
        [&self.head()[..], length.as_bytes(), &self.body].concat()
    }

    /// The request with its body in chunks of 50 bytes.
    pub(crate) fn chunked(&self) -> Vec<u8> {
        let mut bytes = [&self.head()[..], b"Transfer-Encoding: chunked\r\n\r\n"].concat();
        for chunk in self.body.chunks(50) {
            bytes.extend([format!("{:x}\r\n", chunk.len()).as_bytes(), chunk, b"\r\n"].concat());
        }
        bytes.extend(b"0\r\n\r\n");
        bytes
    }
}

impl Keys {
    /// Of both sides of a deployment.
    pub(crate) fn of(deployment: &Deployment) -> Self {
        let read = |name: &str| std::fs::read(deployment.dir().join(name)).unwrap();
        let signer = FileSigner::from_pem(1, &read("alipayplus/wallet-private.pem")).unwrap();
        let pem = read("keys/wallet-public.pem");
        let key = ClientKey { client_id: CLIENT_ID.to_owned(), version: 1, pem, not_before: None, not_after: None };
        Self { signer, wallet: Keyring::new(vec![key]).unwrap() }
    }

    /// Signs a request as it is now.
    pub(crate) async fn sign(&self, request: &mut Request) {
        let (client_id, time) = (String::from_utf8(request.value("Client-Id")).unwrap(), request.value("Request-Time"));
        let Request { method, target, body, .. } = &*request;
        let content = Content { method, uri: target, client_id: &client_id, time: &time, body };
        let signature = self.signer.sign(&content.text()).await.unwrap();
        request.set("Signature", header(&signature));
    }

    /// Whether the wallet signed an answer to this method and URI.
    pub(crate) fn have_signed(&self, response: &Response, method: &str, uri: &str) -> bool {
        let part = |name: &str| response.header(name);
        let (Some(claim), Some(time), Some(client_id)) = (part("signature"), part("response-time"), part("client-id")) else {
            return false;
        };
        let claim = SignatureHeader::parse(claim.as_bytes());
        let Some(SignatureHeader { key_version: ClaimedKey::Version(1), signature }) = claim else { return false };
        let text = Content { method, uri, client_id, time: time.as_bytes(), body: &response.body }.text();
        let signed = SignedText { client_id: CLIENT_ID, key_version: Some(1), text: &text, signature: &signature };
        self.wallet.verify(&signed, chrono::DateTime::UNIX_EPOCH)
    }
}
