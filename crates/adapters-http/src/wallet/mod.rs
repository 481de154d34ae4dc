//! The wallet-side API: what the wallet's pay flow and its operators ask.
//!
//! Every command goes through the same lanes as `cancelPayment` and so meets the same row lock.

mod body;
mod commands;
mod extractors;
mod lists;
mod openapi;
mod operator_commands;
mod problem;
mod queries;
mod requests;
mod responses;
mod settlement;
mod tokens;

use std::future::Future;
use std::sync::Arc;
use std::time::{Duration, Instant};

use actix_web::dev::Server;
use actix_web::{HttpResponse, web};
use chrono::TimeDelta;
use domain::{Action, Command, CommandReply, PaymentRequestId, PspId};
use ports::{ReceivedCommand, SettlementStore, UnavailableError};
use tracing::{debug, error, info, warn};
use use_cases::{Ports, SubmitError};

use crate::ops::Readiness;
use crate::server::{Listening, serve};
pub use openapi::openapi;
use problem::Problem;
use responses::DispositionBody;
pub(crate) use responses::time;
pub use tokens::Tokens;
use tokens::{Caller, Role};

/// How a command is answered.
type Disposing = Result<web::Json<DispositionBody>, Problem>;

/// What the wallet-side API works with.
pub struct WalletApi {
    /// This wallet's id at Alipay+; payments of another are refused.
    pub psp_id: PspId,
    /// How long a call is waited for; what was recorded meanwhile stays recorded.
    pub call_budget: Duration,
    /// Who may call.
    pub tokens: Tokens,
    /// What commands are decided with, and questions answered.
    pub ports: Arc<Ports>,
    /// Where closed days are looked up.
    pub days: Arc<dyn SettlementStore>,
    /// How long a reversal may be open; past it, the process is unready.
    pub oldest_open_reversal: TimeDelta,
    /// Whether the process wants more work.
    pub readiness: Readiness,
    /// Renders what was counted, in Prometheus' text format.
    pub metrics: RenderedMetrics,
}

/// Renders what this process counted.
pub type RenderedMetrics = Arc<dyn Fn() -> String + Send + Sync>;

/// Serves the wallet-side API, `/livez`, `/readyz`, `/metrics` and `/openapi.json`.
///
/// # Errors
/// Where the listener or its TLS cannot be used.
pub fn serve_wallet_api(listening: Listening, api: WalletApi) -> std::io::Result<Server> {
    let patience = api.call_budget;
    let api = web::Data::new(api);
    serve(listening, patience, move |service| {
        service.app_data(api.clone()).app_data(web::PayloadConfig::new(body::LONGEST_BODY));
        openapi::routes(service);
        service.default_service(web::to(no_such_route));
    })
}

async fn no_such_route() -> Result<HttpResponse, Problem> {
    Err(Problem::not_found("there is no such route; /openapi.json lists them all"))
}

impl WalletApi {
    /// Has a command decided, as long as the call's budget lasts.
    async fn record(&self, caller: &Caller, id: PaymentRequestId, action: Action) -> Disposing {
        let asked =
            ReceivedCommand { command: Command { id: id.clone(), at: self.ports.clock.now(), action }, arrived: Instant::now() };
        let told = tokio::time::timeout(self.call_budget, use_cases::submit(&self.ports.lanes, asked)).await;
        match told {
            Ok(Ok(CommandReply::Done(disposition))) => {
                let Caller { name, role } = caller;
                match role {
                    Role::Pay => {
                        debug!(payment_request_id = %id, caller = %name, ?disposition, "the wallet's command was decided")
                    }
                    Role::Operator => {
                        info!(payment_request_id = %id, caller = %name, ?disposition, "an operator's command was decided");
                    }
                }
                Ok(web::Json(disposition.into()))
            }
            Ok(Ok(CommandReply::NotFound { .. })) => Err(Problem::not_found("no such payment, refund or reversal is recorded")),
            Ok(Ok(CommandReply::Conflict(why))) => Err(Problem::conflict(why)),
            Ok(Err(SubmitError::Overloaded | SubmitError::Stopping)) => {
                Err(Problem::unavailable("nothing was recorded; repeat the call"))
            }
            Ok(Err(SubmitError::Unavailable(_))) => Err(not_known()),
            Err(_) => {
                warn!(payment_request_id = %id, "the wallet's command was not decided within the call's budget and goes on");
                Err(not_known())
            }
        }
    }

    /// Waits for what the store is asked, as long as the call's budget lasts.
    async fn read<T>(&self, asked: impl Future<Output = Result<T, UnavailableError>>) -> Result<T, Problem> {
        let read = tokio::time::timeout(self.call_budget, asked).await;
        read.unwrap_or_else(|_| Err(UnavailableError::because("no answer within the call's budget"))).map_err(|unavailable| {
            error!(error = %unavailable, "the store did not answer a question of the wallet-side API");
            Problem::unavailable("the store does not answer; repeat the call")
        })
    }
}

fn not_known() -> Problem {
    Problem::unavailable("it is not known whether this was recorded; repeat the call")
}
