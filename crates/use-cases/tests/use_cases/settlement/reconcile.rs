//! Clearing files are compared with the record, of which some call fails, by a reader in memory.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use domain::{
    Currency, GateState, Listed, ListedAmount, ListedKind, Mismatch, RefundRequestId, Scope, SummaryAmount, UnknownLines,
};
use ports::testing::{MemoryClearingFiles, MemoryFindings, MemorySorter, MemoryStore, id};
use ports::{LineCounts, ListedLine, LocatedFinding, SettlementStore};
use use_cases::{
    MissingSearch, ReconcileError, ReconcileRequest, Reconciliation, ReconciliationObserver, ReconciliationPorts, close_day,
    reconcile,
};

use super::{a_day, day, settlement};
use crate::fakes::FailsOnce;

/// Keeps what it is told.
#[derive(Default)]
struct Seen {
    lines: Vec<u64>,
    compared: u64,
    found: Vec<[String; 8]>,
}

impl ReconciliationObserver for Seen {
    fn compares(&mut self, lines: u64) {
        self.lines.push(lines);
    }

    fn compared(&mut self, lines: u64) {
        self.compared += lines;
    }

    fn found(&mut self, finding: &LocatedFinding<'_>) {
        self.found.push(finding.fields());
    }
}

fn line(kind: ListedKind, payment: Option<&str>, minor: i64) -> ListedLine {
    let amount = Some(ListedAmount { minor, currency: Currency::parse("JPY").unwrap() });
    ListedLine { number: 0, id: payment.map(id), listed: Listed { kind, amount, fee: None }, day: Some(day()), other_type: None }
}

fn payment(name: &str, minor: i64) -> ListedLine {
    line(ListedKind::Payment, Some(name), minor)
}

fn refund(name: &str, payment: Option<&str>, minor: i64) -> ListedLine {
    line(ListedKind::Refund(RefundRequestId::parse(name).unwrap()), payment, minor)
}

/// All that settles of [`a_day`], far from sorted.
fn all_that_settles() -> Vec<ListedLine> {
    let mut lines: Vec<_> = ["p-6", "p-0", "p-5", "p-2", "p-3"].map(|name| payment(name, 1000)).into();
    lines.insert(2, refund("r", None, -5));
    lines
}

/// A reconciliation over a closed day.
struct Reconciling {
    kept: MemoryStore,
    files: MemoryClearingFiles,
    findings: MemoryFindings,
    seen: Seen,
    request: ReconcileRequest,
}

impl Reconciling {
    async fn of(files: &[(&str, &[ListedLine], bool)]) -> Self {
        let kept = a_day().await;
        close_day(&settlement(&kept, Arc::new(kept.clone())), day()).await.unwrap();
        Self::over(kept, files)
    }

    fn over(kept: MemoryStore, files: &[(&str, &[ListedLine], bool)]) -> Self {
        let known = MemoryClearingFiles::default();
        for (name, lines, lists_amounts) in files {
            known.deliver(Path::new(name), lines, *lists_amounts);
        }
        let paths = files.iter().map(|(name, ..)| PathBuf::from(name)).collect();
        let request = ReconcileRequest { files: paths, day: None, scope: Scope::Everything, unknown_lines: UnknownLines::Doubt };
        Self { kept, files: known, findings: MemoryFindings::default(), seen: Seen::default(), request }
    }

    async fn run(&mut self) -> Result<Reconciliation, ReconcileError> {
        self.run_over(Arc::new(self.kept.clone())).await
    }

    async fn run_over(&mut self, days: Arc<dyn SettlementStore>) -> Result<Reconciliation, ReconcileError> {
        self.findings = MemoryFindings::default();
        self.seen = Seen::default();
        let (reader, findings) = (Arc::new(self.files.clone()), Box::new(self.findings.clone()));
        let ports = ReconciliationPorts { days, reader, sorter: Box::new(MemorySorter::default()), findings };
        reconcile(ports, &self.request, &mut self.seen).await
    }

    /// Name, payment, file and line of all that was found.
    fn found(&self) -> Vec<[&str; 4]> {
        self.seen.found.iter().map(|fields| [0, 1, 5, 6].map(|column| fields[column].as_str())).collect()
    }
}

