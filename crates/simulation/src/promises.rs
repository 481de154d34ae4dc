//! What was told to anybody outside: to Alipay+, to the wallet, to those who inquire. It is never taken back, whatever the rules say.

use std::collections::BTreeMap;

use chrono::{DateTime, TimeDelta, Utc};
use domain::{
    AcquirerId, Answer, CommandReply, Disposition, Inquiry, PaymentRequestId, Refusal, ReversalOutcome, ReversalOutcomeName,
};

use crate::rulebook::too_late;
use crate::violations::ViolationKind;

/// How far the clocks of two processes differ at most: each is set ahead or back by a second, and drifts by 2 ms a second for as long
/// as a window lasts.
const CLOCKS_DIFFER: TimeDelta = TimeDelta::milliseconds(3_200);

/// What was told about one payment request.
#[derive(Debug, Clone, Default)]
pub(crate) struct ToldPage {
    /// The final answers, by the acquirer that was answered.
    pub(crate) finals: BTreeMap<AcquirerId, (Answer, &'static str)>,
    /// Whose payment it truly is, and when it was initiated; `None` where there is no payment at all.
    pub(crate) truth: Option<(AcquirerId, DateTime<Utc>)>,
    /// Whether the wallet announces the payment. Then the case may be that of a fence, which the rule book's model knows best.
    is_announced: bool,
    closed: bool,
    reversed: bool,
    inquiry_closed: bool,
    /// Whether the wallet's success was taken note of.
    pub(crate) succeeded: bool,
    /// How the core's attempts ended, unknown ends left out; with whether S had been told.
    pub(crate) outcomes: Vec<(ReversalOutcomeName, bool)>,
    /// What the core said that it had refunded by itself.
    core_refunded: bool,
}

/// What a told word breaks, in words.
pub(crate) type Broken = Option<(ViolationKind, String)>;

/// What was told in a deployment.
#[derive(Debug, Default)]
pub(crate) struct Promises(BTreeMap<PaymentRequestId, ToldPage>);

impl Promises {
    pub(crate) fn of(&mut self, id: &PaymentRequestId) -> &mut ToldPage {
        self.0.entry(id.clone()).or_default()
    }

    pub(crate) fn find(&self, id: &PaymentRequestId) -> Option<&ToldPage> {
        self.0.get(id)
    }

    /// The core ended an attempt.
    pub(crate) fn core_ended(&mut self, id: &PaymentRequestId, outcome: &ReversalOutcome) {
        let page = self.of(id);
        let told_s = page.is_told_success();
        match outcome {
            ReversalOutcome::Unknown(_) | ReversalOutcome::Impossible(_) => {}
            ReversalOutcome::PartlyRefunded(_) | ReversalOutcome::FullyRefunded => {
                page.core_refunded = true;
                page.outcomes.push((outcome.name(), told_s));
            }
            ReversalOutcome::Done | ReversalOutcome::NothingToDo => page.outcomes.push((outcome.name(), told_s)),
        }
    }
}

impl ToldPage {
    /// The payment begins.
    pub(crate) fn begins(&mut self, truth: (AcquirerId, DateTime<Utc>), is_announced: bool) {
        self.is_announced = is_announced;
        self.truth = Some(truth);
    }

    /// Whose case it is: nobody may be refused for another one's sake who has it.
    fn owner(&self) -> Option<&AcquirerId> {
        let own = self.truth.as_ref().map(|(own, _)| own);
        own.filter(|_| !self.is_announced)
    }

