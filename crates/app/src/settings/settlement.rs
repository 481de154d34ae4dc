//! `[settlement]`: how Alipay+'s files are read.

use ports::ColumnNames;

use super::section::{Kind, Section, SettingError};

const COLUMN: Kind<String> = Kind::new("the name of a column in Alipay+'s files", |text| {
    (text.len() <= 100 && !text.contains(char::is_control)).then(|| text.to_owned())
});

/// The names that columns have in Alipay+'s files.
pub(super) fn read_columns(root: &mut Section) -> Result<ColumnNames, SettingError> {
    let mut settlement = root.table_or_empty("settlement")?;
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
    };
    settlement.end(section)?;
    root.end(settlement)?;
    Ok(columns)
}
