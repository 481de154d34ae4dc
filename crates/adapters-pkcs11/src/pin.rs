//! PINs that a token has refused. Tokens lock themselves after a few wrong ones.

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};

use aws_lc_rs::digest::{Context, SHA256};
use cryptoki::error::{Error, RvError};
use cryptoki::session::{Session, UserType};
use cryptoki::slot::TokenInfo;
use cryptoki::types::AuthPin;

use crate::error::{TokenError, describe};
use crate::token_key::TokenKey;

/// Digests of PIN and token.
static REFUSED: Mutex<BTreeSet<Vec<u8>>> = Mutex::new(BTreeSet::new());

/// Logs in, which counts for all sessions of the process with that token. A PIN that the token refused is not tried again by this
/// process, and the last try that a token has left is not taken.
pub(crate) fn log_in(session: &Session, key: &TokenKey, token: &TokenInfo) -> Result<(), TokenError> {
    if token.user_pin_locked() {
        return Err(TokenError::for_operator("the token's PIN is locked"));
    }
    if token.user_pin_final_try() {
        return Err(TokenError::for_operator(
            "the token's PIN has one try left, which is not taken: log in once with the right one by the vendor's tool",
        ));
    }
    let attempt = digest(key, token);
    if with_refused(|refused| refused.contains(&attempt)) {
        return Err(TokenError::for_operator(
            "the token has refused the PIN before; it is not tried again until it is another one, or Rescind is started again",
        ));
    }
    match session.login(UserType::User, Some(&AuthPin::from(key.pin.as_str()))) {
        Ok(()) | Err(Error::Pkcs11(RvError::UserAlreadyLoggedIn, _)) => Ok(()),
        Err(error) if is_refusal(&error) => {
            with_refused(|refused| refused.insert(attempt));
            Err(TokenError::for_operator(format!("the token refuses the PIN: {}", describe(&error))))
        }
        Err(error) => Err(error.into()),
    }
}

fn is_refusal(error: &Error) -> bool {
    matches!(
        error,
        Error::Pkcs11(
            RvError::PinIncorrect | RvError::PinInvalid | RvError::PinLenRange | RvError::PinExpired | RvError::PinLocked,
            _
        )
    )
}

fn digest(key: &TokenKey, token: &TokenInfo) -> Vec<u8> {
    let mut context = Context::new(&SHA256);
    for part in [key.module.as_os_str().as_encoded_bytes(), token.serial_number().as_bytes(), key.token_label.as_bytes()] {
        context.update(&part.len().to_be_bytes());
        context.update(part);
    }
    context.update(key.pin.as_bytes());
    context.finish().as_ref().to_vec()
}

fn with_refused<T>(use_it: impl FnOnce(&mut BTreeSet<Vec<u8>>) -> T) -> T {
    use_it(&mut REFUSED.lock().unwrap_or_else(PoisonError::into_inner))
}
