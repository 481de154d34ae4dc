//! The transactions that Alipay+'s files list. Columns are found by their names, below a summary where there is one.

use std::path::Path;

use chrono::{DateTime, FixedOffset, NaiveDateTime};
use csv::StringRecord;
use domain::{ClearingDay, Currency, Listed, ListedAmount, ListedKind, PaymentRequestId, RefundRequestId};
use ports::{ClearingFile, ColumnNames, FileColumn, ListedLine, MalformedFileError};

use crate::records::{OnRead, Records};

/// How far down the names of the columns are looked for.
const HEAD_WITHIN: u64 = 50;
/// What some files end with.
const END: &str = "<END>";

/// An amount's two columns.
type Pair = (FileColumn, FileColumn);

/// The columns that matter, as this file has them.
struct Head {
    width: usize,
    id: FileColumn,
    original_id: Option<FileColumn>,
    kind: Option<FileColumn>,
    time: Option<FileColumn>,
    amount: Option<Pair>,
    fee: Option<Pair>,
}

/// The transactions of one file, in its order.
pub(crate) struct Lines {
    records: Records,
    head: Head,
    counted: u64,
    /// How many there are by the file's summary, and the name of the column that says so.
    total: Option<(u64, String)>,
    ended: bool,
    failed: bool,
}

impl Lines {
    /// Opens a file and finds its columns.
    pub(crate) fn open(path: &Path, columns: &ColumnNames, on_read: OnRead) -> Result<Self, MalformedFileError> {
        let mut records = Records::open(path, on_read)?;
        let (head, total) = find_head(&mut records, columns)?;
        Ok(Self { records, head, counted: 0, total, ended: false, failed: false })
    }

    fn next_line(&mut self) -> Result<Option<ListedLine>, MalformedFileError> {
        if self.ended || !self.records.advance()? {
            return self.end(false).map(|()| None);
        }
        if self.records.record.len() == 1 && self.records.record.get(0) == Some(END) {
            if self.records.advance()? {
                return Err(self.records.malformed(None, format!("there is more after {END}, which ends a file")));
            }
            return self.end(true).map(|()| None);
        }
        let (has, wants) = (self.records.record.len(), self.head.width);
        if has != wants {
            let index = has.min(wants);
            let column = FileColumn { index, name: if has < wants { "missing" } else { "without a name" }.to_owned() };
            let why = format!("the line has {has} columns and not {wants}; the file may be cut off");
            return Err(self.records.malformed(Some(column), why));
        }
        self.counted += 1;
        self.head.transaction(&self.records).map(Some)
    }

    fn end(&mut self, by_mark: bool) -> Result<(), MalformedFileError> {
        let whole = self.ended || by_mark || self.records.last_line_ends();
        self.ended = true;
        match &self.total {
            Some((total, name)) if *total != self.counted => {
                let why = format!("{name} says {total} lines and there are {}; the file may be cut off", self.counted);
                Err(self.records.malformed(None, why))
            }
            // A line that is cut off in its last column has as many of them as it should.
            total if !whole && (total.is_none() || self.head.reads_the_last()) => {
                let why = format!(
                    "the last line is not ended, and nothing says that it is whole, such as {END}; the file may be cut off"
                );
                Err(self.records.malformed(None, why))
            }
            Some(_) | None => Ok(()),
        }
    }
}

impl Iterator for Lines {
    type Item = Result<ListedLine, MalformedFileError>;

    /// An error is the last: what follows it is not known to be a line.
    fn next(&mut self) -> Option<Self::Item> {
        if self.failed {
            return None;
        }
        let next = self.next_line().transpose();
        self.failed = matches!(next, Some(Err(_)));
        next
    }
}

impl ClearingFile for Lines {
    fn lists_amounts(&self) -> bool {
        self.head.amount.is_some()
    }
}

/// Looks for the line that names the columns, and above it for the number of lines below it.
fn find_head(records: &mut Records, columns: &ColumnNames) -> Result<(Head, Option<(u64, String)>), MalformedFileError> {
    let wanted = &columns.transaction_request_id;
    let (mut first, mut total_at, mut total) = (None, None, None);
    while records.advance()? && records.line <= HEAD_WITHIN {
        if records.record.iter().any(|name| name == wanted) {
            return Ok((Head::of(records, columns)?, total));
        }
        if let Some(column) = &total_at
            && total.is_none()
        {
            let count =
                records.text(column).parse().map_err(|_| records.wrong(column, "is not a number of lines, such as 42"))?;
            total = Some((count, columns.total_count.clone()));
        }
        total_at = total_at.or_else(|| column_named(&records.record, &columns.total_count));
        first = first.or_else(|| Some(records.record.iter().collect::<Vec<_>>().join(", ")));
    }
    records.line = 1;
    let found = first.map_or_else(|| "the file is empty".to_owned(), |first| format!("the first line has {first}"));
    let why = format!("no line names this column (settlement.columns.transaction_request_id); {found}");
    Err(records.malformed(Some(FileColumn { index: 0, name: wanted.clone() }), why))
}

fn column_named(record: &StringRecord, name: &str) -> Option<FileColumn> {
    let index = record.iter().position(|known| known == name)?;
    Some(FileColumn { index, name: name.to_owned() })
}

