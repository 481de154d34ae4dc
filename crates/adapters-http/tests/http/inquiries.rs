//! `inquiryPayment` over real sockets.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use domain::{Action, FailureReason, PayResult, PaymentId, ReportedResult};
use ports::testing::{Wallet, moment};
use serde_json::{Value, json};

use crate::alipayplus_side::{Counting, Request, Service, Setup, body};

const ACQUIRER: &str = "acquirer-1";

/// A request about a payment of a [`Wallet`].
fn about(name: &str, acquirer: &str) -> Request {
    let body = body(crate::alipayplus_side::PSP).replace("1022188000000000001", acquirer);
    Request::of(body.replace(crate::alipayplus_side::ID, name))
}

fn inquired(service: &Service, name: &str) -> Value {
    let response = service.send(&about(name, ACQUIRER).into_inquiry());
    assert_eq!(response.status, 200, "{response:?}");
    assert_eq!(response.header("content-type"), Some("application/json; charset=UTF-8"));
    serde_json::from_str(&response.body).unwrap()
}

fn result(status: &str, code: &str, message: &str) -> Value {
    json!({ "resultStatus": status, "resultCode": code, "resultMessage": message })
}

fn success() -> Value {
    result("S", "SUCCESS", "Success")
}

fn ends(wallet: &Wallet, result: ReportedResult, (payment_id, reason): (Option<&str>, Option<FailureReason>)) -> Action {
    let payment_id = payment_id.map(|id| PaymentId::parse(id).unwrap());
    Action::Result(PayResult { result, completed_at: wallet.at, payment_id, fee: None, reason })
}

#[test]
fn each_answer_has_exactly_these_members() {
    let service = Service::start();
    let [running, paid, failed, gone] = ["running", "paid", "failed", "gone"].map(Wallet::of);
    let names_itself = ends(&paid, ReportedResult::Succeeded, (Some("P\"1\\"), None));
    let fails = ends(&failed, ReportedResult::Failed, (None, Some(FailureReason::UserBalanceNotEnough)));
    service.decide(vec![running.pays(), paid.pays(), paid.does(names_itself), failed.pays(), failed.does(fails)]);
    service.decide(vec![gone.is_cancelled()]);
    assert_eq!(inquired(&service, "unknown"), json!({ "result": result("F", "ORDER_NOT_EXIST", "There is no such payment") }));
    let of_payment = |payment| json!({ "result": success(), "paymentResult": payment });
    for (name, payment) in [
        ("running", result("U", "PAYMENT_IN_PROCESS", "The payment has no final result yet")),
        ("failed", result("F", "USER_BALANCE_NOT_ENOUGH", "The payment failed")),
        ("gone", result("F", "ORDER_IS_CLOSED", "The payment is closed")),
    ] {
        assert_eq!(inquired(&service, name), of_payment(payment), "{name}");
    }
    let mut of_paid = of_payment(success());
    of_paid["paymentId"] = json!("P\"1\\");
    of_paid["paymentTime"] = json!("2026-03-01T12:00:00+08:00");
    of_paid["paymentAmount"] = json!({ "value": "1000", "currency": "JPY" });
    assert_eq!(inquired(&service, "paid"), of_paid);
    assert_eq!(moment(0).to_rfc3339(), "2026-03-01T04:00:00+00:00", "noon at UTC+8");
}

#[test]
fn another_acquirer_hears_of_no_payment_and_what_was_never_announced_has_no_case() {
    let service = Service::start();
    service.decide(vec![Wallet::of("own").pays()]);
    for (name, acquirer) in [("own", "acquirer-2"), ("nobodys", ACQUIRER)] {
        assert_eq!(service.code(&about(name, acquirer).into_inquiry()), "ORDER_NOT_EXIST");
    }
    assert!(service.case("nobodys").is_none());
}

#[test]
fn where_inquiries_are_not_served_their_path_is_not_known() {
    let service = Service::with(Setup { inquiry_signers: None, ..Setup::default() });
    assert_eq!(service.send(&Request::valid().into_inquiry()).status, 404);
    assert_eq!(service.code(&Request::valid()), "SUCCESS");
}

/// The path is signed, so a signed cancel is not an inquiry, and the reverse.
#[test]
fn what_is_signed_for_one_endpoint_is_refused_by_the_other() {
    let service = Service::start();
    for (signed, sent) in
        [(Request::valid(), Request::valid().into_inquiry()), (Request::valid().into_inquiry(), Request::valid())]
    {
        let signature = signed.signature().into_bytes();
        let request = Request { signatures: Some(vec![signature]), ..sent };
        assert_eq!(service.code(&request), "INVALID_SIGNATURE");
    }
    assert!(service.has_no_case());
}

#[test]
fn an_inquiry_that_waits_is_answered_while_cancels_wait() {
    // The gate holds batches of commands; what is read passes.
    let service = Service::with(Setup { gate_is_open: false, answer_budget: Duration::from_secs(30), ..Setup::default() });
    assert_eq!(service.code(&Request::valid().into_inquiry()), "ORDER_NOT_EXIST");
}

/// Each kind of text has a signer of its own, and each signer a memo of its own: a flood of one drives nothing out of another.
#[test]
fn f42_a_flood_of_inquiries_drives_no_cancel_out_of_its_memo() {
    let [of_cancels, of_inquiries, of_paid] = [(); 3].map(|()| Arc::new(Counting::default()));
    let service = Service::with(Setup {
        signer: Arc::clone(&of_cancels) as _,
        inquiry_signers: Some([Arc::clone(&of_inquiries) as _, Arc::clone(&of_paid) as _]),
        ..Setup::default()
    });
    let signed = || [&of_cancels, &of_inquiries, &of_paid].map(|signer| signer.0.load(Ordering::SeqCst));
    let paid = Wallet::of("paid");
    service.decide(vec![paid.pays(), paid.reports(ReportedResult::Succeeded)]);
    for (request, expected) in [
        (Request::valid(), [1, 0, 0]),
        (about("unknown", ACQUIRER).into_inquiry(), [1, 1, 0]),
        (about("paid", ACQUIRER).into_inquiry(), [1, 1, 1]),
        (Request::of("{}").into_inquiry(), [1, 2, 1]),
        (Request::with(|request| request.tampered = true).into_inquiry(), [1, 3, 1]),
        (Request::with(|request| request.tampered = true), [2, 3, 1]),
    ] {
        assert_eq!((service.send(&request).status, signed()), (200, expected));
    }
}
