//! `rescind explain ID`: what is known of a payment, in words for a person.

use std::fmt::Write;
use std::process::ExitCode;

use chrono::{DateTime, SecondsFormat, Utc};
use domain::{
    Action, Answer, Cancel, CancelReply, CancellationState, Case, Command, DeferReason, Deferral, DeferralState, FinalAnswer,
    Lookup, Payment, PaymentRequestId, PaymentStatus, Policy, Receipt, RefundState, RefundedElsewhere, Refusal,
    RequestedResolution, ReversalState, Rule, RuleRow, Settlement, decide,
};
use ports::{CaseFile, Clock, TimelineEntry};

use crate::clock::SystemClock;
use crate::output::{CliError, print_line};
use crate::settings::Settings;
use crate::wiring;

/// Looks the payment up and explains it, or prints what the wallet API says of it.
pub(crate) async fn explain(settings: Settings, id: PaymentRequestId, as_json: bool) -> Result<ExitCode, CliError> {
    let found = wiring::store(&settings)?.find(&id).await;
    let file = found.map_err(|error| CliError::new(format!("the database cannot be asked: {error}")))?;
    let file = file.ok_or_else(|| CliError::new(format!("nothing is known of {id}: neither a payment nor a cancel came")))?;
    if as_json {
        print_line(wiring::json_of_case(file, &settings.policy.period).unwrap_or_default())?;
    } else {
        print_line(in_words(&settings.policy, &file, SystemClock.now()).trim_end())?;
    }
    Ok(ExitCode::SUCCESS)
}

fn in_words(policy: &Policy, CaseFile { case, timeline }: &CaseFile, now: DateTime<Utc>) -> String {
    let mut text = format!("Payment request {}\n", case.id);
    let mut part = |title: &str, lines: Vec<String>| {
        // Writing to a text cannot fail.
        let _ = write!(text, "\n{title}\n  {}\n", lines.join("\n  "));
    };
    part("What is known", known(policy, case));
    part("Timeline", timeline.iter().map(line).collect());
    part("Rule", vec![rule(case, timeline)]);
    part("Answer to Alipay+ now", vec![answer(policy, case, now)]);
    part("Next", vec![next(case)]);
    text
}

fn known(policy: &Policy, case: &Case) -> Vec<String> {
    let mut lines = match &case.payment {
        None => vec!["payment      never announced by the wallet".to_owned()],
        Some(payment) => about_payment(policy, payment),
    };
    for refund in &case.refunds {
        let state = match refund.state {
            RefundState::Reserved => "running, no result yet".to_owned(),
            RefundState::Succeeded { completed_at } => format!("succeeded at {}", time(completed_at)),
            RefundState::Failed { completed_at } => format!("failed at {}", time(completed_at)),
        };
        lines.push(format!("refund       {} of {}, {state}", refund.id, refund.amount));
    }
    if let Some(said) = case.refunded_elsewhere {
        let how_much = match said {
            RefundedElsewhere::All => "everything".to_owned(),
            RefundedElsewhere::Part => "a part, and not how much".to_owned(),
            RefundedElsewhere::Amount(minor) => match case.payment.as_ref().map(|payment| payment.amount.currency()) {
                Some(currency) => format!("{minor} {currency}"),
                None => minor.to_string(),
            },
        };
        lines.push(format!(
            "refunded     {how_much} by other refunds, as the wallet core says; counted when the wallet wants one"
        ));
    }
    if let Some(told) = case.told {
        lines.push(format!("told         the wallet heard {told}, and goes on hearing it"));
    }
    if let Some(cancellation) = &case.cancellation {
        let received = time(cancellation.first_received_at);
        lines.push(format!("cancel       from acquirer {}, first received at {received}", cancellation.acquirer_id));
    }
    for Receipt { acquirer_id, received_at } in &case.receipts {
        lines.push(format!("cancel       also from acquirer {acquirer_id}, first received at {}", time(*received_at)));
    }
    lines.extend(case.deferral.as_ref().map(about_deferral));
    if let Some(reversal) = &case.reversal {
        let amount = reversal.amount.map_or_else(|| "whatever was taken".to_owned(), |amount| amount.to_string());
        lines.push(format!("reversal     of {amount}, {}", about_reversal(&reversal.state)));
    }
    if let Some(RequestedResolution { note, by, at }) = &case.resolution {
        lines.push(format!("resolution   asked for by {by} at {}, and not approved yet: {note}", time(*at)));
    }
    match case.settlement {
        None => {}
        Some(Settlement::Settled { day, at }) => {
            lines.push(format!("settlement   settles in the statement of {day}, since {}", time(at)))
        }
        Some(Settlement::Excluded { day }) => lines.push(format!("settlement   left out of the statement of {day}")),
    }
    lines
}

