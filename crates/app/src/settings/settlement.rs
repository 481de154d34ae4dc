//! `[settlement]`: how Alipay+'s files are read, and what unknown lines in them mean.

use domain::UnknownLines;
use ports::{ClearingFormat, ColumnNames, SlashedDates};

use super::section::{Kind, Section, SettingError};

const COLUMN: Kind<String> = Kind::new("the name of a column in Alipay+'s files", |text| {
    (text.len() <= 100 && !text.contains(char::is_control)).then(|| text.to_owned())
});

const UNKNOWN_LINES: Kind<UnknownLines> = Kind::new("\"doubt\" or \"allowed\"", UnknownLines::parse);

const LINE_BREAKS: Kind<bool> = Kind::new("\"refused\" or \"allowed\"", |text| match text {
    "refused" => Some(false),
    "allowed" => Some(true),
    _ => None,
});

const SLASHED_DATES: Kind<SlashedDates> = Kind::new("\"year-first\", \"month-first\" or \"day-first\"", |text| match text {
    "year-first" => Some(SlashedDates::YearFirst),
    "month-first" => Some(SlashedDates::MonthFirst),
    "day-first" => Some(SlashedDates::DayFirst),
    _ => None,
});

const TYPES: Kind<Vec<String>> =
    Kind::new("words of the type's column, with commas between them, such as \"PAYMENT, CAPTURE\"", |text| {
        let words: Vec<_> = text.split(',').map(|word| word.trim().to_owned()).collect();
        words.iter().all(|word| (1..=100).contains(&word.len()) && !word.contains(char::is_control)).then_some(words)
    });

/// How Alipay+'s files are read.
pub(crate) struct SettlementSettings {
    pub(crate) unknown_lines: UnknownLines,
    pub(crate) format: ClearingFormat,
}

impl SettlementSettings {
    pub(super) fn read(section: &mut Section) -> Result<Self, SettingError> {
        let unknown_lines = section.or("unknown_lines", UnknownLines::Doubt.as_str(), &UNKNOWN_LINES)?;
        let allows_line_breaks = section.or("line_breaks", "refused", &LINE_BREAKS)?;
        let slashed_dates = section.or("slashed_dates", "year-first", &SLASHED_DATES)?;
        let (payment_types, refund_types) = read_types(section)?;
        let columns = read_columns(section)?;
        let format = ClearingFormat { columns, payment_types, refund_types, slashed_dates, allows_line_breaks };
        Ok(Self { unknown_lines, format })
    }
}

/// The words that mean a payment and those that mean a refund; no word can mean both.
fn read_types(settlement: &mut Section) -> Result<(Vec<String>, Vec<String>), SettingError> {
    let mut section = settlement.table_or_empty("types")?;
    let payment = section.or("payment", "PAYMENT", &TYPES)?;
    let refund = section.or("refund", "REFUND", &TYPES)?;
    let both = refund.iter().find(|word| payment.iter().any(|other| other.eq_ignore_ascii_case(word)));
    if let Some(both) = both {
        let key = section.path_of("refund");
        return Err(SettingError::new(format!("{key} has {both:?}, which settlement.types.payment has too")));
    }
    settlement.end(section)?;
    Ok((payment, refund))
}

/// The names that columns have in Alipay+'s files.
fn read_columns(settlement: &mut Section) -> Result<ColumnNames, SettingError> {
    let mut section = settlement.table_or_empty("columns")?;
    let mut column = |key, default| section.or(key, default, &COLUMN);
    let columns = ColumnNames {
        transaction_request_id: column("transaction_request_id", "transactionRequestId")?,
        original_transaction_request_id: column("original_transaction_request_id", "originalTransactionRequestId")?,
        transaction_type: column("transaction_type", "transactionType")?,
        transaction_time: column("transaction_time", "transactionTime")?,
        settlement_amount_value: column("settlement_amount_value", "settlementAmountValue")?,
        settlement_currency: column("settlement_currency", "settlementCurrency")?,
        fee_amount_value: column("fee_amount_value", "feeAmountValue")?,
        fee_currency: column("fee_currency", "feeCurrency")?,
        total_count: column("total_count", "totalCount")?,
        net_amount_value: column("net_amount_value", "netAmountValue")?,
        net_currency: column("net_currency", "netCurrency")?,
    };
    settlement.end(section)?;
    Ok(columns)
}
