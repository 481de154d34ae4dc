//! What the wallet and its operators ask.

use actix_web::{get, web};
use domain::{AccountId, PaymentRequestId};

use super::WalletApi;
use super::extractors::{InPath, InQuery, PageQuery, ReversalsQuery};
use super::lists::{AccountView, DeferredList, ReversalList};
use super::problem::{Missing, Problem, Questioned};
use super::responses::CaseView;
use super::tokens::Caller;

type Answered<T> = Result<web::Json<T>, Problem>;

/// What is known of a payment request.
#[utoipa::path(
    tag = "payments",
    params(("paymentRequestId" = String, Path, description = "Alipay+'s id of the payment request, percent-encoded")),
    responses((status = 200, body = CaseView, description = "The case with its timeline"), Missing, Questioned)
)]
#[get("/wallet/v1/payments/{paymentRequestId}")]
pub(super) async fn payment(_: Caller, id: InPath<PaymentRequestId>, api: web::Data<WalletApi>) -> Answered<CaseView> {
    let found = api.read(api.ports.store.find(&id.0)).await?;
    let known = found.filter(|file| !file.case.is_unknown());
    let file = known.ok_or_else(|| Problem::not_found("nothing is known of this payment request"))?;
    Ok(web::Json(file.into()))
}

/// What the embedded ledger says of an account.
#[utoipa::path(
    tag = "accounts",
    params(("account" = String, Path, description = "The wallet's id of the account, percent-encoded"), PageQuery),
    responses((status = 200, body = AccountView, description = "Balances and one page of the entries"), Questioned)
)]
#[get("/wallet/v1/accounts/{account}")]
pub(super) async fn account(
    _: Caller,
    account: InPath<AccountId>,
    page: InQuery<PageQuery>,
    api: web::Data<WalletApi>,
) -> Answered<AccountView> {
    let page = page.0.of_entries()?;
    let statement = api.read(api.ports.store.account(&account.0, &page)).await?;
    Ok(web::Json(AccountView::of(&account.0, statement, page.limit)))
}

/// Reversals whose money is not known to be back.
#[utoipa::path(
    tag = "reversals",
    params(PageQuery, ReversalsQuery),
    responses((status = 200, body = ReversalList, description = "One page, in the order of their ids"), Questioned)
)]
#[get("/wallet/v1/reversals")]
pub(super) async fn reversals(
    _: Caller,
    page: InQuery<PageQuery>,
    which: InQuery<ReversalsQuery>,
    api: web::Data<WalletApi>,
) -> Answered<ReversalList> {
    let page = page.0.of_cases()?;
    let cases = api.read(api.ports.store.reversals(which.0.into(), &page)).await?;
    Ok(web::Json(ReversalList::of(&cases, page.limit)))
}

/// Cancels that cannot be decided yet.
#[utoipa::path(
    tag = "reversals",
    params(PageQuery),
    responses((status = 200, body = DeferredList, description = "One page, in the order of their ids"), Questioned)
)]
#[get("/wallet/v1/deferred")]
pub(super) async fn deferred(_: Caller, page: InQuery<PageQuery>, api: web::Data<WalletApi>) -> Answered<DeferredList> {
    let page = page.0.of_cases()?;
    let cases = api.read(api.ports.store.deferred(&page)).await?;
    Ok(web::Json(DeferredList::of(&cases, page.limit)))
}
