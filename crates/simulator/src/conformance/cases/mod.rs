//! The suite: one file a group, one value a case.

mod faults;
mod idempotency;
mod message;
mod period;
mod races;
mod security;
mod signature;
mod states;

use super::case::{Case, Group};

/// Every case with its group, in the order in which they are run.
pub(super) fn all() -> impl Iterator<Item = (Group, &'static Case)> {
    let parts: [(Group, &'static [Case]); 14] = [
        (Group::Signature, signature::ANSWERS),
        (Group::Signature, signature::TAKEN),
        (Group::Signature, signature::REFUSED),
        (Group::Message, message::HTTP),
        (Group::Message, message::BODY),
        (Group::Idempotency, idempotency::CASES),
        (Group::States, states::PAYMENTS),
        (Group::States, states::REFUNDS),
        (Group::Period, period::CASES),
        (Group::Races, races::PAYMENTS),
        (Group::Races, races::REFUNDS),
        (Group::Faults, faults::CASES),
        (Group::Security, security::STRANGERS),
        (Group::Security, security::TRICKS),
    ];
    parts.into_iter().flat_map(|(group, cases)| cases.iter().map(move |case| (group, case)))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_case_has_a_name_of_its_own_and_there_are_at_least_eighty() {
        let names: BTreeSet<_> = all().map(|(_, case)| case.name).collect();
        assert_eq!(names.len(), all().count());
        assert!(names.len() >= 80, "{}", names.len());
        let plain = |name: &str| name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
        assert!(names.iter().all(|name| plain(name)), "{names:?}");
    }
}
