//! From when and until when certificates are valid. Of everything else that stands in them, libraries of TLS know more.

use chrono::{DateTime, NaiveDate, Utc};

use crate::KeyError;
use crate::encoded::{decode, sections};
use crate::form::{SEQUENCE, element};

/// The label of a certificate's armour.
const CERTIFICATE: &str = "CERTIFICATE";
/// The tag of the version, which stands first where it is not the oldest one.
const VERSION: u8 = 0xa0;
const UTC_TIME: u8 = 0x17;
const GENERALIZED_TIME: u8 = 0x18;

/// When a certificate is valid (RFC 5280, 4.1.2.5). Both moments belong to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Validity {
    /// The first moment.
    pub not_before: DateTime<Utc>,
    /// The last second.
    pub not_after: DateTime<Utc>,
}

impl Validity {
    /// Of each certificate of a file in PEM, in the file's order. In a chain the first one is that of its owner.
    ///
    /// # Errors
    /// [`KeyError`] where there is none, or one of them cannot be read.
    pub fn in_pem(file: &[u8]) -> Result<Vec<Self>, KeyError> {
        // What stands between the sections may be in any encoding.
        let text = String::from_utf8_lossy(file);
        let certificates = sections(&text).filter(|(label, _)| *label == CERTIFICATE);
        let read = |(_, base64): (&str, &str)| decode(base64).ok().and_then(|der| Self::in_der(&der));
        let all: Option<Vec<_>> = certificates.map(read).collect();
        let all = all.ok_or_else(|| KeyError::because("The file has a section \"CERTIFICATE\" that holds no certificate."))?;
        if all.is_empty() { Err(KeyError::because("The file has no section \"CERTIFICATE\".")) } else { Ok(all) }
    }

    /// Whether a moment is within it.
    #[must_use]
    pub fn includes(&self, at: DateTime<Utc>) -> bool {
        (self.not_before..=self.not_after).contains(&at)
    }

    fn in_der(der: &[u8]) -> Option<Self> {
        let (_, certificate, _) = element(der).filter(|(tag, ..)| *tag == SEQUENCE)?;
        let (_, signed, _) = element(certificate).filter(|(tag, ..)| *tag == SEQUENCE)?;
        let (first, _, behind) = element(signed)?;
        // Behind the version come the serial number, the algorithm and the issuer.
        let passed_over = if first == VERSION { 3 } else { 2 };
        let rest = (0..passed_over).try_fold(behind, |rest, _| element(rest).map(|(_, _, behind)| behind))?;
        let (_, validity, _) = element(rest).filter(|(tag, ..)| *tag == SEQUENCE)?;
        let (tag, from, behind) = element(validity)?;
        let not_before = moment(tag, from)?;
        let (tag, to, _) = element(behind)?;
        Some(Self { not_before, not_after: moment(tag, to)? })
    }
}

/// `YYMMDDhhmmssZ`, or the same with four digits of the year.
fn moment(tag: u8, content: &[u8]) -> Option<DateTime<Utc>> {
    let digits = content.strip_suffix(b"Z").filter(|digits| digits.iter().all(u8::is_ascii_digit))?;
    let number = |digits: &[u8]| digits.iter().fold(0, |number, digit| number * 10 + u32::from(digit - b'0'));
    let (year, rest) = match (tag, digits.len()) {
        (UTC_TIME, 12) => {
            let (year, rest) = digits.split_at(2);
            // RFC 5280, 4.1.2.5.1.
            (number(year) + if number(year) < 50 { 2000 } else { 1900 }, rest)
        }
        (GENERALIZED_TIME, 14) => {
            let (year, rest) = digits.split_at(4);
            (number(year), rest)
        }
        _ => return None,
    };
    let [month, day, hour, minute, second] = [0, 2, 4, 6, 8].map(|at| number(&rest[at..at + 2]));
    let day = NaiveDate::from_ymd_opt(year.try_into().ok()?, month, day)?;
    Some(day.and_hms_opt(hour, minute, second)?.and_utc())
}

#[cfg(test)]
mod tests {
    use super::*;

    const AUTHORITY: &[u8] = include_bytes!("../../adapters-wallet-core/tests/wallet_core/fixtures/authority.pem");
    const EXPIRED: &[u8] = include_bytes!("../../adapters-wallet-core/tests/wallet_core/fixtures/expired.pem");

    fn at(text: &str) -> DateTime<Utc> {
        text.parse().unwrap()
    }

    #[test]
    fn a_chain_s_certificates_are_read_in_their_order() {
        let chain = [EXPIRED, b"\xff in Latin-1\n", AUTHORITY].concat();
        let read = Validity::in_pem(&chain).unwrap();
        assert_eq!(read, [Validity::in_pem(EXPIRED).unwrap(), Validity::in_pem(AUTHORITY).unwrap()].concat());
        assert_eq!(read.len(), 2);
        // As `openssl x509 -noout -dates` shows them.
        assert_eq!(read[0], Validity { not_before: at("2020-01-01T00:00:00Z"), not_after: at("2020-01-02T00:00:00Z") });
    }

    #[test]
    fn both_ends_belong_to_it() {
        let Validity { not_before, not_after } = Validity::in_pem(EXPIRED).unwrap()[0];
        let second = chrono::TimeDelta::seconds(1);
        let of = |moment| Validity { not_before, not_after }.includes(moment);
        assert_eq!([of(not_before - second), of(not_before), of(not_after), of(not_after + second)], [false, true, true, false]);
    }

    #[test]
    fn a_moment_has_two_or_four_digits_of_its_year() {
        assert_eq!(moment(UTC_TIME, b"491231235959Z"), Some(at("2049-12-31T23:59:59Z")));
        assert_eq!(moment(UTC_TIME, b"500101000000Z"), Some(at("1950-01-01T00:00:00Z")));
        assert_eq!(moment(GENERALIZED_TIME, b"99991231235959Z"), Some(at("9999-12-31T23:59:59Z")));
        let wrong: [(u8, &[u8]); 6] = [
            (UTC_TIME, b"491231235959"),
            (UTC_TIME, b"20491231235959Z"),
            (GENERALIZED_TIME, b"491231235959Z"),
            (UTC_TIME, b"491331235959Z"),
            (UTC_TIME, b"49123123595-Z"),
            (2, b"491231235959Z"),
        ];
        for (tag, text) in wrong {
            assert_eq!(moment(tag, text), None, "{text:?}");
        }
    }

    #[test]
    fn what_holds_no_certificate_is_refused() {
        let text = std::str::from_utf8(AUTHORITY).unwrap();
        let cut = text.replace("\n-----END", "AAAA\n-----END").replacen("MII", "MIJ", 1);
        for (file, why) in [
            ("", "no section"),
            ("no certificate", "no section"),
            (&text[..text.len() / 2], "no section"),
            (&text.replace("CERTIFICATE", "PUBLIC KEY"), "no section"),
            (&cut, "holds no certificate"),
            (&text.replacen("MII", "!!!", 1), "holds no certificate"),
        ] {
            let refused = Validity::in_pem(file.as_bytes()).unwrap_err().to_string();
            assert!(refused.contains(why) && refused.ends_with('.'), "{refused}");
        }
    }
}
