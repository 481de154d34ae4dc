//! The adapter on a real disk.

#![cfg(test)]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod contract;
mod findings;
mod reading;
mod statements;

use ports::{ClearingFormat, ColumnNames, SlashedDates};

/// Files as Alipay+ writes them.
fn format() -> ClearingFormat {
    let (columns, slashed_dates) = (column_names(), SlashedDates::YearFirst);
    let [payment_types, refund_types] = ["PAYMENT", "REFUND"].map(|word| vec![word.to_owned()]);
    ClearingFormat { columns, payment_types, refund_types, slashed_dates, allows_line_breaks: false }
}

fn column_names() -> ColumnNames {
    let [id, original, kind, time, amount, currency, fee, fee_currency, count, net, net_currency] = [
        "transactionRequestId",
        "originalTransactionRequestId",
        "transactionType",
        "transactionTime",
        "settlementAmountValue",
        "settlementCurrency",
        "feeAmountValue",
        "feeCurrency",
        "totalCount",
        "netAmountValue",
        "netCurrency",
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
        net_amount_value: net,
        net_currency,
    }
}
