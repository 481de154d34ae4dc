//! The adapters in memory keep the promises of their ports, and every suite finds the adapters that do not.
#![cfg(test)]

mod bites;
mod clock;
mod core;
mod feed;
mod memory;
mod signer;
mod verifier;

use ports::testing::contracts;

/// A suite that loses a promise, or gains one unnoticed, is found here.
#[test]
fn each_suite_has_exactly_these_many_promises() {
    let suites = [
        ("cases", contracts::cases::SIZE, 42),
        ("days", contracts::days::SIZE, 12),
        ("feed", contracts::feed::SIZE, 7),
        ("funds", contracts::wallet_core::funds::SIZE, 11),
        ("payments", contracts::wallet_core::payments::SIZE, 9),
        ("signer", contracts::signer::SIZE, 6),
        ("verifier", contracts::verifier::SIZE, 7),
        ("clock", contracts::clock::SIZE, 3),
    ];
    for (suite, size, exact) in suites {
        assert_eq!(size, exact, "{suite}");
    }
}
