//! Both engines keep the promises of a store.

mod postgres {
    ports::cases_contract!(crate::fixtures::Postgres::migrated());
    mod settlement {
        ports::days_contract!(crate::fixtures::Postgres::migrated());
    }
}

mod sqlite {
    ports::cases_contract!(crate::fixtures::Sqlite::migrated());
    mod settlement {
        ports::days_contract!(crate::fixtures::Sqlite::migrated());
    }
}
