//! The signer.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::mpsc::{self, SendError};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use async_trait::async_trait;
use ports::{MessageSigner, Signature, UnavailableError};
use tokio::sync::oneshot;

use crate::connection::{Connection, Expected};
use crate::error::{Pkcs11Error, TokenError};
use crate::module::Module;
use crate::token_key::TokenKey;
use crate::workers::{Job, SIGN_WITHIN, Workers};

/// How long a token may take until all sessions are open.
const OPEN_WITHIN: Duration = Duration::from_secs(10);

/// Signs with one private key of a token. What it opened is closed when it is dropped.
pub struct Pkcs11Signer {
    key_version: u32,
    workers: Arc<Workers>,
}

impl Pkcs11Signer {
    /// Loads the module, opens the sessions, logs in, finds the key, compares its public half with the one that is expected, and
    /// verifies one signature in each session. It blocks for 10 s at most.
    ///
    /// # Errors
    /// [`Pkcs11Error`], which names module, slot, token and key: where any of that fails or takes too long.
    pub fn open(key: TokenKey) -> Result<Self, Pkcs11Error> {
        let (key_version, module) = (key.version, key.module.clone());
        let named = format!("module {}, {key}", module.display());
        let failed = |reason: &str| Pkcs11Error(format!("{named}: {reason}"));
        let Some(opening) = Opening::begin(module) else {
            return Err(failed("an attempt before this one still hangs in the module"));
        };
        let (done, opened) = mpsc::channel();
        // On a thread of its own, because a call into a module may hang for ever.
        let thread = thread::Builder::new().name("pkcs11-open".to_owned());
        let started = thread.spawn(move || {
            let opened = open_all(key);
            drop(opening);
            // Nobody waits any more where it has hung.
            if let Err(SendError(Ok(workers))) = done.send(opened) {
                workers.close();
            }
        });
        started.map_err(|error| failed(&format!("a thread cannot be started: {error}")))?;
        match opened.recv_timeout(OPEN_WITHIN) {
            Ok(Ok(workers)) => Ok(Self { key_version, workers }),
            Ok(Err(trouble)) => Err(failed(&trouble.reason)),
            Err(_) => Err(failed(&format!("it did not answer within {} s", OPEN_WITHIN.as_secs()))),
        }
    }

    /// The key's public half: DER by PKCS#1.
    #[must_use]
    pub fn public_key(&self) -> &[u8] {
        self.workers.public_key().der()
    }

    /// Whether it signs with this very key, reached in the same way.
    #[must_use]
    pub fn is_of(&self, key: &TokenKey) -> bool {
        self.workers.key() == key
    }
}

impl Drop for Pkcs11Signer {
    fn drop(&mut self) {
        self.workers.close();
    }
}

#[async_trait]
impl MessageSigner for Pkcs11Signer {
    async fn sign(&self, text: &[u8]) -> Result<Signature, UnavailableError> {
        let unavailable = |reason: &str| UnavailableError::because(format!("{}: {reason}", self.workers.name()));
        let (answer, answered) = oneshot::channel();
        self.workers.submit(Job { text: text.to_vec(), answer }).map_err(|reason| unavailable(&reason))?;
        match tokio::time::timeout(SIGN_WITHIN, answered).await {
            Ok(Ok(Ok(bytes))) => Ok(Signature { key_version: self.key_version, bytes }),
            Ok(Ok(Err(reason))) => Err(unavailable(&reason)),
            Ok(Err(_)) => Err(unavailable("the thread that signs has ended")),
            Err(_) => Err(unavailable(&format!("no signature was made within {} s", SIGN_WITHIN.as_secs()))),
        }
    }
}

fn open_all(key: TokenKey) -> Result<Arc<Workers>, TokenError> {
    let module = Module::load(&key.module)?;
    let mut connections: Vec<Connection> = Vec::new();
    while connections.len() < key.sessions {
        let opened = match connections.first() {
            None => Connection::open(&module, &key, Expected::Configured),
            Some(first) => Connection::open(&module, &key, Expected::Found(first.public_key())),
        };
        let number = connections.len() + 1;
        let in_session = |trouble: TokenError| TokenError { reason: format!("session {number}: {}", trouble.reason), ..trouble };
        connections.push(if number == 1 { opened } else { opened.map_err(in_session) }?);
    }
    Workers::start(module, key, connections)
}

/// One attempt to open a module's tokens at a time: one that hangs keeps its thread.
struct Opening(PathBuf);

static OPENING: Mutex<BTreeSet<PathBuf>> = Mutex::new(BTreeSet::new());

impl Opening {
    fn begin(module: PathBuf) -> Option<Self> {
        let mut opening = OPENING.lock().unwrap_or_else(PoisonError::into_inner);
        opening.insert(module.clone()).then_some(Self(module))
    }
}

impl Drop for Opening {
    fn drop(&mut self) {
        OPENING.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.0);
    }
}