fn about_payment(policy: &Policy, payment: &Payment) -> Vec<String> {
    let kind = payment.kind.as_str();
    let status = match &payment.status {
        PaymentStatus::InProgress => "in progress (U)".to_owned(),
        PaymentStatus::Succeeded { completed_at, .. } => format!("succeeded (S) at {}", time(*completed_at)),
        PaymentStatus::Failed { completed_at } => format!("failed (F) at {}", time(*completed_at)),
    };
    let end = time(policy.period.end(payment.initiated_at));
    vec![
        format!("{kind:<13}{} from account {}, {status}", payment.amount, payment.account),
        format!("acquirer     {}", payment.acquirer_id),
        format!("initiated    {}, can be cancelled until {end} (exclusive)", time(payment.initiated_at)),
    ]
}

fn about_deferral(Deferral { since, attempts, state }: &Deferral) -> String {
    let since = time(*since);
    match state {
        DeferralState::Parked { reason } => format!("deferred     since {since}, parked: {reason}"),
        DeferralState::Waiting { next_attempt_at, last_error } => {
            let met = last_error.as_ref().map_or_else(String::new, |met| format!("; the last one met: {met}"));
            format!("deferred     since {since}, {attempts} lookups, the next one from {} on{met}", time(*next_attempt_at))
        }
    }
}

fn about_reversal(state: &ReversalState) -> String {
    match state {
        ReversalState::Open { next_attempt_at, .. } => format!("open, next attempt from {} on", time(*next_attempt_at)),
        ReversalState::Parked { reason } => format!("parked: {reason}"),
        ReversalState::Done { at, by_hand: false } => format!("done at {}", time(*at)),
        ReversalState::Done { at, by_hand: true } => format!("resolved by hand at {}", time(*at)),
    }
}

fn line(TimelineEntry { at, what, details }: &TimelineEntry) -> String {
    let details: String = details.iter().map(|(name, value)| format!("  {name}={value}")).collect();
    format!("{}  {what:<18}{details}", time(*at)).trim_end().to_owned()
}

/// The rule that decided. A cancelled case's rule is in its timeline, because the case may have changed since.
fn rule(case: &Case, timeline: &[TimelineEntry]) -> String {
    let Some(cancellation) = &case.cancellation else {
        return "none has decided yet: no cancel came".to_owned();
    };
    let recorded = || timeline.iter().find_map(|entry| entry.details.get("rule").map(String::as_str));
    let name = match cancellation.state {
        CancellationState::Deferred(reason) => Some(Rule::Deferred(reason).name()),
        CancellationState::Open { .. } | CancellationState::Cancelled { .. } => recorded(),
        CancellationState::Refused { refusal } => Some(refused_by(refusal).name()),
        CancellationState::AlreadyRefunded { .. } => Some(Rule::FullyRefunded.name()),
    };
    let row = name.and_then(Rule::row_named);
    row.map_or_else(
        || "the timeline does not name it".to_owned(),
        |RuleRow { name, when, decision, answer }| format!("{name}: {when} → {decision}; answer {answer}"),
    )
}

fn refused_by(refusal: Refusal) -> Rule {
    match refusal {
        Refusal::DifferentRequest => Rule::DifferentAcquirer,
        Refusal::PeriodOver(_) => Rule::PeriodOver,
        Refusal::PartlyRefunded => Rule::PartlyRefunded,
        Refusal::NeverReceived => Rule::NeverReceived,
    }
}

