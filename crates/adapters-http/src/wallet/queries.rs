//! What the wallet and its operators look up.

use actix_web::{get, web};
use domain::{AccountId, ClearingDay, FundsKind, PaymentRequestId};
use ports::FoundCases;

use super::callers::Caller;
use super::extractors::{InPath, InQuery, PageQuery, ReversalsQuery};
use super::problem::{ApiError, NotFoundProblem, NotKeptHereProblem, OpenDayProblem, QueryProblems};
use super::responses::{AccountView, CaseView, DeferredList, FoundPayments, ReversalList, SettlementView};
use super::schemas::{Day, Identifier};
use super::search_query::SearchQuery;
use super::state::WalletApi;

type QueryResponse<T> = Result<web::Json<T>, ApiError>;

/// Payments by what people know of them, the newest first.
///
/// At least one of `account`, `paymentId`, `state`, `initiatedFrom` and `initiatedTo` is needed; what is given has to be true of a payment
/// together. What was cancelled before it was announced is found by its id, and by the states `deferred`, `open` and `parked`. A search
/// looks at 10,000 payments at a time, so that a page may be short, even empty, and have a `next` one.
#[utoipa::path(
    tag = "payments",
    params(SearchQuery),
    responses((status = 200, body = FoundPayments, description = "One page, the newest first"), QueryProblems)
)]
#[get("/wallet/v1/payments")]
pub(super) async fn find_payments(
    _: Caller,
    query: InQuery<SearchQuery>,
    api: web::Data<WalletApi>,
) -> QueryResponse<FoundPayments> {
    let (search, page) = query.0.into_search()?;
    match api.read(api.search.search(&search, &page)).await? {
        FoundCases::Page { cases, next } => Ok(web::Json(FoundPayments::of(&cases, next.as_ref()))),
        FoundCases::TooMany => Err(ApiError::not_acceptable(TOO_MANY_FOUND)),
    }
}

const TOO_MANY_FOUND: &str = "the query: more than 10000 payments are found, in an order that they cannot be read in; add account, \
    initiatedFrom or initiatedTo, or read the lists of reversals and deferred cancels";

/// A payment request with all that is known of it.
#[utoipa::path(
    tag = "payments",
    params(("paymentRequestId" = Identifier, Path, description = "Alipay+'s id of the payment request, percent-encoded")),
    responses((status = 200, body = CaseView, description = "The case with its timeline"), NotFoundProblem, QueryProblems)
)]
#[get("/wallet/v1/payments/{paymentRequestId}")]
pub(super) async fn payment(_: Caller, id: InPath<PaymentRequestId>, api: web::Data<WalletApi>) -> QueryResponse<CaseView> {
    let found = api.read(api.ports.store.find(&id.0)).await?;
    let view = found.and_then(|file| CaseView::of(file, &api.policy.period));
    view.map(web::Json).ok_or_else(|| ApiError::not_found("nothing is known of this payment request"))
}

/// An account in Rescind's own ledger.
///
/// Where the wallet core has the money, its accounts are not kept here. Only what was booked before is shown then.
#[utoipa::path(
    tag = "accounts",
    params(("account" = Identifier, Path, description = "The wallet's id of the account, percent-encoded"), PageQuery),
    responses((status = 200, body = AccountView, description = "Balances and one page of the entries"), NotKeptHereProblem, QueryProblems)
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
    if api.policy.funds == FundsKind::Http && statement.balances.is_empty() {
        return Err(ApiError::accounts_are_the_cores());
    }
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
