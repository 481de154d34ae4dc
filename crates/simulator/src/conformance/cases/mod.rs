//! The suite: one file a group, one value a case. A case is listed where it is written, in its file's slice of cases.
//! A slice that `all` leaves out, or a function that no case uses, is dead code and does not compile.
#![deny(dead_code, unused_imports)]

mod faults;
mod idempotency;
mod inquiry;
mod message;
mod period;
mod races;
mod security;
mod signature;
mod states;

use super::case::Case;
use crate::suite::case::Group;

/// Every case with its group, in the order in which they are run.
pub(super) fn all() -> impl Iterator<Item = (Group, &'static Case)> {
    let parts: [(Group, &'static [Case]); 17] = [
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
        (Group::Inquiry, inquiry::ANSWERS),
        (Group::Inquiry, inquiry::CANCELS),
        (Group::Inquiry, inquiry::DOOR),
    ];
    parts.into_iter().flat_map(|(group, cases)| cases.iter().map(move |case| (group, case)))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_case_has_a_name_of_its_own_and_none_is_lost() {
        let names: BTreeSet<_> = all().map(|(_, case)| case.name).collect();
        assert_eq!(names.len(), all().count());
        assert_eq!(names.len(), 207, "a case more or less is written down here");
        let plain = |name: &str| name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
        assert!(names.iter().all(|name| plain(name)), "{names:?}");
    }
}
