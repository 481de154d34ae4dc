//! `inquiryPayment`, between the endpoint and the store.

use std::fmt;
use std::sync::Arc;
use std::time::Instant;

use ::ports::Payments;
use chrono::{DateTime, Utc};
use domain::{
    AcquirerId, Action, CommandReply, CorePayment, Disposition, InquiryReply, InquiryRule, Lookup, PaymentInquiry,
    PaymentRequestId, PaymentStatus,
};
use metrics::counter;
use tokio::time::timeout_at;
use tracing::{error, instrument, warn};

use crate::Ports;
use crate::inquiry_lane::ReadError;
use crate::reversal::{look_up, report_contradiction};

/// An inquiry whose signature is verified.
#[derive(Debug, Clone)]
pub struct ReceivedInquiry {
    /// The case.
    pub id: PaymentRequestId,
    /// The acquirer that asks.
    pub acquirer_id: AcquirerId,
    /// When the head of the HTTP request had arrived.
    pub received_at: DateTime<Utc>,
}

/// Why nothing is said of a payment. Alipay+ asks again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NoInquiryError {
    /// Too many inquiries are waiting.
    Overloaded,
    /// The case could not be read in time.
    NotRead,
}

impl fmt::Display for NoInquiryError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Overloaded => "too many inquiries are waiting",
            Self::NotRead => "the case could not be read in time",
        })
    }
}

impl std::error::Error for NoInquiryError {}

/// Says what is known of a payment, until `deadline` at the latest. It changes nothing, but where a cancelled payment turns out
/// to have succeeded: that money goes back.
///
/// Where the wallet core has to be asked, the case is read once more afterwards: a cancel that was answered meanwhile is not
/// contradicted by what the core said before.
///
/// # Errors
/// [`NoInquiryError`]: nothing was read.
#[instrument(level = "debug", skip_all, fields(payment_request_id = %inquiry.id))]
pub async fn inquire(ports: &Arc<Ports>, inquiry: &ReceivedInquiry, deadline: Instant) -> Result<InquiryRule, NoInquiryError> {
    let id = &inquiry.id;
    match read(ports, (inquiry, Lookup::NotYet), deadline).await? {
        InquiryReply::Answered(rule) => Ok(rule),
        InquiryReply::CancelledUnseen => {
            spawn_lookup(ports, id);
            Ok(InquiryRule::Cancelled)
        }
        InquiryReply::LookUp => {
            let lookup = look_up_in_time(ports, id, deadline).await;
            let answered = read(ports, (inquiry, lookup.clone()), deadline).await;
            // What was read before is still doubt and not silence.
            let Ok(InquiryReply::Answered(rule)) = answered else { return Ok(InquiryRule::InDoubt) };
            if let (InquiryRule::Cancelled, Lookup::Found(found)) = (&rule, lookup) {
                spawn_find_after_cancel(ports, id, found);
            }
            Ok(rule)
        }
    }
}

async fn read(
    ports: &Ports,
    (inquiry, lookup): (&ReceivedInquiry, Lookup),
    deadline: Instant,
) -> Result<InquiryReply, NoInquiryError> {
    let ReceivedInquiry { id, acquirer_id, received_at } = inquiry;
    let asked = PaymentInquiry { id: id.clone(), acquirer_id: acquirer_id.clone(), lookup, at: *received_at };
    match timeout_at(deadline.into(), ports.inquiries.read(asked)).await {
        Ok(Ok(reply)) => Ok(reply),
        Ok(Err(ReadError::Overloaded)) => Err(NoInquiryError::Overloaded),
        Ok(Err(ReadError::Unavailable(error))) => {
            error!(payment_request_id = %id, %error, "an inquiry is answered U: its case could not be read (Alipay+ asks again)");
            Err(NoInquiryError::NotRead)
        }
        Err(_out_of_time) => {
            warn!(payment_request_id = %id, "an inquiry is answered U: its time is used up (Alipay+ asks again)");
            Err(NoInquiryError::NotRead)
        }
    }
}

/// What the wallet core says of the payment, if it says so in time and there is room to ask.
async fn look_up_in_time(ports: &Ports, id: &PaymentRequestId, deadline: Instant) -> Lookup {
    let Some(payments) = payments(ports) else { return Lookup::Recorded };
    let Ok(_running) = ports.lookups_of_inquiries.try_acquire() else {
        return Lookup::Failed(not_begun().to_owned());
    };
    let out_of_time = |_| Lookup::Failed("the inquiry's time was used up".to_owned());
    timeout_at(deadline.into(), look_up(ports, payments.as_ref(), id)).await.unwrap_or_else(out_of_time)
}

fn payments(ports: &Ports) -> Option<&Arc<dyn Payments>> {
    ports.core.as_ref().and_then(|core| core.payments.as_ref())
}

/// Counts a lookup for which there was no room.
fn not_begun() -> &'static str {
    counter!("rescind_payment_lookups_total", "outcome" => "not-begun").increment(1);
    "too many lookups are running"
}

/// Asks the wallet core for a payment that is cancelled, as a task that outlives its caller. Where there is no room the next
/// inquiry asks.
fn spawn_lookup(ports: &Arc<Ports>, id: &PaymentRequestId) {
    let Some(payments) = payments(ports).cloned() else { return };
    let Ok(permit) = Arc::clone(&ports.lookups_of_inquiries).try_acquire_owned() else {
        not_begun();
        return;
    };
    let (of_task, id) = (Arc::clone(ports), id.clone());
    ports.runtime.spawn(async move {
        if let Lookup::Found(found) = look_up(&of_task, payments.as_ref(), &id).await {
            find_after_cancel(&of_task, &id, found).await;
        }
        drop(permit);
    });
}

fn spawn_find_after_cancel(ports: &Arc<Ports>, id: &PaymentRequestId, found: Box<CorePayment>) {
    // Without a permit the process may stop before this is recorded; the next inquiry looks again.
    let permit = Arc::clone(&ports.lookups_of_inquiries).try_acquire_owned().ok();
    let (of_task, id) = (Arc::clone(ports), id.clone());
    ports.runtime.spawn(async move {
        find_after_cancel(&of_task, &id, found).await;
        drop(permit);
    });
}

/// Has the money of a cancelled payment that succeeded go back.
async fn find_after_cancel(ports: &Ports, id: &PaymentRequestId, found: Box<CorePayment>) {
    if !matches!(found.payment.status, PaymentStatus::Succeeded { .. }) {
        return;
    }
    let received = ports.received(id.clone(), Action::FindAfterCancel(found));
    match ports.lanes.submit_patiently::<CommandReply>(received).await {
        Ok(decided) => {
            report_contradiction(id, &decided);
            if decided.reply == CommandReply::Done(Disposition::Reopened) && !decided.parks {
                warn!(payment_request_id = %id, "a cancelled payment succeeded: the wallet core said so when an inquiry looked it up (its money goes back)");
            }
        }
        Err(error) => {
            warn!(payment_request_id = %id, %error, "the success of a cancelled payment was not recorded (the next inquiry looks it up again)");
        }
    }
}
