//! One session with a token, and the key in it.

use std::sync::Arc;

use cryptoki::context::Pkcs11;
use cryptoki::mechanism::Mechanism;
use cryptoki::object::{Attribute, AttributeType, KeyType, ObjectClass, ObjectHandle};
use cryptoki::session::Session;
use cryptoki::slot::Slot;

use crate::error::{Remedy, TokenError};
use crate::module::{LibraryCall, Module};
use crate::pin;
use crate::public_key::TokenPublicKey;
use crate::token_key::{Hex, TokenKey};

/// What is signed and verified once by each new connection. It is not the text of any message.
const PROBE: &[u8] = b"Rescind asks whether this is the key";

/// A session that is logged in, with the number that the key has in it.
pub(crate) struct Connection {
    session: TokenSession,
    key: ObjectHandle,
    public_key: TokenPublicKey,
}

/// An open session. It is closed when it is dropped.
struct TokenSession {
    module: Arc<Module>,
    epoch: u64,
    /// There until it is dropped.
    session: Option<Session>,
}

/// How a key's public half is known beforehand.
#[derive(Clone, Copy)]
pub(crate) enum Expected<'a> {
    /// By the file that the settings name, where they do.
    Configured,
    /// It was found before, and answers have been signed by it.
    Found(&'a TokenPublicKey),
}

impl Connection {
    /// Connects, and has the module initialised anew where nothing else helps.
    pub(crate) fn open(module: &Arc<Module>, key: &TokenKey, expected: Expected<'_>) -> Result<Self, TokenError> {
        let call = module.enter();
        let epoch = call.epoch;
        let opened = Self::open_within(&call, module, key, expected);
        drop(call);
        match opened {
            Err(trouble) if trouble.remedy == Remedy::Reconnect => {
                // The first reason says more than that nothing more can be done just now.
                if module.restart(epoch).is_err() {
                    return Err(trouble);
                }
                Self::open_within(&module.enter(), module, key, expected)
            }
            opened => opened,
        }
    }

    fn open_within(
        call: &LibraryCall<'_>,
        module: &Arc<Module>,
        key: &TokenKey,
        expected: Expected<'_>,
    ) -> Result<Self, TokenError> {
        let slot = find_slot(call.library(), &key.token_label)?;
        open_in(slot, call, (module, key), expected)
            .map_err(|trouble| TokenError { reason: format!("slot {slot}: {}", trouble.reason), ..trouble })
    }

    /// The key's public half.
    pub(crate) fn public_key(&self) -> &TokenPublicKey {
        &self.public_key
    }

    /// Signs, and verifies that it was this key that did.
    pub(crate) fn sign(&self, text: &[u8]) -> Result<Vec<u8>, TokenError> {
        let call = self.session.module.enter();
        self.sign_within(&call, text)
    }

    fn sign_within(&self, call: &LibraryCall<'_>, text: &[u8]) -> Result<Vec<u8>, TokenError> {
        let signature = self.session.within(call)?.sign(&Mechanism::Sha256RsaPkcs, self.key, text)?;
        if self.public_key.made(text, &signature) {
            Ok(signature)
        } else {
            Err(TokenError::may_pass("the token gave a signature that the key's public half does not verify"))
        }
    }
}

impl TokenSession {
    fn open(call: &LibraryCall<'_>, module: &Arc<Module>, slot: Slot) -> Result<Self, TokenError> {
        let session = call.library().open_ro_session_no_drop(slot)?;
        Ok(Self { module: Arc::clone(module), epoch: call.epoch, session: Some(session) })
    }

    /// The session, where it is still open.
    fn within(&self, call: &LibraryCall<'_>) -> Result<&Session, TokenError> {
        let session = self.session.as_ref().filter(|_| call.epoch == self.epoch);
        session.ok_or_else(|| TokenError::may_pass("the module was initialised anew"))
    }
}

impl Drop for TokenSession {
    fn drop(&mut self) {
        if let Some(session) = self.session.take() {
            self.module.close(session, self.epoch);
        }
    }
}

fn open_in(
    slot: Slot,
    call: &LibraryCall<'_>,
    (module, key): (&Arc<Module>, &TokenKey),
    expected: Expected<'_>,
) -> Result<Connection, TokenError> {
    let token = call.library().get_token_info(slot)?;
    let session = TokenSession::open(call, module, slot)?;
    let opened = session.within(call)?;
    pin::log_in(opened, key, &token)?;
    let handle = find_key(opened, key, expected)?;
    let public_key = check_public_key(opened, (handle, key), expected)?;
    let connection = Connection { session, key: handle, public_key };
    connection.sign_within(call, PROBE)?;
    Ok(connection)
}

