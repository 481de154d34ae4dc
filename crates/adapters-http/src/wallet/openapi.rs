//! The routes, and the document that describes them.

use actix_web::{HttpResponse, get, web};
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::{AnyOfBuilder, OneOf, Schema};
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::{Modify, OpenApi, ToSchema};

use super::examples::Examples;
use super::problem::ProblemDetails;
use super::{commands, feed, operator_commands, queries};
use crate::ops;

/// Serves and describes the handlers: one list, so that none is served without its description.
macro_rules! routes {
    ($($handler:path),+ $(,)?) => {
        pub(super) fn routes(service: &mut web::ServiceConfig) {
            $(service.service($handler);)+
        }

        #[derive(OpenApi)]
        #[openapi(
            info(
                title = "Rescind",
                description = "The wallet API: what a wallet reports to Rescind about its payments, and asks it.",
                license(name = "Apache License 2.0", identifier = "Apache-2.0")
            ),
            paths($($handler),+),
            components(schemas(ProblemDetails)),
            security(("bearer" = [])),
            tags(
                (name = "payments", description = "Announce payments, report results, look payments up"),
                (name = "refunds", description = "Refunds that the wallet makes"),
                (name = "reversals", description = "Money that has to go back, and cancels that wait"),
                (name = "events", description = "What happened, in its order"),
                (name = "accounts", description = "Rescind's own ledger"),
                (name = "settlement", description = "Closed days"),
                (name = "operations", description = "For those who run the process; these need no token"),
            ),
            servers((url = "http://127.0.0.1:8081", description = "The default of `wallet_api.listen`")),
            modifiers(&BearerTokens, &Examples, &NullableMembers)
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
    operator_commands::park_reversal,
    operator_commands::resolve_reversal,
    queries::payment,
    queries::account,
    queries::reversals,
    queries::deferred,
    queries::settlement,
    feed::events,
    ops::livez,
    ops::readyz,
    ops::metrics_text,
    openapi_json,
];

struct BearerTokens;

impl Modify for BearerTokens {
    fn modify(&self, document: &mut utoipa::openapi::OpenApi) {
        let scheme = HttpBuilder::new().scheme(HttpAuthScheme::Bearer).description(Some("A token of `wallet_api.tokens_file`"));
        let components = document.components.get_or_insert_default();
        components.add_security_scheme("bearer", SecurityScheme::Http(scheme.build()));
    }
}

/// Describes a member that may be null by `anyOf`: generators take `oneOf` for a choice between two types.
struct NullableMembers;

impl Modify for NullableMembers {
    fn modify(&self, document: &mut utoipa::openapi::OpenApi) {
        for schema in document.components.get_or_insert_default().schemas.values_mut() {
            let RefOr::T(Schema::Object(object)) = schema else { continue };
            for member in object.properties.values_mut() {
                if let RefOr::T(Schema::OneOf(OneOf { items, .. })) = member {
                    *member = any_of(std::mem::take(items));
                }
            }
        }
    }
}

/// The description of the type moves up to the member.
fn any_of(mut items: Vec<RefOr<Schema>>) -> RefOr<Schema> {
    let description = items.iter_mut().find_map(|item| match item {
        RefOr::Ref(reference) => Some(std::mem::take(&mut reference.description)),
        RefOr::T(_) => None,
    });
    let any_of = AnyOfBuilder::new().description(description.filter(|description| !description.is_empty()));
    RefOr::T(Schema::AnyOf(items.into_iter().fold(any_of, AnyOfBuilder::item).build()))
}

/// An OpenAPI document. Only the member by which one is known is described.
#[derive(ToSchema)]
#[expect(dead_code, reason = "it only describes the document")]
struct OpenApiDocument {
    /// The version of OpenAPI.
    openapi: String,
}

/// This document.
#[utoipa::path(
    tag = "operations",
    security(()),
    responses((status = 200, body = OpenApiDocument, content_type = "application/json", description = "OpenAPI 3.1"))
)]
#[get("/openapi.json")]
async fn openapi_json() -> HttpResponse {
    HttpResponse::Ok().content_type("application/json").body(openapi())
}

/// The wallet API as an OpenAPI 3.1 document, as `/openapi.json` serves it.
#[must_use]
pub fn openapi() -> String {
    // A document of plain values with text for keys always has a JSON form.
    Document::openapi().to_pretty_json().unwrap_or_default()
}
