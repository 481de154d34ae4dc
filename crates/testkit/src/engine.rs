//! Tests on each database.

/// Where the cases are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TestEngine {
    /// In a file of the deployment's folder.
    Sqlite,
    /// In a database of its own on the throw-away server.
    Postgres,
}

/// Makes two tests of each function `async fn name(engine: TestEngine)`: `on_sqlite::name` and `on_postgresql::name`.
///
/// A module uses it once, for all of its functions. A function that is not listed is dead code, which the compiler points out.
#[macro_export]
macro_rules! for_each_engine {
    ($($name:ident)*) => {
        mod on_postgresql {
            $(#[test] fn $name() { $crate::run(super::$name($crate::TestEngine::Postgres)); })*
        }
        mod on_sqlite {
            $(#[test] fn $name() { $crate::run(super::$name($crate::TestEngine::Sqlite)); })*
        }
    };
}

/// Runs a test's body to its end, on as many threads as the machine has.
pub fn run(body: impl Future<Output = ()>) {
    tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap().block_on(body);
}
