//! The schema: how it is made, undone, and looked at by those who may not make it.

use std::collections::BTreeMap;
use std::path::Path;

use diesel::backend::Backend;
use diesel::migration::MigrationSource;
use diesel::pg::Pg;
use diesel::sqlite::Sqlite as SqliteBackend;
use diesel_migrations::{EmbeddedMigrations, MigrationHarness, embed_migrations};
use ports::testing::ledger_policy;

use crate::deployment::at_noon;
use crate::fixtures::{Postgres, Sqlite, TestDatabase, decided, deployment_policy, for_each_engine, open, paid};

pub(crate) const POSTGRES: EmbeddedMigrations = embed_migrations!("../../migrations/postgres");
pub(crate) const SQLITE: EmbeddedMigrations = embed_migrations!("../../migrations/sqlite");

/// Everything that a migration of PostgreSQL's can make, but diesel's own table.
const POSTGRES_SCHEMA: &str = "
    select concat_ws(' ', c.relname, c.relkind, a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull, a.attidentity,
        a.attcollation, (select string_agg(pg_get_constraintdef(k.oid), '; ' order by k.conname)
                         from pg_constraint k where k.conrelid = c.oid)) as value
    from pg_class c join pg_namespace n on n.oid = c.relnamespace
        left join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
    where n.nspname = 'public' and c.relname not like '%diesel_schema%'
    union all
    select concat_ws(' ', typname, typtype) from pg_type join pg_namespace n on n.oid = typnamespace
    where n.nspname = 'public' and typname not like '%diesel_schema%'
    union all
    select proname from pg_proc join pg_namespace n on n.oid = pronamespace where n.nspname = 'public'
    order by 1
";
const SQLITE_SCHEMA: &str = "
    select replace(concat_ws(' ', type, name, sql), '\"', '') as value from sqlite_master
    where tbl_name not like '%diesel_schema%' and name not like 'sqlite%' order by 1
";

for_each_engine!(migrating_again_takes_nothing);

async fn migrating_again_takes_nothing(database: &impl TestDatabase) {
    let store = database.open(ledger_policy());
    let wallet = paid(&store, "kept").await;
    assert_eq!(database.open_database(1).migrate(), Ok(vec![]));
    assert!(store.find(&wallet.id).await.unwrap().is_some());
}

fn two_at_once(database: &impl TestDatabase) {
    let migrate = || database.open_database(2).migrate().unwrap();
    let (mut one, two) = std::thread::scope(|scope| {
        let [one, two] = [scope.spawn(migrate), scope.spawn(migrate)];
        (one.join().unwrap(), two.join().unwrap())
    });
    one.extend(two);
    one.sort();
    let of_both = ["0001", "0002", "0003", "0004", "0005"];
    // The index of the feed is PostgreSQL's alone.
    assert_eq!(
        one,
        if database.in_its_sql("yes", "no") == "yes" { [&of_both[..], &["0007"]].concat() } else { of_both.to_vec() }
    );
    assert_eq!(database.open_database(1).check_deployment(&deployment_policy()), Ok(()));
}

#[test]
fn of_two_that_migrate_postgres_at_once_one_does() {
    two_at_once(&Postgres::create());
}

#[test]
fn of_two_that_migrate_sqlite_at_once_one_does() {
    two_at_once(&Sqlite::create());
}

