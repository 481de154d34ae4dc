//! The routes, and the document that describes them.

use actix_web::{HttpResponse, get, web};
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::{Modify, OpenApi};

use super::problem::ProblemDetails;
use super::{commands, operator_commands, queries, settlement};
use crate::ops;

/// Serves and describes the handlers: one list, so that neither can be without the other.
macro_rules! routes {
    ($($handler:path),+ $(,)?) => {
        pub(super) fn routes(service: &mut web::ServiceConfig) {
            $(service.service($handler);)+
        }

        #[derive(OpenApi)]
        #[openapi(
            info(title = "Rescind", description = "What a wallet tells Rescind of its payments, and asks it."),
            paths($($handler),+),
            components(schemas(ProblemDetails)),
            security(("bearer" = [])),
            modifiers(&BearerTokens)
        )]
        struct Document;
    };
}

routes![
    commands::announce_payment,
    commands::report_payment,
    commands::announce_refund,
    commands::report_refund,
    operator_commands::retry_reversal,
    operator_commands::resolve_reversal,
    queries::payment,
    queries::account,
    queries::reversals,
    queries::deferred,
    settlement::settlement,
    ops::livez,
    ops::readyz,
    ops::metrics_text,
    openapi_json,
];

struct BearerTokens;

impl Modify for BearerTokens {
    fn modify(&self, described: &mut utoipa::openapi::OpenApi) {
        let scheme = HttpBuilder::new().scheme(HttpAuthScheme::Bearer).description(Some("A line of the tokens file"));
        let components = described.components.get_or_insert_default();
        components.add_security_scheme("bearer", SecurityScheme::Http(scheme.build()));
    }
}

/// This document.
#[utoipa::path(
    tag = "operations",
    security(()),
    responses((status = 200, body = serde_json::Value, description = "OpenAPI 3.1"))
)]
#[get("/openapi.json")]
async fn openapi_json() -> HttpResponse {
    HttpResponse::Ok().content_type("application/json").body(openapi())
}

/// The wallet-side API as an OpenAPI 3.1 document, as it is served at `/openapi.json`.
#[must_use]
pub fn openapi() -> String {
    // A document of plain values with text for keys always has a JSON form.
    Document::openapi().to_pretty_json().unwrap_or_default()
}
