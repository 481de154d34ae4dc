//! Identifiers that others assign, parsed once at the edge.

use std::fmt;

/// The text is not an identifier.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct IdentifierError;

impl fmt::Display for IdentifierError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("must be 1 to 64 visible ASCII characters, and neither \".\" nor \"..\"")
    }
}

impl std::error::Error for IdentifierError {}

/// Alipay+ allows 64 characters; the two dot names are left out because an identifier also stands in a URL's path.
fn is_identifier(text: &str) -> bool {
    (1..=64).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_graphic()) && text != "." && text != ".."
}

macro_rules! identifier {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(String);

        impl $name {
            /// Takes 1 to 64 visible ASCII characters, but not `.` or `..`.
            ///
            /// # Errors
            /// [`IdentifierError`] for any other text.
            pub fn parse(text: impl Into<String>) -> Result<Self, IdentifierError> {
                let text = text.into();
                if is_identifier(&text) { Ok(Self(text)) } else { Err(IdentifierError) }
            }

            /// The identifier as it was given.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

identifier!(
    /// Alipay+'s id of one payment request: the key of the case and of idempotency, without a limit in time.
    PaymentRequestId
);
identifier!(
    /// Alipay+'s id of the acquirer that asks.
    AcquirerId
);
identifier!(
    /// Alipay+'s id of the wallet that is asked.
    PspId
);
identifier!(
    /// The wallet's own id of a payment that it made.
    PaymentId
);
identifier!(
    /// The id of one refund that the wallet makes itself, unique within its payment.
    RefundRequestId
);
identifier!(
    /// The wallet's id of the account that pays.
    AccountId
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_identifier_is_one_to_sixty_four_visible_ascii_characters() {
        for good in ["1", "a.b", "...", "~!{}\"", &"9".repeat(64)] {
            assert_eq!(PaymentRequestId::parse(good).map(|id| id.to_string()).as_deref(), Ok(good));
        }
        for bad in ["", ".", "..", " ", "a b", "a\0", "a\n", "é", "\u{7f}", &"9".repeat(65)] {
            assert_eq!(PaymentRequestId::parse(bad), Err(IdentifierError), "{bad:?}");
        }
    }
}
