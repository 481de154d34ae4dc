//! One suite for each port: its promises as tests over any adapter.
//!
//! An adapter of another crate runs a suite with one line in its tests. The expression makes what is tested, once for each promise; it
//! may `await`:
//!
//! | port | macro | what it takes |
//! |---|---|---|
//! | [`CancellationStore`](crate::CancellationStore) | [`cases_contract!`](crate::cases_contract) | a [`Subject`](store::Subject) |
//! | [`SettlementStore`](crate::SettlementStore) | [`days_contract!`](crate::days_contract) | a [`Subject`](store::Subject) |
//! | [`EventFeed`](crate::EventFeed) | [`feed_contract!`](crate::feed_contract) | a [`FeedSubject`](feed::FeedSubject) |
//! | [`FundsGateway`](crate::FundsGateway) | [`funds_contract!`](crate::funds_contract) | a [`FundsSubject`](wallet_core::FundsSubject) |
//! | [`Payments`](crate::Payments) | [`payments_contract!`](crate::payments_contract) | a [`PaymentsSubject`](wallet_core::PaymentsSubject) |
//! | [`MessageSigner`](crate::MessageSigner) | [`signer_contract!`](crate::signer_contract) | a [`SignerSubject`](signer::SignerSubject) |
//! | [`MessageVerifier`](crate::MessageVerifier) | [`verifier_contract!`](crate::verifier_contract) | a [`VerifierSubject`](verifier::VerifierSubject) |
//! | [`Clock`](crate::Clock) | [`clock_contract!`](crate::clock_contract) | a [`Clock`](crate::Clock) |
//!
//! The other crate needs `ports` with the feature `testing` among its dev-dependencies and nothing else: the tests start a runtime
//! of their own. Each suite says in `SIZE` how many promises it has.

/// Defines promises, and from the same list their names and the exported macro that makes a test of each. So a suite cannot leave
/// out one of its promises. The `$` is handed over because a macro cannot write one into the macro that it defines.
macro_rules! contract {
    (
        $(#[$attribute:meta])*
        ($d:tt) $name:ident! in $module:tt

        $(
            $(#[$doc:meta])*
            async fn $promise:ident($subject:ident: &impl $Subject:ident) $body:block
        )+
    ) => {
        $(
            $(#[$doc])*
            pub async fn $promise($subject: &impl $Subject) $body
        )+

        /// How many promises these are.
        pub const SIZE: usize = [$(stringify!($promise)),+].len();

        $(#[$attribute])*
        #[macro_export]
        macro_rules! $name {
            ($d subject:expr) => {
                $($crate::__promise! { $module $promise $d subject })+
            };
        }
    };
}

/// Joins the parts of a suite whose promises stand in several files.
macro_rules! suite {
    (
        $(#[$attribute:meta])*
        ($d:tt) $name:ident! of
        $($part:ident as $each:ident!),+
    ) => {
        /// How many promises all parts have.
        pub const SIZE: usize = 0 $(+ $part::SIZE)+;

        $(#[$attribute])*
        #[macro_export]
        macro_rules! $name {
            ($d subject:expr) => {
                $($crate::$each! { $d subject })+
            };
        }
    };
}

/// The test of one promise.
#[doc(hidden)]
#[macro_export]
macro_rules! __promise {
    (($($module:ident)::+) $promise:ident $subject:expr) => {
        #[test]
        fn $promise() {
            $crate::testing::contracts::run(async {
                $crate::testing::contracts::$($module)::+::$promise(&$subject).await;
            });
        }
    };
}

pub mod cases;
pub mod clock;
pub mod days;
pub mod feed;
pub mod files;
pub mod signer;
pub mod store;
pub mod verifier;
pub mod wallet_core;

/// Runs one promise on a runtime of its own, so that the crate under test needs none.
///
/// # Panics
/// Where the promise is broken, or no runtime can be started.
#[doc(hidden)]
pub fn run(promise: impl Future<Output = ()>) {
    tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap().block_on(promise);
}
