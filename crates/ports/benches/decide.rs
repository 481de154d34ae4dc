//! What one decision costs: `cargo bench -p ports`.
#![allow(clippy::unwrap_used, reason = "a measurement that cannot be made ends")]

use divan::{Bencher, black_box};
use domain::{Case, ReportedResult, decide};
use ports::testing::{Wallet, ledger_policy};

fn main() {
    divan::main();
}

/// What a command makes of a case.
fn after(case: &Case, received: &ports::ReceivedCommand) -> Case {
    decide(&ledger_policy(), case, &received.command).change.unwrap().case
}

fn paid(wallet: &Wallet) -> Case {
    after(&after(&Case::unknown(wallet.id.clone()), &wallet.pays()), &wallet.reports(ReportedResult::Succeeded))
}

#[divan::bench]
fn first_cancel_of_a_paid_payment(bencher: Bencher<'_, '_>) {
    let (policy, wallet) = (ledger_policy(), Wallet::of("20260301190741010700166001"));
    let (case, cancel) = (paid(&wallet), wallet.is_cancelled());
    bencher.bench_local(|| decide(black_box(&policy), black_box(&case), black_box(&cancel.command)));
}

#[divan::bench]
fn repeated_cancel(bencher: Bencher<'_, '_>) {
    let (policy, wallet) = (ledger_policy(), Wallet::of("20260301190741010700166001"));
    let (case, cancel) = (after(&paid(&wallet), &wallet.is_cancelled()), wallet.is_cancelled());
    bencher.bench_local(|| decide(black_box(&policy), black_box(&case), black_box(&cancel.command)));
}
