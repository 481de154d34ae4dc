//! What of an id in a file shows that it is not as Alipay+ wrote it.

/// What programs write where a value is missing.
const MISSING: [&str; 8] = ["nan", "null", "none", "na", "nil", "true", "false", "undefined"];

/// Why a text cannot be an id of Alipay+'s, though it would be an [identifier](crate::PaymentRequestId). Spreadsheets, editors and
/// transports change ids into such texts, and a changed id is that of no payment. Ids have letters, digits, `-`, `_`, `.` and `:`.
#[must_use]
pub fn doubt_about_id(text: &str) -> Option<&'static str> {
    let is_of_ids = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b':');
    if is_shortened(text) {
        return Some("is a number as a spreadsheet shortens it, and not an id");
    }
    if !text.bytes().all(is_of_ids) || !text.bytes().next().is_some_and(|first| first.is_ascii_alphanumeric()) {
        return Some("has a character that no id of Alipay+'s has there");
    }
    if text.contains('.') && text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.') {
        return Some("is a number with a decimal point, and not an id");
    }
    MISSING.iter().any(|missing| text.eq_ignore_ascii_case(missing)).then_some("is what programs write for a missing value")
}

/// Whether it is like `2.02611E+25`. Digits with a letter `E` between them are an id.
fn is_shortened(text: &str) -> bool {
    let Some((mantissa, exponent)) = text.split_once(['E', 'e']) else { return false };
    let digits = exponent.strip_prefix(['+', '-']).unwrap_or(exponent);
    let is_number = |text: &str, is_of: fn(u8) -> bool| !text.is_empty() && text.bytes().all(is_of);
    let is_marked = mantissa.contains(['.', ',']) || digits.len() < exponent.len();
    is_marked
        && is_number(digits, |byte| byte.is_ascii_digit())
        && is_number(mantissa, |byte| byte.is_ascii_digit() || matches!(byte, b'.' | b',' | b'-'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn f83_an_id_that_a_program_changed_is_known_by_its_text() {
        for changed in [
            "2.02611E+25",
            "2,02611E+25",
            "-2.02611E+25",
            "2E+25",
            "2.0e-5",
            "'2026",
            "`2026",
            "=\"2026\"",
            "20260301.0",
            "2026.03.01",
            "#N/A",
            "########",
            "NaN",
            "null",
            "NULL",
            "-1",
            ".5",
            "a,b",
            "a&quot;",
            "a%20",
            "a/b",
            "+2026",
            "@2026",
            "2026;",
            "a|b",
            "_1",
        ] {
            assert!(doubt_about_id(changed).is_some(), "{changed}");
        }
    }

    #[test]
    fn an_id_as_it_is_given_leaves_no_doubt() {
        for id in [
            "20260301000000000044",
            "1e5",
            "00e12345",
            "9E9",
            "a.1E5",
            "many-00000001",
            "a.b_c:d",
            "v1.2",
            "NANA",
            "550e8400-e29b-41d4-a716-446655440000",
        ] {
            assert_eq!(doubt_about_id(id), None, "{id}");
        }
    }
}
