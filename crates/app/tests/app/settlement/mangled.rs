//! A line that lists a cancelled payment is mangled, and the check must never pass.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use adapters_files::{AlipayplusFiles, DiskSorter};
use domain::{GateState, Scope, UnknownLines};
use ports::testing::{MemoryFindings, MemoryStore, Wallet, ledger_policy};
use ports::{CancellationStore, ClearingFormat, ColumnNames, LocatedFinding, SlashedDates};
use proptest::prelude::{Just, Strategy, any, prop_oneof};
use proptest::sample::Index;
use proptest::test_runner::{Config, TestRunner};
use testkit::{Deployment, TestEngine};
use use_cases::{ReconcileError, ReconcileRequest, ReconciliationObserver, ReconciliationPorts, reconcile};

use crate::settlement::checking::{DETAILS, check, write};
use crate::settlement::fixtures::{SUCCEEDED, stores};
use crate::settlement::mangles::{Place, WAYS, line_of};

/// A file that lists payments, of which the wallet cancelled one.
#[derive(Debug, Clone)]
struct Honest {
    ids: Vec<String>,
    cancelled: usize,
    /// By how many columns the file begins later than others.
    turned_by: usize,
    quoted: bool,
    with_summary: bool,
    with_end: bool,
}

impl Honest {
    fn turned(&self, fields: &[&str]) -> Vec<String> {
        let mut fields: Vec<_> = fields.iter().map(|field| (*field).to_owned()).collect();
        fields.rotate_left(self.turned_by);
        fields
    }

    fn fields(&self, id: &str) -> Vec<String> {
        self.turned(&["T-1", "", id, "PAYMENT", "2026-03-01T09:15:00+08:00", "1000", "JPY", "1000", "JPY"])
    }

    /// The file with these bytes in the place of the cancelled payment's line.
    fn file(&self, cancelled: &[u8]) -> Vec<u8> {
        let count = self.ids.len();
        let summary = format!("totalCount,netAmountValue,netCurrency,direction\n{count},{},JPY,D\n", count * 1000);
        let head = line_of(&self.turned(&DETAILS.split(',').collect::<Vec<_>>()), self.quoted);
        let mut file = if self.with_summary { summary + &head } else { head }.into_bytes();
        for (n, id) in self.ids.iter().enumerate() {
            let line = line_of(&self.fields(id), self.quoted).into_bytes();
            file.extend(if n == self.cancelled { cancelled } else { &line });
        }
        file.extend(if self.with_end { &b"<END>\n"[..] } else { b"" });
        file
    }

    /// The file whose line was mangled in the way with that index.
    fn mangled(&self, way: usize, chance: usize) -> Vec<u8> {
        let fields = self.fields(&self.ids[self.cancelled]);
        let [id, time, amount] = [2, 4, 7].map(|column| (column + fields.len() - self.turned_by) % fields.len());
        let above = self.cancelled.checked_sub(1).map_or("transactionRequestId", |above| self.ids[above].as_str());
        self.file(&WAYS[way].1(&Place { fields: &fields, id, amount, time, above, quoted: self.quoted, chance }))
    }

    async fn record(&self, store: &dyn CancellationStore) {
        for (n, id) in self.ids.iter().enumerate() {
            let wallet = Wallet::of(id);
            let mut life = vec![wallet.pays(), wallet.reports(SUCCEEDED)];
            life.extend((n == self.cancelled).then(|| wallet.is_cancelled()));
            assert!(store.decide(life).await.iter().all(Result::is_ok));
        }
    }
}

/// Ids as they are known of Alipay+ and of acquirers.
fn ids() -> impl Strategy<Value = Vec<String>> {
    let form = prop_oneof![
        Just("20260301[0-9]{12}"),
        Just("0020260301[0-9]{18}"),
        Just("[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[0-9a-f]{12}"),
        Just("pay_[A-Za-z0-9]{20}"),
    ];
    form.prop_flat_map(|form| proptest::collection::btree_set(form, 1..8)).prop_map(|ids: BTreeSet<String>| Vec::from_iter(ids))
}

fn honest() -> impl Strategy<Value = Honest> {
    (ids(), any::<Index>(), 0..9_usize, any::<[bool; 3]>()).prop_map(
        |(ids, cancelled, turned_by, [quoted, with_summary, with_end])| Honest {
            cancelled: cancelled.index(ids.len()),
            ids,
            turned_by,
            quoted,
            with_summary,
            with_end,
        },
    )
}

struct Nobody;

