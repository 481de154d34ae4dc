//! Finding cases by what people know of a payment.

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use domain::{AccountId, AcquirerId, Case, CaseState, PaymentId, PaymentRequestId};

use crate::UnavailableError;

/// Searches the cases of a [`crate::CancellationStore`]. It reads them without a lock, as last committed.
#[async_trait]
pub trait CaseSearch: Send + Sync {
    /// One page of the cases that are all that is searched for, the one that began last first ([`Case::began_at`]), and among those of
    /// one moment in the reverse order of their ids.
    ///
    /// - A case without a payment MUST be found by a passing state ([`CaseState::is_passing`]) where neither an account nor a `paymentId`
    ///   nor a moment is searched for. It MUST NOT be found otherwise: it is known by its id alone.
    /// - A search MUST NOT read more than a bounded number of cases, however many there are. So a page may be short, even empty, and have
    ///   a next one; pages that follow one another MUST give each case once that does not change meanwhile.
    /// - A case that cannot be read is left out.
    async fn search(&self, search: &Search, page: &SearchPage) -> Result<FoundCases, UnavailableError>;
}

/// What is searched for. What is `None` is not looked at.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Search {
    /// The account that pays.
    pub account: Option<AccountId>,
    /// The wallet's own id of the payment.
    pub payment_id: Option<PaymentId>,
    /// The payment's acquirer, or that of the first cancel where no payment is recorded.
    pub acquirer_id: Option<AcquirerId>,
    /// Where the case stands.
    pub state: Option<CaseState>,
    /// The payment was initiated then or later.
    pub initiated_from: Option<DateTime<Utc>>,
    /// The payment was initiated before that moment.
    pub initiated_to: Option<DateTime<Utc>>,
}

/// Which part of what is found is wanted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SearchPage {
    /// At most so many.
    pub limit: u32,
    /// Only what comes after this position; `None` begins with the newest.
    pub after: Option<SearchPosition>,
}

/// A place in the order of a search.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct SearchPosition {
    /// When the case there began.
    pub began_at: DateTime<Utc>,
    /// Its id.
    pub id: PaymentRequestId,
}

/// What a search found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FoundCases {
    /// One page, the newest first.
    Page {
        /// The cases.
        cases: Vec<Case>,
        /// Where the next page begins; `None` where there is none.
        next: Option<SearchPosition>,
    },
    /// More are in this state, or have this `paymentId`, than may be read at once, and nothing narrower is searched for that says in which
    /// order to read.
    TooMany,
}

impl Search {
    /// Whether something is searched for that few enough cases have in common: an account, a `paymentId`, a state or a time.
    #[must_use]
    pub fn is_specific(&self) -> bool {
        let Self { account, payment_id, acquirer_id: _, state, initiated_from, initiated_to } = self;
        account.is_some() || payment_id.is_some() || state.is_some() || initiated_from.is_some() || initiated_to.is_some()
    }

    /// Whether cases without a payment can be found.
    #[must_use]
    pub fn finds_unpaid(&self) -> bool {
        let Self { account, payment_id, acquirer_id: _, state, initiated_from, initiated_to } = self;
        let of_payment = account.is_some() || payment_id.is_some() || initiated_from.is_some() || initiated_to.is_some();
        state.is_some_and(CaseState::is_passing) && !of_payment
    }

    /// Whether the case is all that is searched for.
    #[must_use]
    pub fn matches(&self, case: &Case) -> bool {
        fn is<T: PartialEq>(wanted: Option<&T>, found: Option<&T>) -> bool {
            wanted.is_none() || wanted == found
        }
        let payment = case.payment.as_ref();
        let initiated_at = payment.map(|payment| payment.initiated_at);
        (payment.is_some() || self.finds_unpaid())
            && is(self.account.as_ref(), payment.map(|payment| &payment.account))
            && is(self.payment_id.as_ref(), payment.and_then(|payment| payment.payment_id.as_ref()))
            && is(self.acquirer_id.as_ref(), case.acquirer_id())
            && is(self.state.as_ref(), case.state().as_ref())
            && self.initiated_from.is_none_or(|from| initiated_at.is_some_and(|at| from <= at))
            && self.initiated_to.is_none_or(|to| initiated_at.is_some_and(|at| at < to))
    }
}

impl SearchPosition {
    /// The place of a case; `None` where nothing is known of it.
    #[must_use]
    pub fn of(case: &Case) -> Option<Self> {
        Some(Self { began_at: case.began_at()?, id: case.id.clone() })
    }
}
