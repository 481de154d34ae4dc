//! `[settlement]`: how Alipay+'s files are read.

use super::section::{Kind, Section, SettingError};

/// The names that columns have in the first line of a file's details.
#[derive(Debug, Clone)]
pub(crate) struct Columns {
    /// Of a payment its `paymentRequestId`, of a refund its `refundRequestId`.
    pub(crate) transaction_request_id: String,
    /// Of a refund the payment's `paymentRequestId`; may be missing in a file.
    pub(crate) original_transaction_request_id: String,
    /// `PAYMENT` or `REFUND`; where it is missing, every line is a payment.
    pub(crate) transaction_type: String,
    /// When it completed; may be missing.
    pub(crate) transaction_time: String,
    /// What settles, in the smallest unit.
    pub(crate) settlement_amount_value: String,
    pub(crate) settlement_currency: String,
    /// What it costs, in the smallest unit.
    pub(crate) fee_amount_value: String,
    pub(crate) fee_currency: String,
    /// How many lines the details have; of the summary above them.
    pub(crate) total_count: String,
}

const COLUMN: Kind<String> = Kind::new("the name of a column in Alipay+'s files", |text| {
    (text.len() <= 100 && !text.contains(char::is_control)).then(|| text.to_owned())
});

impl Columns {
    pub(super) fn read(root: &mut Section) -> Result<Self, SettingError> {
        let mut settlement = root.table_or_empty("settlement")?;
        let mut section = settlement.table_or_empty("columns")?;
        let mut column = |key, default| section.or(key, default, &COLUMN);
        let columns = Self {
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
}