/// What a cancel from the recorded acquirer would be answered at `now`: the very decision that would be made, not recorded.
fn answer(policy: &Policy, case: &Case, now: DateTime<Utc>) -> String {
    if case.defer_reason().is_some() {
        return format!("U UNKNOWN_EXCEPTION, because {}", why(case));
    }
    let Some(acquirer_id) = case.acquirer_id().cloned() else { return "not known: no acquirer is recorded".to_owned() };
    let action = Action::Cancel(Cancel::now(acquirer_id, Lookup::Recorded));
    let decision = decide(policy, case, &Command { id: case.id.clone(), at: now, action });
    let answer = match CancelReply::try_from(decision.reply) {
        Ok(CancelReply::Answered(Answer::Cancelled)) => "S SUCCESS".to_owned(),
        Ok(CancelReply::Answered(Answer::Refused(refusal))) => format!("F {}", refusal.code()),
        Ok(CancelReply::Answered(Answer::Pending) | CancelReply::ReversalPending { .. } | CancelReply::LookUp { .. }) => {
            "U UNKNOWN_EXCEPTION".to_owned()
        }
        Err(mismatch) => mismatch.to_string(),
    };
    format!("{answer}, because {}", why(case))
}

fn why(case: &Case) -> &'static str {
    match case.cancellation.as_ref().map(|cancellation| cancellation.state) {
        Some(CancellationState::Deferred(_)) if case.has_parked_deferral() => "its cancel is parked and an operator decides",
        None => "no cancel came yet and this is what the rules say to one that comes now",
        Some(CancellationState::Deferred(DeferReason::RefundRunning)) => "a refund of the wallet's own has no result yet",
        Some(CancellationState::Deferred(DeferReason::LookupFailed)) => "the wallet core did not say what it knows",
        Some(CancellationState::Deferred(DeferReason::Contradiction)) => "the wallet core contradicts itself",
        Some(CancellationState::Deferred(DeferReason::ClocksDisagree)) => {
            "our clock and the signed Request-Time disagree about the period"
        }
        Some(CancellationState::Open { .. }) => "it is cancelled and the money is not known to be back",
        Some(CancellationState::Cancelled { answer: FinalAnswer::Cancelled, .. }) => {
            "it is cancelled; this answer is recorded and given for ever"
        }
        Some(CancellationState::Cancelled { answer: FinalAnswer::Refused(_), .. }) => {
            "it was never received; it is closed all the same, and this answer is recorded"
        }
        Some(CancellationState::Refused { .. }) => "it was refused for good; this answer is recorded and given for ever",
        Some(CancellationState::AlreadyRefunded { .. }) => "refunds had given everything back; this answer is recorded",
    }
}

fn next(case: &Case) -> String {
    let reversal = case.reversal.as_ref().map(|reversal| &reversal.state);
    let next = match (case.cancellation.as_ref().map(|cancellation| cancellation.state), reversal) {
        _ if case.resolution.is_some() => {
            "Another operator approves the resolution, or has it tried again. Anything that happens meanwhile makes it void."
        }
        (Some(CancellationState::Deferred(_)), _) if case.has_parked_deferral() => {
            "An operator decides: has it decided again, or ends it once the money went back by hand."
        }
        (_, Some(ReversalState::Parked { .. })) => {
            "An operator decides: has it tried again, or ends it once the money went back by hand."
        }
        (_, Some(ReversalState::Open { .. })) => "The money is given back, again and again until there is a receipt.",
        (None, _) => "Nothing until Alipay+ cancels or the wallet reports more.",
        (Some(CancellationState::Deferred(DeferReason::RefundRunning)), _) => {
            "The cancel is decided in the commit that records the refund's result."
        }
        (Some(CancellationState::Deferred(DeferReason::LookupFailed)), _) => "The wallet core is asked again.",
        (Some(CancellationState::Deferred(DeferReason::Contradiction)), _) => {
            "The wallet core is asked again, and only a lookup that agrees with the record decides. An operator may have to."
        }
        (Some(CancellationState::Deferred(DeferReason::ClocksDisagree)), _) => {
            "It is decided once our clock is known to be right, at the latest when the payment's day closes."
        }
        (Some(CancellationState::Refused { .. } | CancellationState::AlreadyRefunded { .. }), _) => {
            "Nothing: the answer is final."
        }
        (Some(CancellationState::Open { .. } | CancellationState::Cancelled { .. }), Some(ReversalState::Done { .. })) => {
            "Nothing: the money is back."
        }
        (Some(CancellationState::Open { .. } | CancellationState::Cancelled { .. }), None) => match case.payment {
            None => "If the wallet announces the payment late, it is told not to debit.",
            Some(_) => "If the payment succeeds late, the money goes back in the commit that records it.",
        },
    };
    next.to_owned()
}

fn time(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::Millis, true)
}
