//! The public half of a key in a token.

use std::ops::RangeInclusive;

use aws_lc_rs::encoding::{AsDer, PublicKeyX509Der};
use aws_lc_rs::rsa::{PublicKey, PublicKeyComponents};
use aws_lc_rs::signature::{ParsedPublicKey, RSA_PKCS1_2048_8192_SHA256, RsaParameters};

use crate::error::TokenError;

/// Accepted lengths of a modulus, in bits: those of keys in files.
const BITS: RangeInclusive<u32> = 2048..=4096;

/// An RSA public key that verifies what its private half signs.
#[derive(Clone)]
pub(crate) struct TokenPublicKey {
    parsed: ParsedPublicKey,
    /// DER by PKCS#1: equal keys are equal bytes.
    der: Vec<u8>,
    /// In bytes.
    modulus: usize,
}

impl TokenPublicKey {
    /// From the integers that a token tells, which may begin with zeros.
    pub(crate) fn of_components(modulus: &[u8], exponent: &[u8]) -> Result<Self, TokenError> {
        let components = PublicKeyComponents { n: without_zeros(modulus), e: without_zeros(exponent) };
        let der: PublicKeyX509Der<'_> = components.as_der().map_err(|_| unusable())?;
        Self::of_der(der.as_ref())
    }

    /// From DER by PKCS#1 or X.509.
    pub(crate) fn of_der(der: &[u8]) -> Result<Self, TokenError> {
        let key = PublicKey::from_der(der).map_err(|_| unusable())?;
        let bits = RsaParameters::public_modulus_len(key.as_ref()).map_err(|_| unusable())?;
        if !BITS.contains(&bits) {
            return Err(TokenError::for_operator(format!(
                "the RSA key has {bits} bits; {} to {} are accepted",
                BITS.start(),
                BITS.end()
            )));
        }
        let parsed = ParsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, key.as_ref()).map_err(|_| unusable())?;
        Ok(Self { parsed, der: key.as_ref().to_vec(), modulus: bits.div_ceil(8) as usize })
    }

    /// DER by PKCS#1.
    pub(crate) fn der(&self) -> &[u8] {
        &self.der
    }

    pub(crate) fn made(&self, text: &[u8], signature: &[u8]) -> bool {
        signature.len() == self.modulus && self.parsed.verify_sig(text, signature).is_ok()
    }
}

fn without_zeros(integer: &[u8]) -> &[u8] {
    let zeros = integer.iter().take_while(|byte| **byte == 0).count();
    &integer[zeros..]
}

fn unusable() -> TokenError {
    TokenError::for_operator("its public half is not an RSA key that can be used")
}