impl Head {
    fn of(records: &Records, columns: &ColumnNames) -> Result<Self, MalformedFileError> {
        let named = |name: &str| column_named(&records.record, name);
        let pair = |value: &str, currency: &str| match (named(value), named(currency)) {
            (Some(value), Some(currency)) => Ok(Some((value, currency))),
            (None, None) => Ok(None),
            (Some(there), None) => Err(records.malformed(Some(there), format!("there is no column {currency} beside it"))),
            (None, Some(there)) => Err(records.malformed(Some(there), format!("there is no column {value} beside it"))),
        };
        let amount = pair(&columns.settlement_amount_value, &columns.settlement_currency)?;
        let fee = pair(&columns.fee_amount_value, &columns.fee_currency)?;
        let id = named(&columns.transaction_request_id).unwrap_or(FileColumn { index: 0, name: String::new() });
        if amount.is_none() && fee.is_none() {
            let why = format!(
                "neither {} nor {} is a column of the file, and one of them has to be",
                columns.settlement_amount_value, columns.fee_amount_value
            );
            return Err(records.malformed(Some(id), why));
        }
        for (index, name) in records.record.iter().enumerate() {
            if records.record.iter().skip(index + 1).any(|other| other == name) && !name.is_empty() {
                return Err(
                    records.malformed(Some(FileColumn { index, name: name.to_owned() }), "another column has the same name")
                );
            }
        }
        Ok(Self {
            width: records.record.len(),
            id,
            original_id: named(&columns.original_transaction_request_id),
            kind: named(&columns.transaction_type),
            time: named(&columns.transaction_time),
            amount,
            fee,
        })
    }

    /// Whether the last column has a value that would still be one if it were cut off. A currency would not.
    fn reads_the_last(&self) -> bool {
        let values = [&self.amount, &self.fee].into_iter().flatten().map(|(value, _)| value);
        let others = [&self.original_id, &self.kind, &self.time].into_iter().flatten();
        others.chain(values).chain([&self.id]).any(|column| column.index + 1 == self.width)
    }

    fn transaction(&self, records: &Records) -> Result<ListedLine, MalformedFileError> {
        let named = self.kind.as_ref().map_or("PAYMENT", |column| records.text(column));
        let (id, kind) = if named.eq_ignore_ascii_case("REFUND") {
            let refund = RefundRequestId::parse(records.text(&self.id)).map_err(|invalid| records.wrong(&self.id, invalid))?;
            let original = self.original_id.as_ref().filter(|column| !records.text(column).is_empty());
            (original.map(|column| payment_id(records, column)).transpose()?, ListedKind::Refund(refund))
        } else {
            let kind = if named.eq_ignore_ascii_case("PAYMENT") { ListedKind::Payment } else { ListedKind::Other };
            (Some(payment_id(records, &self.id)?), kind)
        };
        let (settles, costs) = (amount(records, self.amount.as_ref())?, amount(records, self.fee.as_ref())?);
        if settles.is_none() && costs.is_none() {
            let column = self.amount.as_ref().or(self.fee.as_ref()).map_or(&self.id, |(value, _)| value);
            return Err(records.wrong(column, "is not an amount, and the line has no other"));
        }
        let day = self.time.as_ref().map_or(Ok(None), |column| day(records, column))?;
        Ok(ListedLine { number: records.line, id, listed: Listed { kind, amount: settles, fee: costs }, day })
    }
}

fn payment_id(records: &Records, column: &FileColumn) -> Result<PaymentRequestId, MalformedFileError> {
    PaymentRequestId::parse(records.text(column)).map_err(|invalid| records.wrong(column, invalid))
}

/// `None` where the line leaves both columns empty.
fn amount(records: &Records, pair: Option<&Pair>) -> Result<Option<ListedAmount>, MalformedFileError> {
    let Some((value, currency)) = pair else { return Ok(None) };
    let (number, code) = (records.text(value), records.text(currency));
    if number.is_empty() && code.is_empty() {
        return Ok(None);
    }
    let digits = number.strip_prefix('-').unwrap_or(number);
    let plain = !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit());
    let minor = number.parse().ok().filter(|_| plain);
    let minor = minor.ok_or_else(|| records.wrong(value, "is not an integer in the currency's smallest unit, such as 1000"))?;
    let currency =
        Currency::parse(code).map_err(|_| records.wrong(currency, "is not a currency of three capital letters, such as JPY"))?;
    Ok(Some(ListedAmount { minor, currency }))
}

/// The day of a time; one without an offset is by the clearing cycle's clock.
fn day(records: &Records, column: &FileColumn) -> Result<Option<ClearingDay>, MalformedFileError> {
    let text = records.text(column);
    if text.is_empty() {
        return Ok(None);
    }
    let local = || {
        let local = NaiveDateTime::parse_from_str(text, "%Y-%m-%d %H:%M:%S").ok()?;
        local.and_local_timezone(FixedOffset::east_opt(8 * 60 * 60)?).single()
    };
    let at = DateTime::parse_from_rfc3339(text).ok().or_else(local);
    let at = at.ok_or_else(|| records.wrong(column, "is not a time, such as 2026-03-01T09:15:00+08:00"))?;
    Ok(Some(ClearingDay::of(at.to_utc())))
}
