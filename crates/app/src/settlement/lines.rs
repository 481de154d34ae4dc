//! The transactions that Alipay+'s files list. Columns are found by their names, below a summary where there is one.

use std::path::Path;

use chrono::{DateTime, FixedOffset, NaiveDateTime};
use csv::StringRecord;
use domain::{ClearingDay, Currency, Listed, ListedAmount, ListedKind, PaymentRequestId, RefundRequestId};
use indicatif::ProgressBar;

use super::records::{Column, Malformed, Records};
use crate::settings::Columns;

/// How far down the names of the columns are looked for.
const HEAD_WITHIN: u64 = 50;
/// What some files end with.
const END: &str = "<END>";

/// One transaction of a file.
#[derive(Debug, Clone)]
pub(super) struct Line {
    pub(super) number: u64,
    /// The payment; `None` for a refund whose file does not name it.
    pub(super) id: Option<PaymentRequestId>,
    pub(super) listed: Listed,
    /// The day it completed on, where the file tells it.
    pub(super) day: Option<ClearingDay>,
}

/// An amount's two columns.
type Pair = (Column, Column);

/// The columns that matter, as this file has them.
struct Head {
    width: usize,
    id: Column,
    original_id: Option<Column>,
    kind: Option<Column>,
    time: Option<Column>,
    amount: Option<Pair>,
    fee: Option<Pair>,
}

/// The transactions of one file, in its order.
pub(super) struct Lines {
    records: Records,
    head: Head,
    counted: u64,
    /// How many there are by the file's summary, and the name of the column that says so.
    total: Option<(u64, String)>,
    ended: bool,
}

impl Lines {
    /// Opens a file and finds its columns.
    pub(super) fn open(path: &Path, columns: &Columns, bar: &ProgressBar) -> Result<Self, Malformed> {
        let mut records = Records::open(path, bar)?;
        let (head, total) = find_head(&mut records, columns)?;
        Ok(Self { records, head, counted: 0, total, ended: false })
    }

    /// Whether the file tells what settles; one of fees alone need not have every transaction.
    pub(super) fn tell_amounts(&self) -> bool {
        self.head.amount.is_some()
    }

    fn next_line(&mut self) -> Result<Option<Line>, Malformed> {
        if self.ended || !self.records.advance()? {
            return self.end(false).map(|()| None);
        }
        if self.records.record.len() == 1 && self.records.record.get(0) == Some(END) {
            if self.records.advance()? {
                return Err(self.records.malformed(None, format!("there is more after {END}")));
            }
            return self.end(true).map(|()| None);
        }
        let (has, wants) = (self.records.record.len(), self.head.width);
        if has != wants {
            let place = has.min(wants);
            let column = Column { place, name: if has < wants { "missing" } else { "without a name" }.to_owned() };
            let why = format!("the line has {has} columns and not {wants}; the file may be cut off");
            return Err(self.records.malformed(Some(column), why));
        }
        self.counted += 1;
        self.head.transaction(&self.records).map(Some)
    }

