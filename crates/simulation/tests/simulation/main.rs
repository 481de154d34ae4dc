//! The simulation repeats itself, finds what is known to be wrong, and finds what is planted.
#![cfg(test)]

use std::collections::BTreeSet;

use simulation::{FaultKind, Plant, RunReport, RunRequest, StoreKind, ViolationKind, simulate};

/// A run of three weeks: one of each kind of funds.
fn three_weeks(seed: u64, payments: u64) -> RunRequest {
    let faults = FaultKind::ALL.iter().copied().collect();
    RunRequest { seed, days: 21, store: StoreKind::Memory, faults, plant: None, payments, trace: None }
}

fn kinds(report: &RunReport) -> BTreeSet<ViolationKind> {
    report.found.iter().map(|(violation, _)| violation.kind).collect()
}

#[test]
fn two_runs_of_one_seed_print_the_same_bytes_whichever_store_they_are_on() {
    let printed = |store| simulate(&RunRequest { store, ..three_weeks(7, 40) }).unwrap().to_string();
    let first = printed(StoreKind::Memory);
    assert_eq!(first, printed(StoreKind::Memory));
    let on_sqlite = printed(StoreKind::Sqlite);
    assert_eq!(on_sqlite, printed(StoreKind::Sqlite));
    assert_eq!(first, on_sqlite, "the two stores answer alike");
    assert_ne!(first, simulate(&three_weeks(8, 40)).unwrap().to_string());
}

/// Each is taken from the list, and from here, by the change that mends it.
#[test]
fn what_is_known_to_be_wrong_is_found() {
    let found = kinds(&simulate(&three_weeks(4, simulation::PAYMENTS)).unwrap());
    let known: BTreeSet<_> = ViolationKind::ALL.iter().copied().filter(|kind| kind.known().is_some()).collect();
    assert_eq!(found, known);
}

#[test]
fn without_faults_and_without_a_core_nothing_is_wrong() {
    let report = simulate(&RunRequest { days: 7, faults: BTreeSet::new(), ..three_weeks(3, 200) }).unwrap();
    assert_eq!((report.found, report.faults.values().sum()), (vec![], 0_u64));
    assert!(report.counts["answers S"] > 1_000 && report.counts["days closed"] == 7, "{:?}", report.counts);
}

/// A seed that once found something in the simulation's own actors, or in the product, and finds nothing unknown any more.
#[test]
fn no_seed_finds_anything_that_is_not_known() {
    for seed in [1, 2] {
        let report = simulate(&three_weeks(seed, 200)).unwrap();
        assert_eq!(report.unknown().collect::<Vec<_>>(), Vec::<&(simulation::Violation, u64)>::new(), "seed {seed}");
    }
}

#[test]
fn planted_bugs_are_found_within_a_month() {
    let full = std::env::var("RESCIND_SCALE").is_ok_and(|scale| scale == "full");
    let three = [Plant::LockDropped, Plant::FenceForgotten, Plant::StatesCancelled];
    let plants = if full { Plant::ALL } else { &three };
    for plant in plants {
        let report = simulate(&RunRequest { plant: Some(*plant), ..three_weeks(1, 100) }).unwrap();
        let first = report.unknown().map(|(violation, _)| violation.day).min();
        println!("{} is found on day {first:?}", plant.name());
        assert!(first.is_some(), "{} is not found", plant.name());
    }
}
