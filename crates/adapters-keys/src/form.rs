//! What kind of key some DER holds. The content says it: people and tools put keys under the armour of another form.

/// The form of a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum KeyForm {
    /// Any private key, by PKCS#8.
    Pkcs8,
    /// An RSA private key, by PKCS#1.
    RsaPrivate,
    /// A private key on an elliptic curve, by SEC 1.
    EcPrivate,
    /// A private key behind a passphrase, by PKCS#8.
    Encrypted,
    /// A public key, by X.509 or by PKCS#1.
    Public,
    Unknown,
}

const INTEGER: u8 = 0x02;
const BIT_STRING: u8 = 0x03;
const OCTET_STRING: u8 = 0x04;
pub(crate) const SEQUENCE: u8 = 0x30;

impl KeyForm {
    pub(crate) fn of(der: &[u8]) -> Self {
        let Some((SEQUENCE, inner, _)) = element(der) else { return Self::Unknown };
        let mut rest = inner;
        let mut tags = [0; 3];
        for tag in &mut tags {
            let Some((found, _, behind)) = element(rest) else { break };
            (*tag, rest) = (found, behind);
        }
        match tags {
            [INTEGER, SEQUENCE, _] => Self::Pkcs8,
            [INTEGER, INTEGER, INTEGER] => Self::RsaPrivate,
            [INTEGER, OCTET_STRING, _] => Self::EcPrivate,
            [SEQUENCE, OCTET_STRING, _] => Self::Encrypted,
            [SEQUENCE, BIT_STRING, _] | [INTEGER, INTEGER, 0] => Self::Public,
            _ => Self::Unknown,
        }
    }

    /// The label of its armour, where it is a private key that can be read.
    pub(crate) fn private_label(self) -> Option<&'static str> {
        match self {
            Self::Pkcs8 => Some("PRIVATE KEY"),
            Self::RsaPrivate => Some("RSA PRIVATE KEY"),
            Self::EcPrivate => Some("EC PRIVATE KEY"),
            Self::Encrypted | Self::Public | Self::Unknown => None,
        }
    }
}

/// The first element of some DER: its tag, its content, and what comes behind it.
pub(crate) fn element(der: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let [tag, short, rest @ ..] = der else { return None };
    let (length, rest) = match usize::from(short & 0x7f) {
        length if short & 0x80 == 0 => (length, rest),
        bytes @ 1..=4 => {
            let (length, rest) = rest.split_at_checked(bytes)?;
            (length.iter().fold(0, |length, byte| length << 8 | usize::from(*byte)), rest)
        }
        _ => return None,
    };
    let (content, behind) = rest.split_at_checked(length)?;
    Some((*tag, content, behind))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_key_or_breaks_off_has_no_form() {
        let nothing: [&[u8]; 8] = [
            b"",
            b"\x30",
            b"\x30\x00",
            b"\x30\x03\x02\x01\x00",
            b"\x30\x80\x02\x01\x00",
            b"\x30\x85\x01\x01\x01\x01\x01",
            b"\x30\x84\xff\xff\xff\xff\x02",
            b"\x04\x02\x05\x00",
        ];
        for der in nothing {
            assert_eq!(KeyForm::of(der), KeyForm::Unknown, "{der:?}");
        }
    }
}