#[test]
fn an_unmigrated_postgres_is_refused_and_left_alone() {
    let database = Postgres::create();
    let served = database.open_database(1);
    for refused in [served.check_deployment(&deployment_policy()), served.adopt(&deployment_policy(), &at_noon())] {
        let sentence = refused.unwrap_err().to_string();
        assert_eq!(sentence, "the database is not migrated: run `rescind migrate` first");
    }
    assert_eq!(database.number("select count(*)::text as value from pg_tables where schemaname = 'public'"), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_role_without_the_right_to_make_tables_can_serve() {
    let database = Postgres::migrated();
    let role = format!("serving_{}", database.name());
    let grants = format!(
        "create role {role} login password 'secret'; revoke create on schema public from public;
         grant select, insert, update on all tables in schema public to {role}"
    );
    database.execute(&grants).unwrap();
    let (_, place) = database.url().rsplit_once('@').map(|(user, place)| (user.to_owned(), place.to_owned())).unwrap();
    let served = open(&format!("postgres://{role}:secret@{place}"), 2).unwrap();
    assert_eq!(served.check_deployment(&deployment_policy()), Ok(()));
    let store = served.store(ledger_policy());
    let wallet = paid(&store, "by-role").await;
    decided(&store, vec![wallet.is_cancelled()]).await;
    assert!(store.check().await.is_ok());
    drop((store, served));
    database.execute(&format!("drop owned by {role}; drop role {role}")).unwrap();
}

/// Takes all migrations one by one, then undoes them one by one; after each step back the schema is what it was before.
fn up_and_down<B, C>(database: &impl TestDatabase, (mut connection, migrations): (C, fn() -> EmbeddedMigrations), schema: &str)
where
    B: Backend,
    C: MigrationHarness<B>,
    EmbeddedMigrations: MigrationSource<B>,
{
    let count = MigrationSource::<B>::migrations(&migrations()).unwrap().len();
    let mut steps = vec![database.texts(schema)];
    assert_eq!(steps[0], Vec::<String>::new());
    for _ in 0..count {
        connection.run_next_migration(migrations()).unwrap();
        steps.push(database.texts(schema));
    }
    for step in (1..=count).rev() {
        assert_eq!(database.texts(schema), steps[step]);
        assert_ne!(steps[step], steps[step - 1]);
        connection.revert_last_migration(migrations()).unwrap();
        assert_eq!(database.texts(schema), steps[step - 1]);
    }
    connection.run_pending_migrations(migrations()).unwrap();
    assert_eq!(database.texts(schema), steps[count]);
}

#[test]
fn every_step_down_undoes_its_step_up_on_postgres() {
    let database = Postgres::create();
    up_and_down(&database, (database.connection(), || POSTGRES), POSTGRES_SCHEMA);
}

#[test]
fn every_step_down_undoes_its_step_up_on_sqlite() {
    let database = Sqlite::create();
    up_and_down(&database, (database.connection(), || SQLITE), SQLITE_SCHEMA);
}

/// The SQL without comments, quoted names and literals.
fn code_of(sql: &str) -> String {
    let uncommented: Vec<_> = sql.lines().map(|line| line.split_once("--").map_or(line, |(code, _)| code)).collect();
    let unquoted = uncommented.join("\n");
    let outside = |quote| move |text: &str| text.split(quote).step_by(2).collect::<String>();
    outside('"')(&outside('\'')(&unquoted))
}

#[test]
fn migrations_are_written_in_lower_case() {
    assert_eq!(code_of("select 'A', \"B\" -- C\nFROM x"), "select ,  \nFROM x");
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../migrations");
    let mut read = 0;
    for engine in ["postgres", "sqlite"] {
        for migration in folder.join(engine).read_dir().unwrap() {
            for file in ["up.sql", "down.sql"] {
                let path = migration.as_ref().unwrap().path().join(file);
                let code = code_of(&std::fs::read_to_string(&path).unwrap());
                assert!(!code.contains(|c: char| c.is_ascii_uppercase()), "{}", path.display());
                read += 1;
            }
        }
    }
    let all = MigrationSource::<Pg>::migrations(&POSTGRES).unwrap().len() + MigrationSource::<SqliteBackend>::migrations(&SQLITE).unwrap().len();
    assert!(read >= 4 && read == 2 * all);
}

type Tables = BTreeMap<String, BTreeMap<String, String>>;

/// Places that no statement of the program names, on both engines.
const PLACES: [&str; 3] =
    ["cases failure_reason Nullable<Text>", "events digest Nullable<Binary>", "receipts requested_at Nullable<BigInt>"];

/// What the engines fill by themselves.
const OF_THE_FEED: &str = "served_terms feed_generation BigInt";

/// The tables of `schema.rs` with their columns and the names of their types.
fn declared() -> Tables {
    let mut tables = Tables::new();
    let mut table = String::new();
    for line in include_str!("../../src/schema.rs").lines().map(str::trim) {
        if let Some((column, sql_type)) = line.trim_end_matches(',').split_once(" -> ") {
            tables.entry(table.clone()).or_default().insert(column.to_owned(), sql_type.to_owned());
        } else if let Some((name, _)) = line.strip_suffix(" {").and_then(|line| line.split_once(" (")) {
            name.clone_into(&mut table);
        }
    }
    tables
}

/// The same with the places, and with what one engine has besides.
fn expected(besides: &str) -> Tables {
    let mut tables = declared();
    for place in PLACES.into_iter().chain([OF_THE_FEED, besides]) {
        let [table, column, sql_type] = place.split(' ').collect::<Vec<_>>().try_into().unwrap();
        let known = tables.entry(table.to_owned()).or_default().insert(column.to_owned(), sql_type.to_owned());
        assert_eq!(known, None, "{place}");
    }
    tables
}

fn found(rows: Vec<String>) -> Tables {
    let mut tables = Tables::new();
    for row in rows {
        let [table, column, sql_type, nullable] = row.split(' ').collect::<Vec<_>>().try_into().unwrap();
        let sql_type = match nullable {
            "true" => format!("Nullable<{sql_type}>"),
            _ => sql_type.to_owned(),
        };
        tables.entry(table.to_owned()).or_default().insert(column.to_owned(), sql_type);
    }
    tables
}

#[test]
fn postgres_has_the_tables_and_columns_of_the_program() {
    let columns = Postgres::migrated().texts(
        "select concat_ws(' ', table_name, column_name, case data_type when 'text' then 'Text' when 'bigint' then 'BigInt'
             when 'integer' then 'Integer' when 'smallint' then 'SmallInt' when 'bytea' then 'Binary' when 'boolean' then 'Bool'
             else data_type end,
             case is_nullable when 'YES' then 'true' else 'false' end) as value
         from information_schema.columns where table_schema = 'public' and table_name not like '%diesel_schema%'",
    );
    assert_eq!(found(columns), expected("events xid xid8"));
}

/// SQLite has one type of integers, and never a null in a key.
#[test]
fn sqlite_has_the_tables_and_columns_of_the_program() {
    let columns = Sqlite::migrated().texts(
        "select concat_ws(' ', t.name, c.name, case lower(c.type) when 'text' then 'Text' when 'blob' then 'Binary' else 'Integer' end,
             iif(c.\"notnull\" = 0 and c.pk = 0, 'true', 'false')) as value
         from sqlite_master t join pragma_table_info(t.name) c
         where t.type = 'table' and t.name not like '%diesel_schema%' and t.name not like 'sqlite%'",
    );
    let mut declared = expected("events position BigInt");
    for sql_type in declared.values_mut().flat_map(BTreeMap::values_mut) {
        *sql_type = sql_type.replace("BigInt", "Integer").replace("SmallInt", "Integer").replace("Bool", "Integer");
    }
    assert_eq!(found(columns), declared);
}