#[tokio::test]
async fn files_with_all_that_settles_have_no_findings() {
    let mut reconciling = Reconciling::of(&[("items", &all_that_settles(), true)]).await;
    let reconciliation = reconciling.run().await.unwrap();
    assert_eq!(reconciliation.missing, MissingSearch::ClosedDay { day: day(), others: vec![] });
    let all = LineCounts { compared: 6, ..LineCounts::default() };
    assert_eq!((reconciling.found(), reconciliation.totals.lines, reconciliation.totals.gate), (vec![], all, GateState::Passed));
    assert_eq!((reconciling.seen.lines.as_slice(), reconciling.seen.compared), (&[6][..], 6));
    assert_eq!(reconciling.findings.kept(), Some((vec![], reconciliation.totals)));
}

#[tokio::test]
async fn findings_come_in_the_order_of_the_payments_and_are_counted_written_and_shown() {
    let mut lines = all_that_settles();
    lines[1] = payment("p-0", 999);
    lines.extend([payment("p-4", 1000), payment("nobody", 1), payment("p-6", 1000)]);
    lines.remove(4);
    let mut reconciling = Reconciling::of(&[("items", &lines, true), ("more", &[refund("gone", None, 1)], true)]).await;
    let totals = reconciling.run().await.unwrap().totals;
    let expected = [
        ["unknown", "", "more", "2"],
        ["listed-twice", "p-6", "items", "9"],
        ["unknown", "nobody", "items", "8"],
        ["amount-differs", "p-0", "items", "3"],
        ["settled-but-missing", "p-2", "", ""],
        ["cancelled-but-present", "p-4", "items", "7"],
    ];
    assert_eq!(reconciling.found(), expected);
    let lines = LineCounts { compared: 7, unknown: 2, ..LineCounts::default() };
    assert_eq!((totals.lines, totals.counts[&Mismatch::Unknown], totals.gate), (lines, 2, GateState::Failed));
    assert_eq!(reconciling.findings.kept(), Some((reconciling.seen.found.clone(), totals)));
}

/// More than a page of transactions, of which one payment has more than a page.
#[tokio::test]
async fn a_payment_is_compared_at_once_however_many_lines_it_has() {
    let mut lines: Vec<_> = (0..999).map(|n| payment(&format!("a-{n:04}"), 1)).collect();
    lines.extend((0..1_500).map(|_| payment("p-0", 1000)));
    lines.extend(all_that_settles());
    let mut reconciling = Reconciling::of(&[("items", &lines, true)]).await;
    let totals = reconciling.run().await.unwrap().totals;
    let expected = [(Mismatch::Unknown, 999), (Mismatch::ListedTwice, 1_500)];
    assert_eq!(totals.counts.into_iter().collect::<Vec<_>>(), expected);
    assert_eq!(reconciling.seen.compared, 999 + 1_500 + 6);
}

#[tokio::test]
async fn what_is_missing_is_looked_for_only_where_the_files_can_have_it() {
    let nothing: &[ListedLine] = &[];
    let kept = a_day().await;
    let mut open = Reconciling::over(kept.clone(), &[("items", &all_that_settles()[..1], true)]);
    assert_eq!(open.run().await.unwrap().missing, MissingSearch::OpenDay { day: day(), others: vec![] });
    close_day(&settlement(&kept, Arc::new(kept.clone())), day()).await.unwrap();
    let mut empty = Reconciling::over(kept.clone(), &[("items", nothing, true)]);
    assert_eq!(empty.run().await.unwrap().missing, MissingSearch::NoDay);
    let mut fees = Reconciling::over(kept.clone(), &[("fees", nothing, false)]);
    fees.request.day = Some(day());
    assert_eq!(fees.run().await.unwrap().missing, MissingSearch::NoAmounts);
    fees.request.scope = Scope::CancelledOnly;
    assert_eq!(fees.run().await.unwrap().missing, MissingSearch::CancelledOnly);
    for reconciling in [&open, &empty, &fees] {
        assert_eq!(reconciling.found(), Vec::<[&str; 4]>::new());
    }
    empty.request.day = Some(day());
    empty.run().await.unwrap();
    assert_eq!(empty.found().len(), 6, "five payments and a refund");
}