    fn end(&mut self, by_mark: bool) -> Result<(), Malformed> {
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
    type Item = Result<Line, Malformed>;

    fn next(&mut self) -> Option<Self::Item> {
        self.next_line().transpose()
    }
}

/// Looks for the line that names the columns, and above it for the number of lines below it.
fn find_head(records: &mut Records, columns: &Columns) -> Result<(Head, Option<(u64, String)>), Malformed> {
    let wanted = &columns.transaction_request_id;
    let (mut first, mut total_at, mut total) = (None, None, None);
    while records.advance()? && records.line <= HEAD_WITHIN {
        if records.record.iter().any(|name| name == wanted) {
            return Ok((Head::of(records, columns)?, total));
        }
        if let Some(column) = &total_at
            && total.is_none()
        {
            let count = records.text(column).parse().map_err(|_| records.wrong(column, "is no number of lines"))?;
            total = Some((count, columns.total_count.clone()));
        }
        total_at = total_at.or_else(|| column_named(&records.record, &columns.total_count));
        first = first.or_else(|| Some(records.record.iter().collect::<Vec<_>>().join(", ")));
    }
    records.line = 1;
    let found = first.map_or_else(|| "the file is empty".to_owned(), |first| format!("the first line has {first}"));
    let why = format!("no line names this column (settlement.columns.transaction_request_id); {found}");
    Err(records.malformed(Some(Column { place: 0, name: wanted.clone() }), why))
}

fn column_named(record: &StringRecord, name: &str) -> Option<Column> {
    let place = record.iter().position(|known| known == name)?;
    Some(Column { place, name: name.to_owned() })
}

impl Head {
    fn of(records: &Records, columns: &Columns) -> Result<Self, Malformed> {
        let named = |name: &str| column_named(&records.record, name);
        let pair = |value: &str, currency: &str| match (named(value), named(currency)) {
            (Some(value), Some(currency)) => Ok(Some((value, currency))),
            (None, None) => Ok(None),
            (Some(there), None) => Err(records.malformed(Some(there), format!("there is no column {currency} beside it"))),
            (None, Some(there)) => Err(records.malformed(Some(there), format!("there is no column {value} beside it"))),
        };
        let amount = pair(&columns.settlement_amount_value, &columns.settlement_currency)?;
        let fee = pair(&columns.fee_amount_value, &columns.fee_currency)?;
        let id = named(&columns.transaction_request_id).unwrap_or(Column { place: 0, name: String::new() });
        if amount.is_none() && fee.is_none() {
            let why = format!("neither {} nor {} is beside it", columns.settlement_amount_value, columns.fee_amount_value);
            return Err(records.malformed(Some(id), why));
        }
        for (place, name) in records.record.iter().enumerate() {
            if records.record.iter().skip(place + 1).any(|other| other == name) && !name.is_empty() {
                return Err(records.malformed(Some(Column { place, name: name.to_owned() }), "another column has the same name"));
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

    /// Whether something is read of the last column that would be something else if it were cut off. A currency would be none.
    fn reads_the_last(&self) -> bool {
        let values = [&self.amount, &self.fee].into_iter().flatten().map(|(value, _)| value);
        let others = [&self.original_id, &self.kind, &self.time].into_iter().flatten();
        others.chain(values).chain([&self.id]).any(|column| column.place + 1 == self.width)
    }

    fn transaction(&self, records: &Records) -> Result<Line, Malformed> {
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
            return Err(records.wrong(column, "is no amount"));
        }
        let day = self.time.as_ref().map_or(Ok(None), |column| day(records, column))?;
        Ok(Line { number: records.line, id, listed: Listed { kind, amount: settles, fee: costs }, day })
    }
}

fn payment_id(records: &Records, column: &Column) -> Result<PaymentRequestId, Malformed> {
    PaymentRequestId::parse(records.text(column)).map_err(|invalid| records.wrong(column, invalid))
}

/// `None` where the line leaves both columns empty.
fn amount(records: &Records, pair: Option<&Pair>) -> Result<Option<ListedAmount>, Malformed> {
    let Some((value, currency)) = pair else { return Ok(None) };
    let (number, code) = (records.text(value), records.text(currency));
    if number.is_empty() && code.is_empty() {
        return Ok(None);
    }
    let digits = number.strip_prefix('-').unwrap_or(number);
    let plain = !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit());
    let minor = number.parse().ok().filter(|_| plain);
    let minor = minor.ok_or_else(|| records.wrong(value, "is no integer in the currency's smallest unit"))?;
    let currency = Currency::parse(code).map_err(|_| records.wrong(currency, "is no currency of three capital letters"))?;
    Ok(Some(ListedAmount { minor, currency }))
}

/// A time without an offset is the clearing cycle's own.
fn day(records: &Records, column: &Column) -> Result<Option<ClearingDay>, Malformed> {
    let text = records.text(column);
    if text.is_empty() {
        return Ok(None);
    }
    let local = || {
        let local = NaiveDateTime::parse_from_str(text, "%Y-%m-%d %H:%M:%S").ok()?;
        local.and_local_timezone(FixedOffset::east_opt(8 * 60 * 60)?).single()
    };
    let at = DateTime::parse_from_rfc3339(text).ok().or_else(local);
    let at = at.ok_or_else(|| records.wrong(column, "is no time, such as 2026-03-01T09:15:00+08:00"))?;
    Ok(Some(ClearingDay::of(at.to_utc())))
}
