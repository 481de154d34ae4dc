//! The promises of [`FindingsWriter`].

use std::collections::BTreeMap;

use domain::{Finding, GateState, Mismatch};

use crate::testing::id;
use crate::{FindingTotals, FindingsWriter, LineCounts, LocatedFinding, SourceLine};

/// A writer, and what it left behind.
pub trait FindingsSubject: Send + Sync {
    /// A writer that keeps in the subject's one place.
    fn writer(&self) -> Box<dyn FindingsWriter>;

    /// All that is kept, as bytes; `None` where nothing is.
    fn kept(&self) -> Option<Vec<u8>>;
}

fn written(subject: &impl FindingsSubject, count: u64) -> (Box<dyn FindingsWriter>, FindingTotals) {
    let mut writer = subject.writer();
    let finding = Finding { mismatch: Mismatch::Unknown, refund: None, recorded: None, listed: None };
    for n in 0..count {
        let id = id(&format!("finding-{n:05}"));
        let source = Some(SourceLine { file: "items.csv", line: n + 1 });
        writer.write(&LocatedFinding { id: Some(&id), finding: &finding, source, why: None }).unwrap();
    }
    let counts = if count == 0 { BTreeMap::new() } else { BTreeMap::from([(Mismatch::Unknown, count)]) };
    let lines = LineCounts { unknown: count, ..LineCounts::default() };
    let gate = if count == 0 { GateState::Passed } else { GateState::Doubt };
    (writer, FindingTotals { lines, other_types: BTreeMap::new(), counts, gate })
}

contract! {
    /// Makes a test of each promise of a findings writer; `subject` makes a fresh [`FindingsSubject`](crate::testing::contracts::files::findings::FindingsSubject).
    ($) findings_writer_contract! in (files::findings)

    /// Machines read what people only see the first of.
    async fn every_finding_is_kept(subject: &impl FindingsSubject) {
        let (writer, totals) = written(subject, 5_000);
        writer.keep(&totals).unwrap();
        let kept = String::from_utf8(subject.kept().unwrap()).unwrap();
        let places: Vec<_> = (0..5_000).map(|n| kept.find(&format!("finding-{n:05}"))).collect();
        assert!(places.iter().all(Option::is_some) && places.is_sorted(), "in the order in which they were found");
    }

    /// A check that found nothing says so in its files.
    async fn no_findings_are_kept_as_none(subject: &impl FindingsSubject) {
        let (writer, totals) = written(subject, 0);
        writer.keep(&totals).unwrap();
        assert!(!String::from_utf8(subject.kept().unwrap()).unwrap().contains("items.csv"));
    }

    /// A check that ended early must not leave a file that looks like a whole one.
    async fn what_is_not_kept_leaves_nothing_behind(subject: &impl FindingsSubject) {
        drop(written(subject, 5_000));
        assert_eq!(subject.kept(), None);
    }
}
