//! What the wallet and its operators look up.

use actix_web::{get, web};
use domain::{AccountId, ClearingDay, PaymentRequestId};

use super::callers::Caller;
use super::extractors::{InPath, InQuery, PageQuery, ReversalsQuery};
use super::problem::{ApiError, NotFoundProblem, OpenDayProblem, QueryProblems};
use super::responses::{AccountView, CaseView, DeferredList, ReversalList, SettlementView};
use super::schemas::{Day, Identifier};
use super::state::WalletApi;

type QueryResponse<T> = Result<web::Json<T>, ApiError>;

/// A payment request with all that is known of it.
#[utoipa::path(
    tag = "payments",
    params(("paymentRequestId" = Identifier, Path, description = "Alipay+'s id of the payment request, percent-encoded")),
    responses((status = 200, body = CaseView, description = "The case with its timeline"), NotFoundProblem, QueryProblems)
)]
#[get("/wallet/v1/payments/{paymentRequestId}")]
pub(super) async fn payment(_: Caller, id: InPath<PaymentRequestId>, api: web::Data<WalletApi>) -> QueryResponse<CaseView> {
    let found = api.read(api.ports.store.find(&id.0)).await?;
    let known = found.filter(|file| !file.case.is_unknown());
    let file = known.ok_or_else(|| ApiError::not_found("nothing is known of this payment request"))?;
    Ok(web::Json(file.into()))
}

/// An account in Rescind's own ledger.
#[utoipa::path(
    tag = "accounts",
    params(("account" = Identifier, Path, description = "The wallet's id of the account, percent-encoded"), PageQuery),
    responses((status = 200, body = AccountView, description = "Balances and one page of the entries"), QueryProblems)
)]
#[get("/wallet/v1/accounts/{account}")]
pub(super) async fn account(
    _: Caller,
    account: InPath<AccountId>,
    page: InQuery<PageQuery>,
    api: web::Data<WalletApi>,
) -> QueryResponse<AccountView> {
    let page = page.0.of_entries()?;
    let statement = api.read(api.ports.store.account(&account.0, &page)).await?;
    Ok(web::Json(AccountView::of(&account.0, statement, page.limit)))
}

/// Reversals whose money is not known to be back.
#[utoipa::path(
    tag = "reversals",
    params(PageQuery, ReversalsQuery),
    responses((status = 200, body = ReversalList, description = "One page, in the order of their ids"), QueryProblems)
)]
#[get("/wallet/v1/reversals")]
pub(super) async fn reversals(
    _: Caller,
    page: InQuery<PageQuery>,
    filter: InQuery<ReversalsQuery>,
    api: web::Data<WalletApi>,
) -> QueryResponse<ReversalList> {
    let page = page.0.of_cases()?;
    let cases = api.read(api.ports.store.reversals(filter.0.into(), &page)).await?;
    Ok(web::Json(ReversalList::of(&cases, page.limit)))
}

/// Cancels that cannot be decided yet.
#[utoipa::path(
    tag = "reversals",
    params(PageQuery),
    responses((status = 200, body = DeferredList, description = "One page, in the order of their ids"), QueryProblems)
)]
#[get("/wallet/v1/deferred")]
pub(super) async fn deferred(_: Caller, page: InQuery<PageQuery>, api: web::Data<WalletApi>) -> QueryResponse<DeferredList> {
    let page = page.0.of_cases()?;
    let cases = api.read(api.ports.store.deferred(&page)).await?;
    Ok(web::Json(DeferredList::of(&cases, page.limit)))
}

/// What settles on a day, once `rescind settlement export` has closed it.
#[utoipa::path(
    tag = "settlement",
    params(("day" = Day, Path, description = "The day")),
    responses((status = 200, body = SettlementView, description = "Totals, payments that do not settle, and the digest of the statement"), OpenDayProblem, QueryProblems)
)]
#[get("/wallet/v1/settlement/{day}")]
pub(super) async fn settlement(_: Caller, day: InPath<ClearingDay>, api: web::Data<WalletApi>) -> QueryResponse<SettlementView> {
    let closed = api.read(api.days.closed_day(day.0)).await?;
    let closed = closed.ok_or_else(|| ApiError::conflict("the day is not closed; `rescind settlement export` closes it"))?;
    Ok(web::Json(closed.into()))
}
