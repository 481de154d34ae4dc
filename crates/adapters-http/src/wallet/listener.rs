//! The listener of the wallet API and of the operations' endpoints.

use std::io;
use std::sync::Arc;

use actix_web::dev::Server;
use actix_web::{HttpRequest, HttpResponse, web};

use super::callers::{Caller, refuse};
use super::openapi::routes;
use super::problem::ApiError;
use super::state::WalletApi;
use crate::ops::Operations;
use crate::rejection_budget::{REJECTIONS_PER_PEER, RejectionBudgets};
use crate::server::{Listening, serve};

/// Serves the wallet API, `/livez`, `/readyz`, `/metrics` and `/openapi.json`.
///
/// # Errors
/// Where the listener or its TLS cannot be used.
pub fn serve_wallet_api(listening: Listening, api: WalletApi) -> io::Result<Server> {
    let patience = api.call_budget;
    let operations = web::Data::new(Operations {
        ports: Arc::clone(&api.ports),
        feed: Arc::clone(&api.feed),
        readiness: api.readiness.clone(),
        oldest_open_reversal: api.oldest_open_reversal,
        requires_standby: api.requires_standby,
        call_budget: api.call_budget,
        metrics: Arc::clone(&api.metrics),
    });
    let tokens = web::Data::new(api.tokens.clone());
    let (api, budgets) = (web::Data::new(api), web::Data::new(RejectionBudgets::new(REJECTIONS_PER_PEER)));
    serve(("wallet-api", listening), patience, move |service| {
        service.app_data(api.clone()).app_data(tokens.clone()).app_data(operations.clone()).app_data(budgets.clone());
        routes(service);
        service.default_service(web::to(no_such_route));
    })
}

async fn no_such_route(request: HttpRequest) -> Result<HttpResponse, ApiError> {
    let unknown = ApiError::not_found("there is no such route; /openapi.json lists them all");
    Err(if Caller::of(&request).is_some() { unknown } else { refuse(&request, unknown) })
}