    /// Whether all that were answered for good were refused for another one's sake, and more than one was.
    fn are_all_strange(&self) -> bool {
        let strange = |(answer, _): &(Answer, &'static str)| *answer == Answer::Refused(Refusal::DifferentRequest);
        self.finals.len() > 1 && self.finals.values().all(strange)
    }

    pub(crate) fn is_told_success(&self) -> bool {
        self.finals.values().any(|(answer, _)| *answer == Answer::Cancelled)
    }

    /// Alipay+ is answered. `receipt` is when the acquirer's cancel came first, as far as that was durable before the answer.
    pub(crate) fn answers(
        &mut self,
        acquirer: &AcquirerId,
        (answer, code): (Answer, &'static str),
        receipt: Option<DateTime<Utc>>,
    ) -> Broken {
        let strange = answer == Answer::Refused(Refusal::DifferentRequest);
        if answer == Answer::Pending {
            return None;
        }
        let before = *self.finals.entry(acquirer.clone()).or_insert((answer, code));
        if before.1 != code {
            return Some((ViolationKind::AnswerChanged, format!("{} was answered, and now {code}", before.1)));
        }
        let all_are_strange = self.truth.is_none() && !self.is_announced && self.are_all_strange();
        if strange && (self.owner() == Some(acquirer) || all_are_strange) {
            return Some((ViolationKind::AcquirerSwapped, format!("{acquirer} is refused for another acquirer's sake")));
        }
        let end = self.truth.as_ref().map(|(_, initiated)| too_late(*initiated) - CLOCKS_DIFFER);
        let in_time = end.zip(receipt).filter(|(end, receipt)| receipt < end);
        if let (Answer::Refused(Refusal::PeriodOver(_)), Some((_, receipt))) = (answer, in_time) {
            return Some((ViolationKind::InTimeRefused, format!("received at {receipt} and refused as too late")));
        }
        None
    }

    /// The wallet hears how to go on with its payment.
    pub(crate) fn pay_hears(&mut self, reply: CommandReply) -> Broken {
        match reply {
            CommandReply::Done(Disposition::Closed) => {
                self.closed = true;
                None
            }
            CommandReply::Done(Disposition::Proceed) if self.closed => {
                Some(taken_back(Disposition::Closed.as_str(), Disposition::Proceed.as_str()))
            }
            CommandReply::Done(_)
            | CommandReply::NotFound { .. }
            | CommandReply::Conflict(_)
            | CommandReply::RefundedElsewhere
            | CommandReply::PaymentsAreTheCores => None,
        }
    }

    /// The wallet hears what became of its result.
    pub(crate) fn result_hears(&mut self, reply: CommandReply, success: bool) -> Broken {
        match reply {
            CommandReply::Done(Disposition::Reversed) => {
                (self.reversed, self.succeeded) = (true, true);
                None
            }
            CommandReply::Done(Disposition::Stands) if success => {
                self.succeeded = true;
                self.reversed.then(|| taken_back(Disposition::Reversed.as_str(), Disposition::Stands.as_str()))
            }
            CommandReply::Done(_)
            | CommandReply::NotFound { .. }
            | CommandReply::Conflict(_)
            | CommandReply::RefundedElsewhere
            | CommandReply::PaymentsAreTheCores => None,
        }
    }

    /// The wallet may make a refund, of so much of so much.
    pub(crate) fn refund_hears(&self, reply: CommandReply, (amount, whole): (i64, i64)) -> Broken {
        let goes_on = reply == CommandReply::Done(Disposition::Proceed);
        (goes_on && self.core_refunded && amount >= whole).then(|| {
            let text = "the core said that refunds had given some of it back, and a refund of all goes on".to_owned();
            (ViolationKind::RefundTooMuch, text)
        })
    }

    /// Somebody inquires. `exists` where the core has the payment, or could not be asked.
    pub(crate) fn inquiry_hears(&mut self, inquiry: Inquiry, exists: bool) -> Broken {
        match inquiry {
            Inquiry::Closed => {
                self.inquiry_closed = true;
                None
            }
            Inquiry::Unknown if exists => {
                Some((ViolationKind::InquiryDenies, "the core has the payment, and an inquiry says that nobody has".to_owned()))
            }
            Inquiry::Paid | Inquiry::InProcess | Inquiry::Failed(_) if self.inquiry_closed => {
                Some(taken_back("an inquiry's closed", &format!("{inquiry:?}")))
            }
            Inquiry::Paid | Inquiry::InProcess | Inquiry::Failed(_) | Inquiry::Unknown => None,
        }
    }
}

fn taken_back(told: &str, now: &str) -> (ViolationKind, String) {
    (ViolationKind::PromiseTakenBack, format!("{told} was told, and now {now}"))
}