/// The slot of the one token with that label.
fn find_slot(library: &Pkcs11, label: &str) -> Result<Slot, TokenError> {
    // A slot whose token cannot be looked at is not the one; another user's token may be broken.
    let slots = library.get_slots_with_token()?.into_iter();
    let tokens: Vec<_> = slots.filter_map(|slot| Some((slot, library.get_token_info(slot).ok()?.label().to_owned()))).collect();
    let named: Vec<_> = tokens.iter().filter(|(_, found)| found == label).map(|(slot, _)| *slot).collect();
    match named.as_slice() {
        [slot] => Ok(*slot),
        [] => {
            let others: Vec<_> = tokens.iter().map(|(slot, label)| format!("{label:?} in slot {slot}")).collect();
            let others = if others.is_empty() { "none".to_owned() } else { others.join(", ") };
            Err(TokenError::may_pass(format!("there is no token with this label; the module shows {others}")))
        }
        several => {
            let slots: Vec<_> = several.iter().map(ToString::to_string).collect();
            Err(TokenError::for_operator(format!(
                "tokens in the slots {} have this label; it has to be that of one alone",
                slots.join(", ")
            )))
        }
    }
}

/// The one private key with that label, and that id where one is given.
fn find_key(session: &Session, key: &TokenKey, expected: Expected<'_>) -> Result<ObjectHandle, TokenError> {
    let label = Attribute::Label(key.key_label.clone().into_bytes());
    let id = key.key_id.iter().map(|id| Attribute::Id(id.clone()));
    let template: Vec<_> = [Attribute::Class(ObjectClass::PRIVATE_KEY), label].into_iter().chain(id).collect();
    let found = session.find_objects(&template)?;
    match found.as_slice() {
        [handle] => Ok(*handle),
        [] => {
            let reason = "the token has no such private key";
            // One that was there is hidden by a token that has gone away, or by a login that it has forgotten.
            Err(match expected {
                Expected::Configured => TokenError::for_operator(reason),
                Expected::Found(_) => TokenError::may_pass(reason),
            })
        }
        several => {
            let ids: Vec<_> = several.iter().map(|handle| id_of(session, *handle)).collect::<Result<_, _>>()?;
            let ids: Vec<_> = ids.iter().map(|id| format!("\"{}\"", Hex(id))).collect();
            Err(TokenError::for_operator(format!(
                "the token has {} such private keys, with the ids {}; name one of them by key_id",
                several.len(),
                ids.join(", ")
            )))
        }
    }
}

fn id_of(session: &Session, object: ObjectHandle) -> Result<Vec<u8>, TokenError> {
    let attributes = session.get_attributes(object, &[AttributeType::Id])?;
    let id = attributes.into_iter().find_map(|attribute| if let Attribute::Id(id) = attribute { Some(id) } else { None });
    Ok(id.unwrap_or_default())
}

/// Its public half, which has to be the one that is expected.
fn check_public_key(
    session: &Session,
    (handle, key): (ObjectHandle, &TokenKey),
    expected: Expected<'_>,
) -> Result<TokenPublicKey, TokenError> {
    let told = told_public_key(session, handle)?;
    let (wanted, other) = match expected {
        Expected::Found(found) => (Some(found.clone()), "the token holds another key under this name than before"),
        Expected::Configured => (
            key.public_key.as_deref().map(TokenPublicKey::of_der).transpose()?,
            "the token's key is not the one whose public half public_key_file holds",
        ),
    };
    match (told, wanted) {
        (Some(told), Some(wanted)) if told.der() != wanted.der() => Err(TokenError::for_operator(other)),
        // A token need not tell it: the signature that follows proves it.
        (_, Some(wanted)) => Ok(wanted),
        (Some(told), None) => Ok(told),
        (None, None) => {
            Err(TokenError::for_operator("the token does not tell the key's public half; name it by public_key_file"))
        }
    }
}

/// As the private key tells it, or else the public key with the same id.
fn told_public_key(session: &Session, handle: ObjectHandle) -> Result<Option<TokenPublicKey>, TokenError> {
    let kind = session.get_attributes(handle, &[AttributeType::KeyType])?;
    if kind.iter().any(|kind| matches!(kind, Attribute::KeyType(kind) if *kind != KeyType::RSA)) {
        return Err(TokenError::for_operator("the key is not an RSA key"));
    }
    if let Some(told) = components(session, handle)? {
        return Ok(Some(told));
    }
    let id = id_of(session, handle)?;
    let template = [Attribute::Class(ObjectClass::PUBLIC_KEY), Attribute::KeyType(KeyType::RSA), Attribute::Id(id)];
    match session.find_objects(&template)?.as_slice() {
        [public] => components(session, *public),
        _ => Ok(None),
    }
}

fn components(session: &Session, handle: ObjectHandle) -> Result<Option<TokenPublicKey>, TokenError> {
    let attributes = session.get_attributes(handle, &[AttributeType::Modulus, AttributeType::PublicExponent])?;
    let (mut modulus, mut exponent) = (Vec::new(), Vec::new());
    for attribute in attributes {
        if let Attribute::Modulus(n) = attribute {
            modulus = n;
        } else if let Attribute::PublicExponent(e) = attribute {
            exponent = e;
        }
    }
    if modulus.is_empty() || exponent.is_empty() {
        Ok(None)
    } else {
        TokenPublicKey::of_components(&modulus, &exponent).map(Some)
    }
}
