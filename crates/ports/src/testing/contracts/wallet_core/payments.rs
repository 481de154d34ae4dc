//! The promises of [`Payments`](crate::Payments).

use domain::{CorePayment, PaymentId, PaymentKind, PaymentRequestId, PaymentStatus};

use super::{CoreTrouble, PaymentsSubject, TROUBLES, core_payment, holds_a_secret, in_time, succeeded};
use crate::UnavailableError;
use crate::testing::{id, moment};

contract! {
    /// Makes one test for each promise of [`Payments`](crate::Payments). The expression makes a fresh [`PaymentsSubject`] for each.
    ///
    /// In the tests of a crate with an adapter of its own, whose subject is a core that it plays:
    ///
    /// ```
    /// ports::payments_contract!(OurCore::without_payments());
    /// ```
    ($) payments_contract! in (wallet_core::payments)

    /// A payment is found with all that the core has of it, in each of its states.
    async fn a_payment_is_found_as_the_core_has_it(subject: &impl PaymentsSubject) {
        let failed = PaymentStatus::Failed { completed_at: moment(1), reason: None };
        for (n, (kind, status)) in [
            (PaymentKind::Payment, succeeded()),
            (PaymentKind::Authorization, succeeded()),
            (PaymentKind::Payment, failed),
            (PaymentKind::Payment, PaymentStatus::InProgress),
        ]
        .into_iter()
        .enumerate()
        {
            let name = format!("found-{n}");
            let payment = core_payment(&name, kind, status).await;
            subject.keep(&id(&name), &payment).await;
            assert_eq!(looked_up(subject, &name).await, Ok(Some(payment)));
        }
    }

    /// The core's own id of a payment, and what its refunds gave back, come with it.
    async fn a_payment_comes_with_its_id_and_its_refunds(subject: &impl PaymentsSubject) {
        let mut whole = core_payment("whole", PaymentKind::Payment, succeeded()).await;
        whole.payment.payment_id = Some(PaymentId::parse("P-77120").unwrap());
        whole = CorePayment { refunded: 400, refund_running: true, ..whole };
        subject.keep(&id("whole"), &whole).await;
        assert_eq!(looked_up(subject, "whole").await, Ok(Some(whole)));
    }

    /// A payment is absent where the core says so, and only there: a page of something before the core is not the core's word.
    async fn f33_a_payment_is_absent_only_where_the_core_says_so(subject: &impl PaymentsSubject) {
        assert_eq!(looked_up(subject, "absent").await, Ok(None));
        subject.disturb(CoreTrouble::WrongPlace).await;
        assert!(looked_up(subject, "absent").await.is_err());
        assert_eq!(looked_up(subject, "absent").await, Ok(None));
    }

    /// A lookup, however often it is made, changes nothing: a payment that comes later is taken as any other.
    async fn a_lookup_changes_nothing(subject: &impl PaymentsSubject) {
        assert_eq!(looked_up(subject, "later").await, Ok(None));
        let payment = core_payment("later", PaymentKind::Payment, succeeded()).await;
        subject.keep(&id("later"), &payment).await;
        for _ in 0..3 {
            assert_eq!(looked_up(subject, "later").await, Ok(Some(payment.clone())));
        }
    }

    /// A core that does not answer is unavailable, within the adapter's own time, and the next lookup finds the payment.
    async fn f41_silence_is_unavailable_in_time(subject: &impl PaymentsSubject) {
        is_unavailable_once(subject, CoreTrouble::Silence).await;
    }

    /// A connection that closes before the whole answer came is unavailable.
    async fn f30_a_closed_connection_is_unavailable(subject: &impl PaymentsSubject) {
        is_unavailable_once(subject, CoreTrouble::Refusal).await;
        is_unavailable_once(subject, CoreTrouble::LostAnswer).await;
        is_unavailable_once(subject, CoreTrouble::HalfAnswer).await;
    }

    /// An answer outside of the contract is unavailable.
    async fn f33_an_answer_outside_of_the_contract_is_unavailable(subject: &impl PaymentsSubject) {
        is_unavailable_once(subject, CoreTrouble::OtherLanguage).await;
        is_unavailable_once(subject, CoreTrouble::NotFinished).await;
    }

    /// The error's text goes to logs and timelines: it is one line, and holds neither credentials nor bodies.
    async fn an_error_tells_no_secret(subject: &impl PaymentsSubject) {
        for trouble in TROUBLES {
            subject.disturb(trouble).await;
            let text = looked_up(subject, "secret").await.unwrap_err().to_string();
            assert!(!holds_a_secret(subject, &text), "{trouble:?}: {text}");
            assert!(!text.is_empty() && !text.contains(char::is_control), "{trouble:?}: {text:?}");
        }
    }

    /// Each of many lookups at once gets its own payment.
    async fn lookups_at_once_are_not_mixed_up(subject: &impl PaymentsSubject) {
        let mut lookups = Vec::new();
        for n in 0..30 {
            let (name, payments) = (format!("at-once-{n}"), subject.payments());
            let mut payment = core_payment(&name, PaymentKind::Payment, succeeded()).await;
            payment.payment.payment_id = Some(PaymentId::parse(format!("P-{n}")).unwrap());
            subject.keep(&id(&name), &payment).await;
            lookups.push((payment, tokio::spawn(async move { payments.look_up(&id(&name)).await })));
        }
        for (payment, lookup) in lookups {
            assert_eq!(in_time(subject, lookup).await.unwrap(), Ok(Some(payment)));
        }
    }
}

async fn looked_up(subject: &impl PaymentsSubject, name: &str) -> Result<Option<CorePayment>, UnavailableError> {
    let id: PaymentRequestId = id(name);
    in_time(subject, subject.payments().look_up(&id)).await
}

/// The trouble makes one lookup unavailable, and the next one finds the payment.
async fn is_unavailable_once(subject: &impl PaymentsSubject, trouble: CoreTrouble) {
    let name = format!("{trouble:?}");
    let payment = core_payment(&name, PaymentKind::Payment, succeeded()).await;
    subject.keep(&id(&name), &payment).await;
    subject.disturb(trouble).await;
    let found = looked_up(subject, &name).await;
    assert!(found.is_err(), "{trouble:?}: {found:?}");
    assert_eq!(looked_up(subject, &name).await, Ok(Some(payment)), "after {trouble:?}");
}
