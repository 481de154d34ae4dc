//! How the API document describes texts: identifiers, currencies, and the states as the domain spells them.

use std::borrow::Cow;

use domain::{
    CancellationStateName, DeferReason, Disposition, EntryKind, ExclusionReason, FeedEventType, RefundStateName,
    RefundedElsewhereName, ReversalStateName, Taken,
};
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::{ObjectBuilder, Schema, Type};
use utoipa::{PartialSchema, ToSchema};

/// Names a text of the API document: the type here, its name there, and how it looks.
macro_rules! texts {
    ($($rust:ident => $component:literal: $object:expr;)+) => {
        $(
            pub(super) enum $rust {}

            impl PartialSchema for $rust {
                fn schema() -> RefOr<Schema> {
                    $object.schema_type(Type::String).into()
                }
            }

            impl ToSchema for $rust {
                fn name() -> Cow<'static, str> {
                    Cow::Borrowed($component)
                }
            }
        )+
    };
}

texts! {
    Identifier => "Identifier": ObjectBuilder::new()
        // Written without a lookahead, which some regular expressions do not have: three or more, or fewer of which one is not a dot.
        .pattern(Some(r"^([!-~]{3,64}|[!-~]?[!-\-/-~]|[!-\-/-~][!-~])$"))
        .min_length(Some(1))
        .max_length(Some(64))
        .description(Some("1 to 64 visible ASCII characters, neither \".\" nor \"..\"."))
        .examples([serde_json::json!("20260301190741010700166001")]);
    CurrencyCode => "Currency": ObjectBuilder::new()
        .pattern(Some("^[A-Z]{3}$"))
        .min_length(Some(3))
        .max_length(Some(3))
        .description(Some("ISO 4217."))
        .examples([serde_json::json!("JPY")]);
    Day => "Day": ObjectBuilder::new()
        .pattern(Some("^[0-9]{4}-[0-9]{2}-[0-9]{2}$"))
        .min_length(Some(10))
        .max_length(Some(10))
        .description(Some("A day at UTC+8, as YYYY-MM-DD."))
        .examples([serde_json::json!("2026-03-01")]);
    ResultStatusText => "ResultStatus": one_of(["S", "F", "U"], "S: succeeded. F: failed. U: not known, or in progress.");
    DispositionText => "Disposition": one_of(
        Disposition::ALL.iter().map(|value| value.as_str()),
        "proceed: debit, or refund. closed: the payment is cancelled, do not debit. stands: recorded, nothing more to do. \
         reversed: the payment is cancelled, and the reversal gives the money back. refused: do not refund. \
         reopened: the reversal is due again. parked: the reversal waits for an operator. resolved: the reversal is done.",
    );
    CancellationStateText => "CancellationState": one_of(
        CancellationStateName::ALL.iter().map(|value| value.as_str()),
        "deferred: received, not decidable yet. open: cancelled, the money is not back yet. cancelled: answered S. \
         refused: answered F. already-refunded: answered S, because refunds had given everything back.",
    );
    ReversalStateText => "ReversalState": one_of(
        shown_reversal_states(),
        "open: tried until the money is back. parked: an operator has to decide. done: the money is back.",
    );
    TakenText => "Taken": one_of(
        Taken::ALL.iter().map(|value| value.as_str()),
        "What is known to be taken from the user. debit: the payment succeeded. hold: the authorization succeeded. \
         nothing-known: it failed, is in progress, or was never seen.",
    );
    RefundStateText => "RefundState": one_of(
        RefundStateName::ALL.iter().map(|value| value.as_str()),
        "reserved: announced, its result is not known. succeeded: the money went back. failed: it did not, and will not.",
    );
    RefundedElsewhereText => "RefundedElsewhere": one_of(
        RefundedElsewhereName::ALL.iter().map(|value| value.as_str()),
        "all: everything that was left. part: a part, and the core did not say how much. amount: so much.",
    );
    EntryKindText => "EntryKind": one_of(
        EntryKind::ALL.iter().map(|value| value.as_str()),
        "debit and hold take from the account; credit and release give back.",
    );
    DeferReasonText => "DeferReason": one_of(
        DeferReason::ALL.iter().map(|value| value.as_str()),
        "refund-running: a refund by the wallet has no result. lookup-failed: the payment is not looked up at the wallet core yet, or \
         could not be. contradiction: the wallet core's lookup contradicts what it said before, or cannot be true. clocks-disagree: our \
         clock and the signed Request-Time disagree about the period.",
    );
    FeedEventTypeText => "FeedEventType": one_of(
        FeedEventType::ALL.iter().map(|value| value.as_str()),
        "What happened. A later version may add types.",
    );
    ExclusionReasonText => "ExclusionReason": one_of(
        ExclusionReason::ALL.iter().map(|value| value.as_str()),
        "cancelled: cancelled, and the money is back. money-not-back: cancelled, and the money was not known to be back when \
         the day was closed.",
    );
}

fn one_of(values: impl IntoIterator<Item = &'static str>, description: &str) -> ObjectBuilder {
    ObjectBuilder::new().enum_values(Some(values)).description(Some(description))
}

/// A resolved reversal is shown as done: the timeline says who resolved it.
fn shown_reversal_states() -> impl Iterator<Item = &'static str> {
    let shown = ReversalStateName::ALL.iter().filter(|state| **state != ReversalStateName::Resolved);
    shown.map(|state| state.as_str())
}
