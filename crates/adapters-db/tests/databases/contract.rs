//! Both engines keep the promises of a store.

mod postgres {
    ports::store_contract!(crate::fixtures::Postgres::migrated());
    mod settlement {
        ports::settlement_contract!(crate::fixtures::Postgres::migrated());
    }
}

mod sqlite {
    ports::store_contract!(crate::fixtures::Sqlite::migrated());
    mod settlement {
        ports::settlement_contract!(crate::fixtures::Sqlite::migrated());
    }
}
