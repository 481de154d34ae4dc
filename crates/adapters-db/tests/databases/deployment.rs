//! What a database was last served with.

use adapters_db::{Acceptance, AdoptionRequest, DeploymentPolicy};
use chrono::TimeDelta;
use domain::{Action, AttemptEnd, CancelReply, CommandReply, Jitter, Lookup, Reply, ReportedResult, ReversalOutcome};
use ports::testing::{Wallet, core_policy, ledger_policy, moment};

use crate::fixtures::{Postgres, TestDatabase, decided, deployment_policy, for_each_engine, paid};

for_each_engine!(
    terms_are_remembered_and_others_are_refused_by_name,
    adopted_terms_are_served_from_then_on,
    the_funds_stay_where_they_are_while_money_is_owed,
    the_books_stay_what_they_are_while_a_cancel_waits_for_them,
    f50_other_funds_are_refused_while_payments_can_be_cancelled,
    f50_the_exact_number_is_accepted_and_each_timeline_says_so,
    f50_nothing_may_wait_however_much_is_accepted,
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
    assert_eq!(served.adopt(&other_policy(), &at_noon()), Ok(()));
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
        let sentence = served.adopt(&deployment_policy(), &at_noon()).unwrap_err().to_string();
        assert!(sentence.contains("funds.kind cannot become ledger"), "{sentence}");
        // Anything else may change meanwhile.
        let other_period = DeploymentPolicy { period: state.to_owned(), ..with_a_core() };
        assert_eq!(served.adopt(&other_period, &at_noon()), Ok(()));
    }
    let resolve = Action::Resolve { note: "paid by hand".to_owned(), by: "operator".to_owned() };
    decided(&store, vec![wallet.does(resolve)]).await;
    assert_eq!(served.adopt(&deployment_policy(), &at_noon()), Ok(()));
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
        let sentence = served.adopt(&other, &at_noon()).unwrap_err().to_string();
        assert!(sentence.contains("while 1 cancels are deferred"), "{sentence}");
    }
    let other_wallet = DeploymentPolicy { psp_id: "psp-2".to_owned(), ..by_core.clone() };
    assert_eq!(served.adopt(&other_wallet, &at_noon()), Ok(()), "the same books decide it");
    assert_eq!(
        decided(&store, vec![wallet.is_cancelled()]).await,
        [Reply::Cancel(CancelReply::ReversalPending { attempt: Some(1) })]
    );
    let sentence = served.adopt(&with_a_core(), &at_noon()).unwrap_err().to_string();
    assert!(sentence.contains("payments.kind cannot become recorded while 1 reversals are open"), "{sentence}");
    let done = Action::CompleteAttempt(AttemptEnd { attempt: 1, outcome: ReversalOutcome::Done, jitter: Jitter(0) });
    decided(&store, vec![wallet.does(done)]).await;
    assert_eq!(served.adopt(&with_a_core(), &at_noon()), Ok(()));
}

/// A request to adopt at noon of the tests' day, when its payments can be cancelled.
pub(crate) fn at_noon() -> AdoptionRequest {
    AdoptionRequest { at: moment(0), policy: ledger_policy(), acceptance: None }
}

fn accepting(count: u64) -> AdoptionRequest {
    let (note, by) = ("the balances were carried over".to_owned(), "ann".to_owned());
    AdoptionRequest { acceptance: Some(Acceptance { count, note, by }), ..at_noon() }
}

/// A payment in progress, two that succeeded, one that failed, one that is cancelled and one of long ago.
async fn of_every_kind(database: &impl TestDatabase) {
    let store = database.open(ledger_policy());
    decided(&store, vec![Wallet::of("in-progress").pays()]).await;
    for name in ["paid-1", "paid-2"] {
        paid(&store, name).await;
    }
    let failed = Wallet::of("failed");
    decided(&store, vec![failed.pays(), failed.reports(ReportedResult::Failed)]).await;
    let cancelled = paid(&store, "cancelled").await;
    decided(&store, vec![cancelled.is_cancelled()]).await;
    let of_before = Wallet { at: moment(-3 * 86_400), ..Wallet::of("of-before") };
    decided(&store, vec![of_before.pays(), of_before.reports(ReportedResult::Succeeded)]).await;
}

async fn f50_other_funds_are_refused_while_payments_can_be_cancelled(database: &impl TestDatabase) {
    let served = database.open_database(2);
    served.check_deployment(&deployment_policy()).unwrap();
    of_every_kind(database).await;
    let sentence = served.adopt(&with_a_core(), &at_noon()).unwrap_err().to_string();
    let parts = ["funds.kind cannot become http", "3 payments", "until 2026-03-01T16:30:00Z", "--accept 3"];
    for part in parts {
        assert!(sentence.contains(part), "{part}: {sentence}");
    }
    for wrong in [0, 2, 4] {
        let sentence = served.adopt(&with_a_core(), &accepting(wrong)).unwrap_err().to_string();
        assert!(sentence.contains(&format!("--accept says {wrong}, but 3 payments")), "{sentence}");
    }
    assert_eq!(served.check_deployment(&deployment_policy()), Ok(()), "nothing has changed");
    let later = AdoptionRequest { at: moment(0) + TimeDelta::hours(13), ..at_noon() };
    assert_eq!(served.adopt(&with_a_core(), &later), Ok(()), "their period is over");
}

async fn f50_the_exact_number_is_accepted_and_each_timeline_says_so(database: &impl TestDatabase) {
    let served = database.open_database(1);
    served.check_deployment(&deployment_policy()).unwrap();
    of_every_kind(database).await;
    assert_eq!(served.adopt(&with_a_core(), &accepting(3)), Ok(()));
    assert_eq!(served.check_deployment(&with_a_core()), Ok(()));
    let store = database.open(core_policy());
    for (name, told) in [("in-progress", true), ("paid-1", true), ("paid-2", true), ("failed", false), ("cancelled", false)] {
        let file = store.find(&Wallet::of(name).id).await.unwrap().unwrap();
        let last = file.timeline.last().unwrap();
        assert_eq!(last.what == "settings-adopted", told, "{name}: {last:?}");
        if told {
            assert_eq!(last.details["by"], "ann");
            assert_eq!(last.details["note"], "the balances were carried over");
            assert_eq!(last.details["from"], "funds ledger, payments recorded");
            assert_eq!(last.details["to"], "funds http, payments recorded");
        }
    }
}

async fn f50_nothing_may_wait_however_much_is_accepted(database: &impl TestDatabase) {
    let served = database.open_database(2);
    served.check_deployment(&deployment_policy()).unwrap();
    let store = database.open(ledger_policy());
    let refunding = paid(&store, "refunding").await;
    decided(&store, vec![refunding.refunds("r-1", 400)]).await;
    let other = DeploymentPolicy { payments: "core".to_owned(), ..with_a_core() };
    let sentence = served.adopt(&other, &accepting(1)).unwrap_err().to_string();
    let expected = "funds.kind cannot become http and payments.kind cannot become core while 1 refunds have no result";
    assert!(sentence.contains(expected), "{sentence}");
    decided(&store, vec![refunding.reports_refund("r-1", ReportedResult::Failed)]).await;
    assert_eq!(served.adopt(&other, &accepting(1)), Ok(()));
}