impl ReconciliationObserver for Nobody {
    fn compares(&mut self, _: u64) {}
    fn compared(&mut self, _: u64) {}
    fn found(&mut self, _: &LocatedFinding<'_>) {}
}

fn format() -> ClearingFormat {
    let named = str::to_owned;
    let columns = ColumnNames {
        transaction_request_id: named("transactionRequestId"),
        original_transaction_request_id: named("originalTransactionRequestId"),
        transaction_type: named("transactionType"),
        transaction_time: named("transactionTime"),
        settlement_amount_value: named("settlementAmountValue"),
        settlement_currency: named("settlementCurrency"),
        fee_amount_value: named("feeAmountValue"),
        fee_currency: named("feeCurrency"),
        total_count: named("totalCount"),
        net_amount_value: named("netAmountValue"),
        net_currency: named("netCurrency"),
    };
    let [payment_types, refund_types] = ["PAYMENT", "REFUND"].map(|word| vec![named(word)]);
    ClearingFormat { columns, payment_types, refund_types, slashed_dates: SlashedDates::YearFirst, allows_line_breaks: false }
}

/// What the gate says of a file of these bytes; a file that cannot be read leaves a doubt.
async fn gate(store: &MemoryStore, path: &Path, bytes: &[u8]) -> GateState {
    std::fs::write(path, bytes).unwrap();
    let ports = ReconciliationPorts {
        days: Arc::new(store.clone()),
        reader: Arc::new(AlipayplusFiles::new(format(), |_| ())),
        sorter: Box::new(DiskSorter::default()),
        findings: Box::new(MemoryFindings::default()),
    };
    let (files, scope, unknown_lines) = (vec![PathBuf::from(path)], Scope::Everything, UnknownLines::Doubt);
    match reconcile(ports, &ReconcileRequest { files, day: None, scope, unknown_lines }, &mut Nobody).await {
        Ok(reconciliation) => reconciliation.totals.gate,
        Err(ReconcileError::Malformed(_)) => GateState::Doubt,
        Err(other) => panic!("{other}"),
    }
}

#[test]
fn f83_a_mangled_line_of_a_cancelled_payment_never_passes() {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("items.csv");
    let mut runner = TestRunner::new(Config { cases: 100, failure_persistence: None, ..Config::default() });
    let cases = (honest(), any::<[Index; WAYS.len()]>());
    let held = runner.run(&cases, |(honest, chances)| {
        runtime.block_on(async {
            let store = MemoryStore::new(ledger_policy());
            honest.record(&store).await;
            let line = line_of(&honest.fields(&honest.ids[honest.cancelled]), honest.quoted);
            assert_eq!(gate(&store, &path, &honest.file(line.as_bytes())).await, GateState::Failed, "as it came");
            for (way, chance) in chances.iter().enumerate() {
                let file = honest.mangled(way, chance.index(1 << 20));
                let said = gate(&store, &path, &file).await;
                assert_ne!(said, GateState::Passed, "{}: {}", WAYS[way].0, String::from_utf8_lossy(&file));
            }
        });
        Ok(())
    });
    held.unwrap();
}

/// The honest file of a wallet that cancelled nothing in it passes, so the gate is not simply shut.
#[test]
fn f83_the_honest_file_without_the_cancelled_payment_passes() {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("items.csv");
    let mut runner = TestRunner::new(Config { cases: 100, failure_persistence: None, ..Config::default() });
    let held = runner.run(&honest(), |honest| {
        runtime.block_on(async {
            let store = MemoryStore::new(ledger_policy());
            honest.record(&store).await;
            let mut listed = honest.clone();
            listed.ids.remove(honest.cancelled);
            listed.cancelled = usize::MAX;
            assert_eq!(gate(&store, &path, &listed.file(b"")).await, GateState::Passed);
        });
        Ok(())
    });
    held.unwrap();
}

/// The same by the command's exit code.
#[tokio::test]
async fn f83_no_way_of_mangling_ends_the_command_with_code_zero() {
    let deployment = Deployment::on(TestEngine::Sqlite);
    let ids = ["20260301000000000017", "20260301000000000044", "20260301000000000093"].map(str::to_owned).to_vec();
    let honest = Honest { ids, cancelled: 1, turned_by: 0, quoted: false, with_summary: false, with_end: true };
    honest.record(stores(&deployment, &ledger_policy()).0.as_ref()).await;
    for (way, (name, _)) in WAYS.iter().enumerate() {
        write(&deployment, "items.csv", honest.mangled(way, 29));
        let output = check(&deployment, &["items.csv"]);
        assert!(matches!(output.status.code(), Some(2 | 3)), "{name}: {output:?}");
    }
}

#[test]
fn every_way_of_mangling_is_on_the_page() {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/operate/settlement.md");
    let page = std::fs::read_to_string(page).unwrap();
    let (_, part) = page.split_once("### What mangles a file\n").unwrap();
    let rows = part.split("\n#").next().unwrap().lines().filter_map(|line| line.strip_prefix("| `")?.split('`').next());
    assert_eq!(rows.collect::<Vec<_>>(), WAYS.map(|(name, _)| name));
}
