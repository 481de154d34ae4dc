//! Both engines keep the promises of a store.

mod postgres {
    ports::store_contract!(crate::given::Postgres::migrated());
    mod settlement {
        ports::settlement_contract!(crate::given::Postgres::migrated());
    }
}

mod sqlite {
    ports::store_contract!(crate::given::Sqlite::migrated());
    mod settlement {
        ports::settlement_contract!(crate::given::Sqlite::migrated());
    }
}
