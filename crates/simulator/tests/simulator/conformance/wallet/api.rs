//! What the wallet's own side calls, and the suite's driver.

use actix_web::{HttpResponse, web};
use serde_json::{Value, json};

use super::Served;

type Body = web::Json<Value>;

/// What every driver needs.
pub(crate) fn three(app: &mut web::ServiceConfig) {
    app.route("/wallet/v1/payments/{id}", web::put().to(announce))
        .route("/wallet/v1/payments/{id}/result", web::post().to(report))
        .route("/wallet/v1/accounts/{account}", web::get().to(account));
}

/// What is for refunds and inquiries.
pub(crate) fn more(app: &mut web::ServiceConfig) {
    app.route("/wallet/v1/payments/{id}", web::get().to(payment))
        .route("/wallet/v1/payments/{id}/refunds", web::post().to(refund))
        .route("/wallet/v1/payments/{id}/refunds/{refund}/result", web::post().to(report_refund));
}

async fn announce(id: web::Path<String>, body: Body, served: web::Data<Served>) -> HttpResponse {
    told(served.wallet.announce(&id, &body))
}

async fn report(id: web::Path<String>, body: Body, served: web::Data<Served>) -> HttpResponse {
    told(served.wallet.report(&id, body["status"].as_str().unwrap()))
}

async fn refund(id: web::Path<String>, body: Body, served: web::Data<Served>) -> HttpResponse {
    let amount = body["amount"]["value"].as_str().unwrap().parse().unwrap();
    told(served.wallet.refund(&id, body["refundRequestId"].as_str().unwrap(), amount))
}

async fn report_refund(ids: web::Path<(String, String)>, body: Body, served: web::Data<Served>) -> HttpResponse {
    told(served.wallet.report_refund(&ids.0, &ids.1, body["status"].as_str().unwrap()))
}

async fn payment(id: web::Path<String>, served: web::Data<Served>) -> HttpResponse {
    let (status, code) = served.wallet.inquiry(&id);
    HttpResponse::Ok().json(json!({ "inquiry": { "resultStatus": status, "resultCode": code } }))
}

async fn account(account: web::Path<String>, served: web::Data<Served>) -> HttpResponse {
    let books = served.wallet.books.lock().unwrap();
    let of_account = books.entries.iter().filter(|entry| entry.account == *account);
    let shown = of_account.map(|entry| {
        let amount = json!({ "value": entry.amount.to_string(), "currency": entry.currency });
        json!({ "paymentRequestId": entry.payment_request_id, "kind": entry.kind, "amount": amount })
    });
    HttpResponse::Ok().json(json!({ "entries": shown.collect::<Vec<_>>() }))
}

fn told(disposition: &str) -> HttpResponse {
    HttpResponse::Ok().json(json!({ "disposition": disposition }))
}
