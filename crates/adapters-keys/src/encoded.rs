//! Keys as they stand in files: PEM, or the bare base64 that Alipay+'s key tool gives.

use std::ops::RangeInclusive;

use aws_lc_rs::signature::RsaParameters;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use zeroize::Zeroizing;

use crate::KeyError;
use crate::form::KeyForm;

/// Accepted lengths of a modulus. Alipay+'s documents show 2048 bits only; below that is not safe, above 4096 too slow.
const BITS: RangeInclusive<u32> = 2048..=4096;

/// The labels of private keys. Which form the key has, its content says.
pub(crate) const PRIVATE: &[&str] = &["PRIVATE KEY", "RSA PRIVATE KEY"];
/// The labels of public keys.
pub(crate) const PUBLIC: &[&str] = &["PUBLIC KEY", "RSA PUBLIC KEY"];
/// The label of a private key behind a passphrase, by PKCS#8.
const ENCRYPTED: &str = "ENCRYPTED PRIVATE KEY";
/// What stands within the armour of an older private key behind a passphrase (RFC 1421).
const ENCRYPTED_CONTENT: &str = "Proc-Type: 4,ENCRYPTED";

/// One key out of a file.
pub(crate) struct Encoded {
    pub(crate) der: Zeroizing<Vec<u8>>,
    pub(crate) form: KeyForm,
}

impl Encoded {
    /// Finds the one key with one of these labels, or the bare base64 of a file without any armour. Other sections, such as
    /// certificates, are passed over. Two keys are refused, because nothing says which of them to use.
    pub(crate) fn find(file: &[u8], labels: &[&str]) -> Result<Self, KeyError> {
        let der = find_der(file, labels)?;
        let form = KeyForm::of(&der);
        if form == KeyForm::Encrypted { Err(encrypted()) } else { Ok(Self { der, form }) }
    }
}

fn find_der(file: &[u8], labels: &[&str]) -> Result<Zeroizing<Vec<u8>>, KeyError> {
    let text =
        std::str::from_utf8(file).map_err(|_| KeyError::because("The file is not text; a key in PEM or in base64 is needed."))?;
    if !text.contains("-----BEGIN ") {
        return decode(text);
    }
    let mut found = sections(text).filter(|(label, _)| labels.contains(label));
    let wanted = || format!("\"{}\"", labels.join("\" or \""));
    let Some((_, base64)) = found.next() else {
        if sections(text).any(|(label, _)| label == ENCRYPTED) {
            return Err(encrypted());
        }
        let others: Vec<_> = sections(text).map(|(label, _)| format!("\"{label}\"")).collect();
        let others = if others.is_empty() { "none".to_owned() } else { others.join(", ") };
        return Err(KeyError::because(format!("The file needs a complete PEM section {}, and has {others}.", wanted())));
    };
    if found.next().is_some() {
        let reason = format!("The file has more than one PEM section {}; one of them is needed, and no other.", wanted());
        return Err(KeyError::because(reason));
    }
    if base64.contains(ENCRYPTED_CONTENT) { Err(encrypted()) } else { decode(base64) }
}

/// Nobody is there to type a passphrase when a process starts.
fn encrypted() -> KeyError {
    KeyError::because(
        "The private key in the file is encrypted, and there is nobody to ask for its passphrase: write it without one, by \
         `openssl pkey -in FILE -out NEW-FILE`.",
    )
}

/// The labels and contents of all complete PEM sections. A label is capital letters, digits and spaces, so that it can be shown.
pub(crate) fn sections(text: &str) -> impl Iterator<Item = (&str, &str)> {
    text.split("-----BEGIN ").skip(1).filter_map(|section| {
        let (label, rest) = section.split_once("-----")?;
        let (content, end) = rest.split_once("-----END ")?;
        let is_label = label.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b' ');
        (is_label && end.strip_prefix(label)?.starts_with("-----")).then_some((label, content))
    })
}

pub(crate) fn decode(base64: &str) -> Result<Zeroizing<Vec<u8>>, KeyError> {
    // Sized beforehand, so that no copy is left behind by growing.
    let mut compact = Zeroizing::new(String::with_capacity(base64.len()));
    compact.extend(base64.chars().filter(|c| !c.is_ascii_whitespace()));
    let mut der = Zeroizing::new(vec![0; base64::decoded_len_estimate(compact.len())]);
    // The decoder's own message would quote a character of the key.
    let length = STANDARD
        .decode_slice(compact.as_bytes(), &mut der)
        .map_err(|_| KeyError::because("The file holds neither a key in PEM nor one in base64."))?;
    der.truncate(length);
    Ok(der)
}

/// The modulus's length in bits, of a PKCS#1 public key.
pub(crate) fn accepted_bits(public_key: &[u8]) -> Result<u32, KeyError> {
    let bits = RsaParameters::public_modulus_len(public_key)
        .map_err(|_| KeyError::because("The file holds a key, but not an RSA key."))?;
    if BITS.contains(&bits) { Ok(bits) } else { Err(wrong_length(&bits.to_string())) }
}

pub(crate) fn wrong_length(bits: &str) -> KeyError {
    KeyError::because(format!("The RSA key has {bits} bits; {} to {} are accepted.", BITS.start(), BITS.end()))
}
