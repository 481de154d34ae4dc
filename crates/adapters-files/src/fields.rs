//! A line's fields, by the strict rules of RFC 4180: a quote stands around a whole field, or twice within one.

use std::borrow::Cow;

use csv::StringRecord;

/// Why a line has no certain fields. A quote that came into a file by mistake swallows what stands behind it, up to the next quote.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum FieldError {
    /// The quote before this field does not end in the line.
    Open(usize),
    /// This field has a quote where none may be.
    Stray(usize),
}

/// Takes the line apart.
pub(crate) fn split(line: &str, record: &mut StringRecord) -> Result<(), FieldError> {
    record.clear();
    if !line.as_bytes().contains(&b'"') {
        line.split(',').for_each(|field| record.push_field(field));
        return Ok(());
    }
    let mut rest = Some(line);
    while let Some(line) = rest {
        rest = take_field(line, record)?;
    }
    Ok(())
}

/// Takes the first field. What is left comes back, if there is more.
fn take_field<'a>(line: &'a str, record: &mut StringRecord) -> Result<Option<&'a str>, FieldError> {
    let stray = FieldError::Stray(record.len());
    if let Some(quoted) = line.strip_prefix('"') {
        let (field, behind) = unquote(quoted).ok_or(FieldError::Open(record.len()))?;
        record.push_field(&field);
        return match behind.strip_prefix(',') {
            None if behind.is_empty() => Ok(None),
            None => Err(stray),
            rest => Ok(rest),
        };
    }
    let (field, rest) = line.split_once(',').map_or((line, None), |(field, rest)| (field, Some(rest)));
    if field.contains('"') {
        return Err(stray);
    }
    record.push_field(field);
    Ok(rest)
}

/// What stands before the quote that ends a field, and behind it; `None` where there is none. Two quotes are one of the field's own.
fn unquote(text: &str) -> Option<(Cow<'_, str>, &str)> {
    let (mut before, mut behind) = text.split_once('"')?;
    let mut field = Cow::Borrowed(before);
    while let Some(rest) = behind.strip_prefix('"') {
        (before, behind) = rest.split_once('"')?;
        field += "\"";
        field += before;
    }
    Some((field, behind))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields(line: &str) -> Result<Vec<String>, FieldError> {
        let mut record = StringRecord::new();
        split(line, &mut record)?;
        Ok(record.iter().map(str::to_owned).collect())
    }

    #[test]
    fn fields_come_as_they_were_meant() {
        for (line, expected) in [
            ("a,b", &["a", "b"][..]),
            ("", &[""]),
            (",", &["", ""]),
            ("\"a\",b", &["a", "b"]),
            ("\"\",\"\"", &["", ""]),
            ("\"a,b\",\"c \"\"d\"\"\",", &["a,b", "c \"d\"", ""]),
            ("\"\"\"\"", &["\""]),
            ("\"a\nb\"", &["a\nb"]),
        ] {
            assert_eq!(
                fields(line).as_deref(),
                Ok(&expected.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>()[..]),
                "{line}"
            );
        }
    }

    #[test]
    fn f84_a_quote_in_a_wrong_place_is_an_error() {
        for (line, error) in [
            ("\"a", FieldError::Open(0)),
            ("a,\"b,c", FieldError::Open(1)),
            ("a,\"b\"\"", FieldError::Open(1)),
            ("a\",b", FieldError::Stray(0)),
            ("a,b\"c\"", FieldError::Stray(1)),
            ("a,\"b\"c", FieldError::Stray(1)),
            ("\"a\" ,b", FieldError::Stray(0)),
            ("=\"2026\",b", FieldError::Stray(0)),
            (" \"a\",b", FieldError::Stray(0)),
        ] {
            assert_eq!(fields(line), Err(error), "{line}");
        }
    }
}
