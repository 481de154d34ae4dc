//! One suite for each port: its promises as tests over any adapter.

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

pub mod files;

/// Runs one promise on a runtime of its own, so that the crate under test needs none.
///
/// # Panics
/// Where the promise is broken, or no runtime can be started.
#[doc(hidden)]
pub fn run(promise: impl Future<Output = ()>) {
    tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap().block_on(promise);
}
