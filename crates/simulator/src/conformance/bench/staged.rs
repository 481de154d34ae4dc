//! A payment that a case makes, and where its money is.

use std::time::Duration;

use tokio::time::sleep;

use super::{Bench, Telling};
use crate::conformance::driver::{Payment, Refund};
use crate::money::Money;
use crate::suite::verdict::{CaseError, Verdict, check};

/// How often money is looked at that the wallet says is on its way back, and after how long: for 30 s, in which a wallet that
/// doubles its pauses has asked a core seven times.
const LOOKS: (u32, Duration) = (300, Duration::from_millis(100));

/// A payment on the bench; clones are the same payment.
#[derive(Clone)]
pub(crate) struct Staged {
    pub(super) bench: Bench,
    pub(crate) payment: Payment,
}

impl Bench {
    /// A payment that nobody has heard of yet, initiated now, from an account of its own.
    pub(crate) fn payment(&self) -> Staged {
        let (payment_request_id, now) = (self.id(), self.now());
        let payment = Payment {
            account: format!("user-of-{payment_request_id}"),
            payment_request_id,
            acquirer_id: self.partner().acquirer_id.clone(),
            psp_id: self.partner().psp_id.clone(),
            amount: 1_200,
            currency: "JPY",
            authorization: false,
            initiated_at: now.to_rfc3339(),
            completed_at: now,
        };
        Staged { bench: self.clone(), payment }
    }

    /// A payment that is in progress.
    pub(crate) async fn in_progress(&self) -> Result<Staged, CaseError> {
        let staged = self.payment();
        staged.announced("proceed").await?;
        Ok(staged)
    }

    /// A payment that has succeeded.
    pub(crate) async fn paid(&self) -> Result<Staged, CaseError> {
        self.payment().paid().await
    }
}

impl Staged {
    pub(crate) fn id(&self) -> &str {
        &self.payment.payment_request_id
    }

    /// The same payment with something else about it.
    pub(crate) fn with(mut self, change: impl FnOnce(&mut Payment)) -> Self {
        change(&mut self.payment);
        self
    }

    /// Announced and succeeded.
    pub(crate) async fn paid(self) -> Result<Self, CaseError> {
        self.announced("proceed").await?;
        self.reported("S", "stands").await?;
        Ok(self)
    }

    /// Announces the payment; the wallet has to be told this.
    pub(crate) async fn announced(&self, wanted: &str) -> Verdict {
        told("the announcement", &self.bench.driver()?.announce(&self.payment).await?, wanted)
    }

    /// Reports the payment's result; the wallet has to be told this.
    pub(crate) async fn reported(&self, status: &str, wanted: &str) -> Verdict {
        told("the result", &self.bench.driver()?.report(&self.payment, status).await?, wanted)
    }

    /// Announces a refund; the wallet has to be told this.
    pub(crate) async fn refund(&self, amount: i64, wanted: &str) -> Result<Refund, CaseError> {
        let refund = self.new_refund(amount);
        told("the refund", &self.bench.driver()?.refund(&self.payment, &refund).await?, wanted)?;
        Ok(refund)
    }

    /// Announces a refund and reports that it has succeeded.
    pub(crate) async fn refunded(&self, amount: i64) -> Verdict {
        let refund = self.refund(amount, "proceed").await?;
        self.refund_ended(&refund, "S").await
    }

    pub(crate) async fn refund_ended(&self, refund: &Refund, status: &str) -> Verdict {
        told("the refund's result", &self.bench.driver()?.report_refund(&self.payment, refund, status).await?, "stands")
    }

    pub(crate) fn new_refund(&self, amount: i64) -> Refund {
        Refund { refund_request_id: format!("R{}", self.bench.id()), amount }
    }

    /// Alipay+ cancels; repeated until the answer is final, which has to be S.
    pub(crate) async fn cancelled(&self) -> Verdict {
        self.bench.succeeds(self.id()).await
    }

    /// Alipay+ cancels; answered this status and code.
    pub(crate) async fn cancel_is(&self, brief: &str) -> Verdict {
        self.bench.comes_to(&self.bench.cancel(self.id()).await?, brief).await
    }

    pub(crate) async fn money(&self) -> Result<Money, CaseError> {
        self.bench.driver()?.money(&self.payment).await
    }

    /// All of it was taken, and all of it is back, in one piece.
    pub(crate) async fn is_back_once(&self) -> Verdict {
        self.is_back_in(1).await
    }

    /// All of it was taken, and all of it is back, in so many pieces; or the wallet did not take it, because it was cancelled.
    pub(crate) async fn is_back_in(&self, pieces: usize) -> Verdict {
        if self.bench.driver()?.was_not_taken(&self.payment) {
            return self.is_untouched().await;
        }
        let money = self.settled(|money| money.given_back >= money.taken).await?;
        let amount = self.payment.amount;
        self.is_where(money, Money { taken: amount, given_back: amount, times: pieces })
    }

    /// It was taken, and nothing came back.
    pub(crate) async fn is_kept(&self) -> Verdict {
        let money = self.money().await?;
        self.is_where(money, Money { taken: self.payment.amount, given_back: 0, times: 0 })
    }

    /// It was taken, and only what was refunded, in one piece, came back.
    pub(crate) async fn is_kept_but_for(&self, refunded: i64) -> Verdict {
        let money = self.money().await?;
        self.is_where(money, Money { taken: self.payment.amount, given_back: refunded, times: 1 })
    }

    /// Nothing was ever taken, and nothing given.
    pub(crate) async fn is_untouched(&self) -> Verdict {
        let money = self.money().await?;
        self.is_where(money, Money { taken: 0, given_back: 0, times: 0 })
    }

    fn is_where(&self, money: Money, wanted: Money) -> Verdict {
        check(money == wanted, || {
            let Money { taken, given_back, times } = money;
            let found = format!("{taken} taken and {given_back} given back in {times} pieces");
            format!(
                "of {} there are {found}, instead of {} and {} in {}",
                self.id(),
                wanted.taken,
                wanted.given_back,
                wanted.times
            )
        })
    }

    /// What is seen once it is as wanted, or at last.
    async fn settled(&self, wanted: impl Fn(Money) -> bool) -> Result<Money, CaseError> {
        let (looks, wait) = LOOKS;
        for _ in 0..looks {
            let money = self.money().await?;
            if wanted(money) {
                return Ok(money);
            }
            sleep(wait).await;
        }
        self.money().await
    }

    // For races: the same calls, to begin when everybody does.

    pub(crate) fn announcing(&self) -> Telling {
        let staged = self.clone();
        Box::pin(async move { staged.bench.driver()?.announce(&staged.payment).await })
    }

    pub(crate) fn reporting(&self, status: &'static str) -> Telling {
        let staged = self.clone();
        Box::pin(async move { staged.bench.driver()?.report(&staged.payment, status).await })
    }

    pub(crate) fn refunding(&self, refund: &Refund) -> Telling {
        let (staged, refund) = (self.clone(), refund.clone());
        Box::pin(async move { staged.bench.driver()?.refund(&staged.payment, &refund).await })
    }

    pub(crate) fn ending(&self, refund: &Refund, status: &'static str) -> Telling {
        let (staged, refund) = (self.clone(), refund.clone());
        Box::pin(async move { staged.bench.driver()?.report_refund(&staged.payment, &refund, status).await })
    }
}

fn told(what: &str, disposition: &str, wanted: &str) -> Verdict {
    check(disposition == wanted, || format!("{what} was told {disposition:?} instead of {wanted:?}"))
}
