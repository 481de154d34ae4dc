//! What can be wrong with a module, a token or a key.

use std::fmt;

use cryptoki::error::{Error, RvError};

/// Why a key in a token cannot be used: one sentence for an operator, which names the module, the token, the key and the slot where it is
/// known, and nothing of the key or the PIN. The setting is added by who has read it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pkcs11Error(pub(crate) String);

impl fmt::Display for Pkcs11Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Pkcs11Error {}

/// Why a connection cannot be made or used.
#[derive(Debug)]
pub(crate) struct TokenError {
    pub(crate) reason: String,
    pub(crate) remedy: Remedy,
}

/// What may help.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Remedy {
    /// To find the token again, if need be with the module initialised anew.
    Reconnect,
    /// Only somebody who changes the token or the settings.
    Operator,
}

impl TokenError {
    pub(crate) fn for_operator(reason: impl Into<String>) -> Self {
        Self { reason: reason.into(), remedy: Remedy::Operator }
    }

    pub(crate) fn may_pass(reason: impl Into<String>) -> Self {
        Self { reason: reason.into(), remedy: Remedy::Reconnect }
    }
}

impl From<Error> for TokenError {
    fn from(error: Error) -> Self {
        Self::may_pass(describe(&error))
    }
}

/// By the names that PKCS#11 has for functions and results, which the vendors' manuals explain.
pub(crate) fn describe(error: &Error) -> String {
    let Error::Pkcs11(result, function) = error else { return error.to_string() };
    if let RvError::VendorDefined(code) | RvError::UnknownErrorCode(code) = result {
        return format!("C_{function:?} failed with {code:#010x}");
    }
    format!("C_{function:?} failed with {}", result_name(*result))
}

/// `CKR_PIN_INCORRECT` for `PinIncorrect`.
fn result_name(result: RvError) -> String {
    let mut name = "CKR".to_owned();
    for letter in format!("{result:?}").chars() {
        if letter.is_ascii_uppercase() {
            name.push('_');
        }
        name.push(letter.to_ascii_uppercase());
    }
    name
}

#[cfg(test)]
mod tests {
    use cryptoki::context::Function;

    use super::*;

    #[test]
    fn results_have_the_names_of_the_standard() {
        for (result, said) in [
            (RvError::PinIncorrect, "C_Login failed with CKR_PIN_INCORRECT"),
            (RvError::SlotIdInvalid, "C_Login failed with CKR_SLOT_ID_INVALID"),
            (RvError::VendorDefined(0x8000_0001), "C_Login failed with 0x80000001"),
        ] {
            assert_eq!(describe(&Error::Pkcs11(result, Function::Login)), said);
        }
    }
}
