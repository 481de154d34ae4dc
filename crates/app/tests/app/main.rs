//! The program as its callers meet it: started as a process, spoken to from both sides, killed, starved and fed with nonsense; and
//! its parts with a fault at every call. One binary, so that what the tests share is compiled once.
#![cfg(test)]

mod broken;
mod faults;
mod settlement;

mod answered;
mod backup;
mod broken_input;
mod cli;
mod clocks;
mod concurrency;
mod conformance;
mod contradictions;
mod core_cases;
mod core_storm;
mod deferred_cancels;
mod demo;
mod disk_full;
mod docs_match_code;
mod doors;
mod failover;
mod feed;
mod file_away;
mod flat;
mod guide;
mod keys_reload;
mod killed;
mod metrics;
mod mutated_input;
mod seed_sample;
mod settings;
mod stopping;
mod tidy;

/// The testkit finds the program by its place; cargo says where it has put it.
#[test]
fn the_program_that_is_started_is_the_one_that_was_built() {
    let built = std::path::Path::new(env!("CARGO_BIN_EXE_rescind"));
    assert_eq!(testkit::program("rescind").canonicalize().unwrap(), built.canonicalize().unwrap());
}