#[tokio::test]
async fn a_malformed_file_ends_it_before_anything_is_compared() {
    let lines = all_that_settles();
    let mut reconciling = Reconciling::of(&[("items", &lines, true), ("cut", &lines, true)]).await;
    reconciling.files.deliver_cut_off(Path::new("cut"), &lines, true);
    let error = reconciling.run().await.unwrap_err();
    assert!(matches!(&error, ReconcileError::Malformed(malformed) if malformed.file == "cut"), "{error:?}");
    assert_eq!((reconciling.seen.lines.len(), reconciling.findings.kept()), (0, None));
}

#[tokio::test]
async fn a_store_that_fails_at_any_call_ends_it_without_kept_findings() {
    let mut lines = all_that_settles();
    lines.push(payment("p-1", 1000));
    let mut reconciling = Reconciling::of(&[("items", &lines, true)]).await;
    let expected = reconciling.run().await.unwrap();
    let mut calls = 0;
    loop {
        let days = Arc::new(FailsOnce::at(&reconciling.kept, calls, false));
        match reconciling.run_over(days).await {
            Ok(reconciliation) => {
                assert_eq!(reconciliation, expected);
                break;
            }
            Err(ReconcileError::Unavailable(_)) => calls += 1,
            Err(other) => unreachable!("{other}"),
        }
        assert_eq!(reconciling.findings.kept(), None);
    }
    assert!(calls >= 5, "{calls} calls: refunds, the day, cases and the day's pages");
}

/// The sum of the classes is the number of lines, whatever they are.
#[tokio::test]
async fn f83_every_line_is_counted_in_one_class() {
    let mut lines = all_that_settles();
    let other = ListedLine { other_type: Some("VOID".to_owned()), ..line(ListedKind::Other, Some("p-0"), 1000) };
    lines.extend([other.clone(), other, payment("nobody", 1), refund("gone", None, 1), payment("p-1", 1000)]);
    let mut reconciling = Reconciling::of(&[("items", &lines, true)]).await;
    reconciling.files.spoil(Path::new("items"), 0);
    let totals = reconciling.run().await.unwrap().totals;
    assert_eq!(totals.lines, LineCounts { compared: 6, only_looked_at: 2, unknown: 2, unreadable: 1 });
    assert_eq!((totals.lines.total(), totals.other_types["VOID"]), (lines.len() as u64, 2));
    let unreadable = &reconciling.seen.found[0];
    assert_eq!([0, 5, 6, 7].map(|column| unreadable[column].as_str()), ["unreadable", "items", "2", "the id is none"]);
}

#[tokio::test]
async fn f83_a_line_of_which_nothing_is_known_leaves_a_doubt_unless_that_is_allowed() {
    let mut lines = all_that_settles();
    lines.push(payment("nobody", 1));
    let mut reconciling = Reconciling::of(&[("items", &lines, true)]).await;
    assert_eq!(reconciling.run().await.unwrap().totals.gate, GateState::Doubt);
    reconciling.request.unknown_lines = UnknownLines::Allowed;
    let totals = reconciling.run().await.unwrap().totals;
    assert_eq!((totals.gate, totals.lines.unknown, totals.counts[&Mismatch::Unknown]), (GateState::Passed, 1, 1));
    reconciling.files.spoil(Path::new("items"), 0);
    assert_eq!(reconciling.run().await.unwrap().totals.gate, GateState::Doubt, "what cannot be read is never allowed");
}

