//! Many payments and many accounts.

use super::many_at_once;
use crate::certify::case::{Case, Needs};
use crate::certify::rules;
use crate::money::Money;
use crate::suite::verdict::{CaseError, check};

const ACCOUNTS: usize = 1_000;
const PAYMENTS: usize = 60;
/// So few entries are asked for at a time that there are many pages.
const AT_A_TIME: usize = 7;

pub(crate) static CASES: &[Case] = &[
    Case {
        name: "thousand-accounts",
        needs: Needs::Witness,
        sends: "a payment of each of a thousand accounts, and their reversals from many connections",
        expects: "done for each, and each account has its money back once",
        because: &rules::ONCE,
        run: |t| {
            Box::pin(async move {
                let t = &t;
                let purchases: Vec<_> = (0..ACCOUNTS).map(|_| t.purchase()).collect();
                many_at_once(&purchases, |purchase| async move {
                    t.debit(purchase).await?;
                    t.reverse(purchase).await?.is("done")?;
                    t.is_back_once(purchase).await
                })
                .await
            })
        },
    },
    Case {
        name: "many-payments-of-one-account",
        needs: Needs::Witness,
        sends: "sixty payments of one account, reversed at once, and the account page by page",
        expects: "each is back once, and every entry is on exactly one page",
        because: &rules::PAGES,
        run: |t| {
            Box::pin(async move {
                let t = &t;
                let account = format!("user-of-{}", t.id());
                let of_account = || t.purchase().with(|purchase| purchase.account.clone_from(&account));
                let purchases: Vec<_> = (0..PAYMENTS).map(|_| of_account()).collect();
                many_at_once(&purchases, |purchase| async move {
                    t.debit(purchase).await?;
                    t.reverse(purchase).await?.is("done")
                })
                .await?;
                let booked = t.booked(&account, AT_A_TIME).await?;
                check(booked.len() == 2 * PAYMENTS, || {
                    format!("there are {} entries instead of {}", booked.len(), 2 * PAYMENTS)
                })?;
                for purchase in &purchases {
                    let found = Money::of(&booked, &purchase.id, purchase.currency).map_err(CaseError::Wrong)?;
                    let wanted = Money { taken: purchase.amount, given_back: purchase.amount, times: 1 };
                    check(found == wanted, || format!("of {} there are {found:?} instead of {wanted:?}", purchase.id))?;
                }
                Ok(())
            })
        },
    },
];
