//! The adapter on a real disk.

#![cfg(test)]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod contract;
mod findings;
mod reading;
mod statements;

use ports::ColumnNames;

/// The columns as Alipay+ names them.
fn column_names() -> ColumnNames {
    let [id, original, kind, time, amount, currency, fee, fee_currency, count] = [
        "transactionRequestId",
        "originalTransactionRequestId",
        "transactionType",
        "transactionTime",
        "settlementAmountValue",
        "settlementCurrency",
        "feeAmountValue",
        "feeCurrency",
        "totalCount",
    ]
    .map(str::to_owned);
    ColumnNames {
        transaction_request_id: id,
        original_transaction_request_id: original,
        transaction_type: kind,
        transaction_time: time,
        settlement_amount_value: amount,
        settlement_currency: currency,
        fee_amount_value: fee,
        fee_currency,
        total_count: count,
    }
}