/// The wallet core keeps the payments, so nothing is known of most of them here.
#[tokio::test]
async fn f83_with_payments_at_the_core_an_id_of_another_form_leaves_a_doubt() {
    let ids: Vec<_> = (0..300).map(|n| format!("20260301{n:012}")).collect();
    let mut lines: Vec<_> = ids.iter().map(|id| payment(id, 1000)).collect();
    lines.extend([payment("p-0", 1000), refund("gone", None, 1)]);
    let mut reconciling = Reconciling::over(a_day().await, &[("items", &lines, true)]);
    reconciling.request.scope = Scope::CancelledOnly;
    let totals = reconciling.run().await.unwrap().totals;
    let counts = LineCounts { only_looked_at: 1, unknown: 301, ..LineCounts::default() };
    assert_eq!(
        (totals.gate, totals.lines),
        (GateState::Passed, counts),
        "what is known here has a form of its own: {:?}",
        reconciling.found()
    );
    for (changed, place) in [("2026030100000000001", 0), ("20260301000000000001A", 7), ("20260301-00000000001", 299)] {
        let mut lines = lines.clone();
        lines[place] = payment(changed, 1000);
        reconciling.files.deliver(Path::new("items"), &lines, true);
        let totals = reconciling.run().await.unwrap().totals;
        assert_eq!((totals.gate, totals.lines.unknown), (GateState::Doubt, 301), "{changed}");
        assert_eq!(reconciling.found(), [["unknown", changed, "items", (place + 2).to_string().as_str()]]);
    }
    reconciling.request.unknown_lines = UnknownLines::Allowed;
    assert_eq!(reconciling.run().await.unwrap().totals.gate, GateState::Passed);
}

#[tokio::test]
async fn with_payments_at_the_core_forms_that_many_lines_have_leave_no_doubt() {
    let lines: Vec<_> = (0..200).map(|n| payment(&if n % 50 == 0 { format!("R{n:05}") } else { format!("{n:06}") }, 1)).collect();
    for some in [&lines[..], &lines[..1], &[]] {
        let mut reconciling = Reconciling::over(a_day().await, &[("items", some, true)]);
        reconciling.request.scope = Scope::CancelledOnly;
        let totals = reconciling.run().await.unwrap().totals;
        assert_eq!((totals.gate, totals.lines.unknown), (GateState::Passed, some.len() as u64));
    }
    let mut two = Reconciling::over(a_day().await, &[("items", &lines[..2], true)]);
    two.request.scope = Scope::CancelledOnly;
    assert_eq!(two.run().await.unwrap().totals.gate, GateState::Doubt, "which of the two forms is right nobody knows");
}

#[tokio::test]
async fn f85_fees_are_compared_as_a_whole_and_files_of_fees_apart_from_files_of_amounts() {
    let yen = |minor| Some(ListedAmount { minor, currency: Currency::parse("JPY").unwrap() });
    let with_fee = |name: &str, amount, fee| {
        let of = payment(name, 0);
        ListedLine { listed: Listed { amount, fee: yen(fee), ..of.listed }, ..of }
    };
    let mut items = all_that_settles();
    items[1] = with_fee("p-0", yen(1000), 3);
    let fees = [with_fee("p-0", None, 2), with_fee("p-0", None, 1), with_fee("p-2", None, 2), with_fee("p-2", None, 2)];
    let mut reconciling = Reconciling::of(&[("items", &items, true), ("fees", &fees, false)]).await;
    let totals = reconciling.run().await.unwrap().totals;
    assert_eq!(reconciling.found(), [["fee-differs", "p-2", "fees", "4"]]);
    assert_eq!(reconciling.seen.found[0][3..5], ["4 JPY", "3 JPY"]);
    assert_eq!((totals.gate, totals.lines.compared), (GateState::Passed, 10));
}

#[tokio::test]
async fn f85_a_summary_is_compared_with_the_lines_of_its_file() {
    let lines = all_that_settles();
    let mut reconciling = Reconciling::of(&[("items", &lines, true), ("more", &[], true)]).await;
    let summary = |minor| SummaryAmount { minor, currency: Currency::parse("JPY").ok() };
    for (minor, found) in [(4_995, None), (-4_995, None), (5_000, Some(["5000 JPY", "4995 JPY"]))] {
        reconciling.files.summarize(Path::new("items"), summary(minor));
        let totals = reconciling.run().await.unwrap().totals;
        let expected: Vec<_> = found.iter().map(|_| ["summary-differs", "", "items", "1"]).collect();
        assert_eq!((reconciling.found(), totals.gate), (expected, GateState::Passed));
        assert_eq!(reconciling.seen.found.first().map(|fields| [fields[3].as_str(), fields[4].as_str()]), found);
    }
    reconciling.files.spoil(Path::new("items"), 0);
    reconciling.run().await.unwrap();
    assert!(!reconciling.found().iter().any(|found| found[0] == "summary-differs"), "the amount of a line is not known");
}
