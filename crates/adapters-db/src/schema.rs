//! The tables, as `migrations/` makes them on every engine. Columns that nothing uses yet are left out.

diesel::table! {
    cases (bucket, payment_request_id) {
        bucket -> SmallInt,
        payment_request_id -> Text,
        status -> Nullable<Text>,
        acquirer_id -> Nullable<Text>,
        account -> Nullable<Text>,
        amount_value -> Nullable<BigInt>,
        amount_currency -> Nullable<Text>,
        settlement_value -> Nullable<BigInt>,
        settlement_currency -> Nullable<Text>,
        kind -> Nullable<Text>,
        initiated_at -> Nullable<BigInt>,
        payment_id -> Nullable<Text>,
        completed_at -> Nullable<BigInt>,
        fee_value -> Nullable<BigInt>,
        fee_currency -> Nullable<Text>,
        cancellation -> Nullable<Text>,
        cancel_acquirer_id -> Nullable<Text>,
        first_received_at -> Nullable<BigInt>,
        defer_reason -> Nullable<Text>,
        cancelled_at -> Nullable<BigInt>,
        refusal -> Nullable<Text>,
        result_code -> Nullable<Text>,
        returned_at -> Nullable<BigInt>,
        told -> Nullable<Text>,
        refunded_elsewhere -> Nullable<Text>,
        refunded_elsewhere_value -> Nullable<BigInt>,
        settled_at -> Nullable<BigInt>,
        last_event -> Integer,
        settlement_day -> Nullable<Text>,
    }
}

diesel::table! {
    refunds (bucket, payment_request_id, refund_request_id) {
        bucket -> SmallInt,
        payment_request_id -> Text,
        refund_request_id -> Text,
        place -> Integer,
        amount_value -> BigInt,
        amount_currency -> Text,
        state -> Text,
        completed_at -> Nullable<BigInt>,
        settlement_day -> Nullable<Text>,
    }
}

diesel::table! {
    reversals (bucket, payment_request_id) {
        bucket -> SmallInt,
        payment_request_id -> Text,
        kind -> Text,
        amount_value -> Nullable<BigInt>,
        amount_currency -> Nullable<Text>,
        opened_at -> BigInt,
        attempts -> Integer,
        state -> Text,
        next_attempt_at -> Nullable<BigInt>,
        lease_attempt -> Nullable<Integer>,
        lease_until -> Nullable<BigInt>,
        last_error -> Nullable<Text>,
        done_at -> Nullable<BigInt>,
    }
}

diesel::table! {
    deferrals (bucket, payment_request_id) {
        bucket -> SmallInt,
        payment_request_id -> Text,
        since -> BigInt,
        state -> Text,
        attempts -> Integer,
        next_attempt_at -> Nullable<BigInt>,
        last_error -> Nullable<Text>,
    }
}

diesel::table! {
    receipts (bucket, payment_request_id, acquirer_id) {
        bucket -> SmallInt,
        payment_request_id -> Text,
        acquirer_id -> Text,
        received_at -> BigInt,
    }
}

diesel::table! {
    resolutions (bucket, payment_request_id) {
        bucket -> SmallInt,
        payment_request_id -> Text,
        number -> Integer,
        note -> Text,
        asked_by -> Text,
        asked_at -> BigInt,
    }
}

diesel::table! {
    events (bucket, payment_request_id, number) {
        bucket -> SmallInt,
        payment_request_id -> Text,
        number -> Integer,
        at -> BigInt,
        what -> Text,
        details -> Text,
        more -> Nullable<Text>,
        actor -> Nullable<Text>,
    }
}

diesel::table! {
    ledger_entries (bucket, payment_request_id, kind, refund_request_id) {
        position -> BigInt,
        bucket -> SmallInt,
        payment_request_id -> Text,
        refund_request_id -> Text,
        kind -> Text,
        account -> Text,
        contra_account -> Text,
        value -> BigInt,
        currency -> Text,
        at -> BigInt,
    }
}

diesel::table! {
    served_terms (only_one) {
        only_one -> Bool,
        psp_id -> Text,
        funds -> Text,
        payments -> Text,
        period -> Text,
    }
}

diesel::table! {
    settlement_days (day) {
        day -> Text,
        revision -> BigInt,
        closed_at -> Nullable<BigInt>,
        digest -> Nullable<Text>,
        statement -> Nullable<Text>,
    }
}
