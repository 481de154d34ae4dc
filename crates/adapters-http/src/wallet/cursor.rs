//! Where a page of a search begins, as an opaque text.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::DateTime;
use domain::PaymentRequestId;
use ports::SearchPosition;

/// The text for a position.
pub(super) fn of(SearchPosition { began_at, id }: &SearchPosition) -> String {
    URL_SAFE_NO_PAD.encode(format!("{} {id}", began_at.timestamp_micros()))
}

/// The position that the text was made for; `None` for any other text.
pub(super) fn parse(text: &str) -> Option<SearchPosition> {
    let decoded = String::from_utf8(URL_SAFE_NO_PAD.decode(text).ok()?).ok()?;
    let (micros, id) = decoded.split_once(' ')?;
    let began_at = DateTime::from_timestamp_micros(micros.parse().ok()?)?;
    let position = SearchPosition { began_at, id: PaymentRequestId::parse(id).ok()? };
    // Another spelling of the same number would be another text for the same place.
    (of(&position) == text).then_some(position)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_is_read_back_and_any_other_text_is_not() {
        for (micros, id) in [(0, "a"), (-1, "~"), (1_772_337_600_000_001, "!\"#/%?&=+ ".trim_end())] {
            let began_at = DateTime::from_timestamp_micros(micros).unwrap();
            let position = SearchPosition { began_at, id: PaymentRequestId::parse(id).unwrap() };
            let text = of(&position);
            assert!(text.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_".contains(&b)), "{text}");
            assert_eq!(parse(&text), Some(position));
            for wrong in [&text[1..], &text[..text.len() - 1], &format!("{text}A"), &format!("{text}=")] {
                assert_ne!(parse(wrong).map(|position| of(&position)).as_deref(), Some(text.as_str()), "{wrong}");
            }
        }
        let encode = |text: &str| URL_SAFE_NO_PAD.encode(text);
        for wrong in [
            "",
            "0 a",
            &encode("0"),
            &encode("0 "),
            &encode("00 a"),
            &encode("+0 a"),
            &encode("x a"),
            &encode("0 a b"),
            &encode("9223372036854775807 a"),
        ] {
            assert_eq!(parse(wrong), None, "{wrong}");
        }
    }
}
