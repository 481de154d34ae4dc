//! What a database was last served with.

use adapters_db::DeploymentPolicy;
use domain::{Action, AttemptEnd, CancelReply, CommandReply, Jitter, Lookup, Reply, ReversalOutcome};
use ports::testing::{Wallet, core_policy};

use crate::fixtures::{Postgres, TestDatabase, decided, deployment_policy, for_each_engine};

for_each_engine!(
    terms_are_remembered_and_others_are_refused_by_name,
    adopted_terms_are_served_from_then_on,
    the_funds_stay_where_they_are_while_money_is_owed,
    the_books_stay_what_they_are_while_a_cancel_waits_for_them,
);

#[test]
fn either_scheme_of_postgresql_leads_to_its_server() {
    for scheme in ["postgres", "postgresql"] {
        let database = Postgres::migrated_for(scheme);
        assert!(database.url().starts_with(&format!("{scheme}://")));
        assert_eq!(database.open_database(1).check_deployment(&deployment_policy()), Ok(()));
    }
}

fn other_policy() -> DeploymentPolicy {
    DeploymentPolicy { psp_id: "psp-2".to_owned(), period: "until 01:00 Asia/Shanghai".to_owned(), ..deployment_policy() }
}

fn with_a_core() -> DeploymentPolicy {
    DeploymentPolicy { funds: "http".to_owned(), ..deployment_policy() }
}

async fn terms_are_remembered_and_others_are_refused_by_name(database: &impl TestDatabase) {
    let (first, later) = (database.open_database(2), database.open_database(2));
    assert_eq!(first.check_deployment(&deployment_policy()), Ok(()));
    assert_eq!(later.check_deployment(&deployment_policy()), Ok(()));
    let sentence = later.check_deployment(&other_policy()).unwrap_err().to_string();
    for part in ["psp-1", "psp-2", "until 00:30", "until 01:00", "rescind config adopt"] {
        assert!(sentence.contains(part), "{part} is missing: {sentence}");
    }
    assert_eq!(first.check_deployment(&deployment_policy()), Ok(()));
}

async fn adopted_terms_are_served_from_then_on(database: &impl TestDatabase) {
    let served = database.open_database(2);
    served.check_deployment(&deployment_policy()).unwrap();
    assert_eq!(served.adopt(&other_policy()), Ok(()));
    assert_eq!(served.check_deployment(&other_policy()), Ok(()));
    assert!(served.check_deployment(&deployment_policy()).is_err());
    assert_eq!(database.number("select cast(count(*) as text) as value from served_terms"), 1);
}

async fn the_funds_stay_where_they_are_while_money_is_owed(database: &impl TestDatabase) {
    let served = database.open_database(2);
    served.check_deployment(&with_a_core()).unwrap();
    let store = served.store(core_policy());
    let wallet = Wallet::of("owed");
    let close = Action::CompleteAttempt(AttemptEnd {
        attempt: 1,
        outcome: ReversalOutcome::Impossible("closed".to_owned()),
        jitter: Jitter(0),
    });
    let steps = [(wallet.is_cancelled(), "open"), (wallet.does(close), "parked")];
    for (step, state) in steps {
        let outcomes = decided(&store, vec![step]).await;
        assert_ne!(outcomes, [Reply::Command(CommandReply::Conflict("the reversal is not parked"))]);
        assert_eq!(database.texts("select state as value from reversals"), [state]);
        let sentence = served.adopt(&deployment_policy()).unwrap_err().to_string();
        assert!(sentence.contains("funds.kind cannot become ledger"), "{sentence}");
        // Anything else may change meanwhile.
        let other_period = DeploymentPolicy { period: state.to_owned(), ..with_a_core() };
        assert_eq!(served.adopt(&other_period), Ok(()));
    }
    let resolve = Action::Resolve { note: "paid by hand".to_owned(), by: "operator".to_owned() };
    decided(&store, vec![wallet.does(resolve)]).await;
    assert_eq!(served.adopt(&deployment_policy()), Ok(()));
    assert_eq!(served.check_deployment(&deployment_policy()), Ok(()));
}

async fn the_books_stay_what_they_are_while_a_cancel_waits_for_them(database: &impl TestDatabase) {
    let served = database.open_database(2);
    let by_core = DeploymentPolicy { payments: "core".to_owned(), ..with_a_core() };
    served.check_deployment(&by_core).unwrap();
    let store = served.store(core_policy());
    let wallet = Wallet::of("unsure");
    decided(&store, vec![wallet.is_cancelled_by("acquirer-1", Lookup::Failed("no answer".to_owned()))]).await;
    for other in [with_a_core(), deployment_policy()] {
        let sentence = served.adopt(&other).unwrap_err().to_string();
        assert!(sentence.contains("while cancels are deferred"), "{sentence}");
    }
    let other_wallet = DeploymentPolicy { psp_id: "psp-2".to_owned(), ..by_core.clone() };
    assert_eq!(served.adopt(&other_wallet), Ok(()), "the same books decide it");
    assert_eq!(
        decided(&store, vec![wallet.is_cancelled()]).await,
        [Reply::Cancel(CancelReply::ReversalPending { attempt: Some(1) })]
    );
    assert_eq!(served.adopt(&with_a_core()), Ok(()), "an open reversal stays with its funds");
}
