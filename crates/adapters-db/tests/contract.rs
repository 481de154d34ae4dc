//! Both engines keep the promises of a store.

mod common;

mod postgres {
    ports::store_contract!(super::common::Postgres::migrated());
}

mod sqlite {
    ports::store_contract!(super::common::Sqlite::create());
}
