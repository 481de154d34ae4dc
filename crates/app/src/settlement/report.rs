//! What a check found: a table for people, files for machines. Findings are written as they come, however many there are.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::{self, Write};
use std::path::Path;

use domain::{Finding, ListedAmount, Mismatch, Money, PaymentRequestId, RefundRequestId};
use serde_json::json;

use super::atomic_file::WholeFile;

/// How many findings of a kind are shown to people.
const SHOWN: u64 = 20;

/// The columns of a finding, for people and machines alike.
const COLUMNS: [&str; 7] = ["finding", "paymentRequestId", "refundRequestId", "listed", "recorded", "file", "line"];

/// Where a file lists it.
#[derive(Debug, Clone, Copy)]
pub(super) struct SourceLine<'a> {
    pub(super) file: &'a str,
    pub(super) line: u64,
}

/// Takes findings in.
pub(super) struct Report {
    counts: BTreeMap<Mismatch, u64>,
    shown: Vec<[String; 7]>,
    csv: Option<csv::Writer<WholeFile>>,
    json: Option<WholeFile>,
}

impl Report {
    /// A report that goes to these files too.
    pub(super) fn create(csv: Option<&Path>, json: Option<&Path>) -> io::Result<Self> {
        let mut csv = csv.map(WholeFile::create).transpose()?.map(csv::Writer::from_writer);
        if let Some(csv) = &mut csv {
            csv.write_record(COLUMNS)?;
        }
        let mut json = json.map(WholeFile::create).transpose()?;
        if let Some(json) = &mut json {
            json.write_all(b"{\"findings\":[")?;
        }
        Ok(Self { counts: BTreeMap::new(), shown: Vec::new(), csv, json })
    }

    pub(super) fn add(
        &mut self,
        id: Option<&PaymentRequestId>,
        finding: &Finding,
        place: Option<SourceLine<'_>>,
    ) -> io::Result<()> {
        let count = self.counts.entry(finding.mismatch).or_default();
        *count += 1;
        let fields = [
            finding.mismatch.as_str().to_owned(),
            id.map(PaymentRequestId::to_string).unwrap_or_default(),
            finding.refund.as_ref().map(RefundRequestId::to_string).unwrap_or_default(),
            finding.listed.map(listed).unwrap_or_default(),
            finding.recorded.as_ref().map(Money::to_string).unwrap_or_default(),
            place.map(|place| place.file.to_owned()).unwrap_or_default(),
            place.map(|place| place.line.to_string()).unwrap_or_default(),
        ];
        if let Some(csv) = &mut self.csv {
            csv.write_record(&fields)?;
        }
        if let Some(json) = &mut self.json {
            let known = COLUMNS.iter().zip(&fields).filter(|(_, field)| !field.is_empty());
            let object: serde_json::Map<_, _> = known.map(|(name, field)| ((*name).to_owned(), json!(field))).collect();
            let comma = if self.counts.values().sum::<u64>() == 1 { "\n" } else { ",\n" };
            write!(json, "{comma}{}", json!(object))?;
        }
        if self.counts[&finding.mismatch] <= SHOWN {
            self.shown.push(fields);
        }
        Ok(())
    }

    /// Whether a cancelled payment is in the files.
    pub(super) fn fails_the_gate(&self) -> bool {
        self.counts.keys().any(|mismatch| mismatch.fails_the_gate())
    }

    /// Keeps the files, and returns what people are shown.
    pub(super) fn finish(self, lines: u64) -> io::Result<String> {
        let fails = self.fails_the_gate();
        let Self { counts, shown, csv, json } = self;
        if let Some(csv) = csv {
            csv.into_inner().map_err(csv::IntoInnerError::into_error)?.keep()?;
        }
        if let Some(mut json) = json {
            let counts: serde_json::Map<_, _> = counts.iter().map(|(kind, count)| (kind.to_string(), json!(count))).collect();
            writeln!(
                json,
                "\n],\"counts\":{},\"lines\":{lines},\"gate\":{}}}",
                json!(counts),
                json!(if fails { "failed" } else { "passed" })
            )?;
            json.keep()?;
        }
        Ok(table(&counts, shown))
    }
}

fn listed(amount: ListedAmount) -> String {
    format!("{} {}", amount.minor, amount.currency)
}

fn table(counts: &BTreeMap<Mismatch, u64>, mut shown: Vec<[String; 7]>) -> String {
    if counts.is_empty() {
        return String::new();
    }
    let mut text = String::new();
    for (mismatch, count) in counts {
        // Writing to a text cannot fail.
        let _ = writeln!(text, "{:<22} {count:>9}", mismatch.as_str());
    }
    let order = |name: &str| Mismatch::ALL.iter().position(|mismatch| mismatch.as_str() == name);
    shown.sort_by_key(|fields| order(&fields[0]));
    shown.insert(0, COLUMNS.map(str::to_owned));
    let width = |column: usize| shown.iter().map(|fields| fields[column].len()).max().unwrap_or_default();
    let widths: Vec<_> = (0..COLUMNS.len()).map(width).collect();
    text.push('\n');
    for fields in &shown {
        let cells: Vec<_> = fields.iter().zip(&widths).map(|(field, width)| format!("{field:<width$}")).collect();
        let _ = writeln!(text, "{}", cells.join("  ").trim_end());
    }
    if counts.values().any(|count| *count > SHOWN) {
        let _ = writeln!(text, "… only the first {SHOWN} of a kind are shown; --csv and --json write all of them");
    }
    text
}
