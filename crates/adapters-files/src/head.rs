//! What stands above a file's details: the names of its columns, and a summary where there is one.

use csv::StringRecord;
use domain::{Currency, SummaryAmount};
use ports::{ColumnNames, FileColumn, MalformedFileError};

use crate::records::Records;

/// How far down the names of the columns are looked for.
const HEAD_WITHIN: u64 = 50;

/// An amount's two columns.
pub(crate) type Pair = (FileColumn, FileColumn);

/// The columns that matter, as this file has them.
pub(crate) struct Head {
    pub(crate) width: usize,
    pub(crate) id: FileColumn,
    pub(crate) original_id: Option<FileColumn>,
    pub(crate) kind: Option<FileColumn>,
    pub(crate) time: Option<FileColumn>,
    pub(crate) amount: Option<Pair>,
    pub(crate) fee: Option<Pair>,
}

/// What a summary above the details says of them.
#[derive(Default)]
pub(crate) struct Summary {
    /// How many lines there are, and the name of the column that says so.
    pub(crate) total: Option<(u64, String)>,
    pub(crate) net: Option<SummaryAmount>,
}

/// The columns of a summary, as this file has them.
struct SummaryColumns {
    total: FileColumn,
    net: Option<FileColumn>,
    currency: Option<FileColumn>,
}

/// Looks for the line that names the columns, and above it for a summary.
pub(crate) fn find(records: &mut Records, columns: &ColumnNames) -> Result<(Head, Summary), MalformedFileError> {
    let wanted = &columns.transaction_request_id;
    let (mut first, mut of_summary, mut summary) = (None, None, Summary::default());
    while records.advance()? && records.line <= HEAD_WITHIN {
        if records.record.iter().any(|name| name == wanted) {
            records.empty = None;
            records.names = records.record.iter().map(str::to_owned).collect();
            return Ok((Head::of(records, columns)?, summary));
        }
        if let Some(of_summary) = &of_summary
            && summary.total.is_none()
        {
            summary = read_summary(records, of_summary)?;
        }
        of_summary = of_summary.or_else(|| SummaryColumns::of(&records.record, columns));
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

impl SummaryColumns {
    fn of(record: &StringRecord, columns: &ColumnNames) -> Option<Self> {
        let total = column_named(record, &columns.total_count)?;
        let net = column_named(record, &columns.net_amount_value);
        Some(Self { total, net, currency: column_named(record, &columns.net_currency) })
    }
}

fn read_summary(records: &Records, columns: &SummaryColumns) -> Result<Summary, MalformedFileError> {
    let SummaryColumns { total, net, currency } = columns;
    let count = records.text(total).parse().map_err(|_| records.wrong(total, "is not a number of lines, such as 42"))?;
    let net = net.as_ref().map(|net| {
        let minor = integer(records.text(net)).ok_or_else(|| records.wrong(net, NOT_AN_AMOUNT))?;
        let currency = currency.as_ref().filter(|column| !records.text(column).is_empty());
        let currency = currency.map(|column| self::currency(records, column)).transpose()?;
        Ok(SummaryAmount { minor, currency })
    });
    Ok(Summary { total: Some((count, total.name.clone())), net: net.transpose()? })
}

pub(crate) const NOT_AN_AMOUNT: &str = "is not an integer in the currency's smallest unit, such as 1000";

/// Plain digits, perhaps with a minus before them.
pub(crate) fn integer(text: &str) -> Option<i64> {
    let digits = text.strip_prefix('-').unwrap_or(text);
    let plain = !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit());
    text.parse().ok().filter(|_| plain)
}

pub(crate) fn currency(records: &Records, column: &FileColumn) -> Result<Currency, MalformedFileError> {
    let parsed = Currency::parse(records.text(column));
    parsed.map_err(|_| records.wrong(column, "is not a currency of three capital letters, such as JPY"))
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
        no_name_twice(records)?;
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
    pub(crate) fn reads_the_last(&self) -> bool {
        let values = [&self.amount, &self.fee].into_iter().flatten().map(|(value, _)| value);
        let others = [&self.original_id, &self.kind, &self.time].into_iter().flatten();
        others.chain(values).chain([&self.id]).any(|column| column.index + 1 == self.width)
    }
}

fn no_name_twice(records: &Records) -> Result<(), MalformedFileError> {
    for (index, name) in records.record.iter().enumerate() {
        if records.record.iter().skip(index + 1).any(|other| other == name) && !name.is_empty() {
            let column = FileColumn { index, name: name.to_owned() };
            return Err(records.malformed(Some(column), "another column has the same name"));
        }
    }
    Ok(())
}
