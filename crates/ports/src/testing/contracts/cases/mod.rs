//! The promises of [`CancellationStore`](crate::CancellationStore).

pub mod batches;
pub mod deferrals;
pub mod four_eyes;
pub mod histories;
pub mod identity;
pub mod leases;
pub mod lists;
pub mod promises;

suite! {
    /// Makes one test for each promise of a [`CancellationStore`](crate::CancellationStore). The expression makes a fresh, empty
    /// [`Subject`](crate::testing::Subject) for each.
    ///
    /// A crate with an adapter of its own has this in its tests, and `ports` with the feature `testing` among its dev-dependencies:
    ///
    /// ```
    /// use std::sync::Arc;
    ///
    /// use domain::{PaymentRequestId, Policy};
    /// use ports::testing::{Damage, MemoryStore, Subject, ledger_policy};
    /// use ports::{CancellationStore, CaseSearch, SettlementStore};
    ///
    /// /// One empty database, to which stores connect. Here it is the one in memory.
    /// struct OurDatabase(MemoryStore);
    ///
    /// impl OurDatabase {
    ///     fn empty() -> Self {
    ///         Self(MemoryStore::new(ledger_policy()))
    ///     }
    /// }
    ///
    /// #[async_trait::async_trait]
    /// impl Subject for OurDatabase {
    ///     fn open(&self, policy: Policy) -> Arc<dyn CancellationStore> {
    ///         Arc::new(self.0.under(policy))
    ///     }
    ///
    ///     fn open_days(&self, policy: Policy) -> Arc<dyn SettlementStore> {
    ///         Arc::new(self.0.under(policy))
    ///     }
    ///
    ///     fn open_search(&self, policy: Policy) -> Arc<dyn CaseSearch> {
    ///         Arc::new(self.0.under(policy))
    ///     }
    ///
    ///     async fn damage(&self, id: &PaymentRequestId, how: Damage) {
    ///         match how {
    ///             Damage::Unreadable | Damage::Unwritable => self.0.damage(id),
    ///         }
    ///     }
    /// }
    ///
    /// mod cases {
    ///     ports::cases_contract!(super::OurDatabase::empty());
    /// }
    ///
    /// mod days {
    ///     ports::days_contract!(super::OurDatabase::empty());
    /// }
    ///
    /// mod search {
    ///     ports::search_contract!(super::OurDatabase::empty());
    /// }
    /// # // Outside of a test build the tests are left out; the promises themselves are there to be run.
    /// # ports::testing::contracts::run(async {
    /// #     let subject = OurDatabase::empty();
    /// #     ports::testing::contracts::cases::batches::a_report_on_an_unknown_case_leaves_no_trace(&subject).await;
    /// # });
    /// ```
    ($) cases_contract! of
    batches as __cases_batches!,
    deferrals as __cases_deferrals!,
    four_eyes as __cases_four_eyes!,
    identity as __cases_identity!,
    leases as __cases_leases!,
    lists as __cases_lists!,
    promises as __cases_promises!,
    histories as __cases_histories!
}
