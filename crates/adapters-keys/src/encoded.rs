//! Keys as they stand in files: PEM, or the bare base64 that Alipay+'s key tool gives.

use std::ops::RangeInclusive;

use aws_lc_rs::signature::RsaParameters;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use zeroize::Zeroizing;

use crate::KeyError;

/// Accepted lengths of a modulus. Alipay+'s documents show 2048 bits only; below that is not safe, above 4096 too slow.
const BITS: RangeInclusive<u32> = 2048..=4096;

/// One key out of a file: its DER and the label of its PEM armour, if it has one.
pub(crate) struct Encoded<'a> {
    pub(crate) label: Option<&'a str>,
    pub(crate) der: Zeroizing<Vec<u8>>,
}

impl<'a> Encoded<'a> {
    /// Finds the one key with one of these labels, or the bare base64 of a file without any armour. Other sections, such as
    /// certificates, are passed over; two keys would leave open which one is meant.
    pub(crate) fn find(file: &'a [u8], labels: &[&str]) -> Result<Self, KeyError> {
        let text = std::str::from_utf8(file).map_err(|_| KeyError::because("The key file is not text."))?;
        if !text.contains("-----BEGIN ") {
            return Ok(Self { label: None, der: decode(text)? });
        }
        let mut found = sections(text).filter(|(label, _)| labels.contains(label));
        let wanted = || format!("\"{}\"", labels.join("\" or \""));
        let Some((label, base64)) = found.next() else {
            return Err(KeyError::because(format!("The key file has no complete section {}.", wanted())));
        };
        if found.next().is_some() {
            return Err(KeyError::because(format!("The key file has more than one section {}.", wanted())));
        }
        Ok(Self { label: Some(label), der: decode(base64)? })
    }
}

/// The labels and contents of all complete PEM sections.
fn sections(text: &str) -> impl Iterator<Item = (&str, &str)> {
    text.split("-----BEGIN ").skip(1).filter_map(|section| {
        let (label, rest) = section.split_once("-----")?;
        let (content, end) = rest.split_once("-----END ")?;
        end.strip_prefix(label)?.starts_with("-----").then_some((label, content))
    })
}

fn decode(base64: &str) -> Result<Zeroizing<Vec<u8>>, KeyError> {
    // Sized beforehand, so that no copy is left behind by growing.
    let mut compact = Zeroizing::new(String::with_capacity(base64.len()));
    compact.extend(base64.chars().filter(|c| !c.is_ascii_whitespace()));
    let mut der = Zeroizing::new(vec![0; base64::decoded_len_estimate(compact.len())]);
    // The decoder's own message would quote a character of the key.
    let length = STANDARD
        .decode_slice(compact.as_bytes(), &mut der)
        .map_err(|_| KeyError::because("The key file holds neither PEM nor base64 without armour, or the key is encrypted."))?;
    der.truncate(length);
    Ok(der)
}

/// The modulus's length in bits, of a PKCS#1 public key.
pub(crate) fn accepted_bits(public_key: &[u8]) -> Result<u32, KeyError> {
    let bits = RsaParameters::public_modulus_len(public_key).map_err(|_| KeyError::because("The key is no RSA key."))?;
    if BITS.contains(&bits) { Ok(bits) } else { Err(wrong_length(&bits.to_string())) }
}

pub(crate) fn wrong_length(bits: &str) -> KeyError {
    KeyError::because(format!("The RSA key has {bits} bits; {} to {} are accepted.", BITS.start(), BITS.end()))
}
