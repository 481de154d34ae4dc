//! What a line of the details says, value by value.

use chrono::{DateTime, FixedOffset, NaiveDateTime};
use domain::{ClearingDay, IdentifierError, Listed, ListedAmount, ListedKind, PaymentRequestId, RefundRequestId, doubt_about_id};
use ports::{ClearingFormat, FileColumn, ListedLine, MalformedFileError, SlashedDates};

use crate::head::{Head, NOT_AN_AMOUNT, Pair, currency, integer};
use crate::records::Records;

/// How times without an offset are written, each with its shape: a reader of formats would take less.
const LOCAL_TIMES: [(&str, &str); 5] = [
    ("%Y-%m-%d %H:%M:%S", "dddd-dd-dd dd:dd:dd"),
    ("%Y-%m-%dT%H:%M:%S", "dddd-dd-ddTdd:dd:dd"),
    ("%Y/%m/%d %H:%M:%S", "dddd/dd/dd dd:dd:dd"),
    ("%Y%m%d%H%M%S", "dddddddddddddd"),
    ("%Y%m%d %H:%M:%S", "dddddddd dd:dd:dd"),
];
const SLASHED: &str = "dd/dd/dddd dd:dd:dd";
/// With an offset as RFC 3339 has it, but for the colon in it.
const WITH_OFFSET: &str = "%Y-%m-%dT%H:%M:%S%z";

/// What the file's word for a type means.
enum Type {
    Payment,
    Refund,
    Other(String),
}

/// The transaction of the record that was read last.
pub(crate) fn transaction(records: &Records, head: &Head, format: &ClearingFormat) -> Result<ListedLine, MalformedFileError> {
    let original = head.original_id.as_ref().filter(|column| !records.text(column).is_empty());
    let (id, kind, other_type) = match type_of(records, head, format)? {
        Type::Payment => (Some(id(records, &head.id, PaymentRequestId::parse)?), ListedKind::Payment, None),
        Type::Refund => {
            let refund = id(records, &head.id, RefundRequestId::parse)?;
            let payment = original.map(|column| id(records, column, PaymentRequestId::parse)).transpose()?;
            (payment, ListedKind::Refund(refund), None)
        }
        // A capture or a void has an id of its own.
        Type::Other(word) => {
            let payment = id(records, original.unwrap_or(&head.id), PaymentRequestId::parse)?;
            (Some(payment), ListedKind::Other, Some(word))
        }
    };
    let (settles, costs) = (amount(records, head.amount.as_ref())?, amount(records, head.fee.as_ref())?);
    if settles.is_none() && costs.is_none() {
        let column = head.amount.as_ref().or(head.fee.as_ref()).map_or(&head.id, |(value, _)| value);
        return Err(records.wrong(column, "is not an amount, and the line has no other"));
    }
    let day = head.time.as_ref().map_or(Ok(None), |column| day(records, column, format.slashed_dates))?;
    Ok(ListedLine { number: records.line, id, listed: Listed { kind, amount: settles, fee: costs }, day, other_type })
}

fn type_of(records: &Records, head: &Head, format: &ClearingFormat) -> Result<Type, MalformedFileError> {
    let Some(column) = &head.kind else { return Ok(Type::Payment) };
    let word = records.text(column);
    let is_of = |words: &[String]| words.iter().any(|known| known.eq_ignore_ascii_case(word));
    if is_of(&format.payment_types) {
        Ok(Type::Payment)
    } else if is_of(&format.refund_types) {
        Ok(Type::Refund)
    } else if word.is_empty() {
        Err(records.wrong(column, "is not a type, such as PAYMENT"))
    } else {
        Ok(Type::Other(word.to_owned()))
    }
}

fn id<'a, T>(
    records: &'a Records,
    column: &FileColumn,
    parse: impl FnOnce(&'a str) -> Result<T, IdentifierError>,
) -> Result<T, MalformedFileError> {
    let text = records.text(column);
    let parsed = parse(text).map_err(|invalid| records.wrong(column, invalid))?;
    doubt_about_id(text).map_or(Ok(parsed), |why| Err(records.wrong(column, why)))
}

/// `None` where the line leaves both columns empty.
fn amount(records: &Records, pair: Option<&Pair>) -> Result<Option<ListedAmount>, MalformedFileError> {
    let Some((value, code)) = pair else { return Ok(None) };
    if records.text(value).is_empty() && records.text(code).is_empty() {
        return Ok(None);
    }
    let minor = integer(records.text(value)).ok_or_else(|| records.wrong(value, NOT_AN_AMOUNT))?;
    Ok(Some(ListedAmount { minor, currency: currency(records, code)? }))
}

/// The day of a time.
fn day(records: &Records, column: &FileColumn, slashed: SlashedDates) -> Result<Option<ClearingDay>, MalformedFileError> {
    let text = records.text(column);
    if text.is_empty() {
        return Ok(None);
    }
    let at = DateTime::parse_from_rfc3339(text).ok().or_else(|| other_time(text, slashed));
    let at = at.ok_or_else(|| records.wrong(column, "is not a time, such as 2026-03-01T09:15:00+08:00"))?;
    Ok(Some(ClearingDay::of(at.to_utc())))
}

/// A time in another form than that of RFC 3339; one without an offset is by the clearing cycle's clock.
fn other_time(text: &str, slashed: SlashedDates) -> Option<DateTime<FixedOffset>> {
    let slashed = match slashed {
        SlashedDates::YearFirst => None,
        SlashedDates::MonthFirst => Some(("%m/%d/%Y %H:%M:%S", SLASHED)),
        SlashedDates::DayFirst => Some(("%d/%m/%Y %H:%M:%S", SLASHED)),
    };
    let Some((format, _)) = LOCAL_TIMES.into_iter().chain(slashed).find(|(_, shape)| has_shape(text, shape)) else {
        return DateTime::parse_from_str(text, WITH_OFFSET).ok();
    };
    let local = NaiveDateTime::parse_from_str(text, format).ok()?;
    local.and_local_timezone(FixedOffset::east_opt(8 * 60 * 60)?).single()
}

fn has_shape(text: &str, shape: &str) -> bool {
    let alike = |(byte, of_shape): (u8, u8)| if of_shape == b'd' { byte.is_ascii_digit() } else { byte == of_shape };
    text.len() == shape.len() && text.bytes().zip(shape.bytes()).all(alike)
}
