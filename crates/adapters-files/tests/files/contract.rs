//! The files on a disk keep the promises of their ports.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use adapters_files::{AlipayplusFiles, CsvStatements, DiskSorter, FindingFiles};
use domain::{ListedAmount, ListedKind};
use ports::testing::contracts::files::clearing::{ClearingSubject, Delivery};
use ports::testing::contracts::files::findings::FindingsSubject;
use ports::testing::contracts::files::sorter::SorterSubject;
use ports::testing::contracts::files::statements::StatementSubject;
use ports::{ClearingFileReader, FindingsWriter, ListedLine, StatementWriter, TransactionSorter};
use tempfile::TempDir;

use crate::format;

struct OnDisk(TempDir);

impl OnDisk {
    fn fresh() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn all(&self) -> Vec<(PathBuf, Vec<u8>)> {
        let paths = fs::read_dir(self.0.path()).unwrap().map(|entry| entry.unwrap().path());
        paths.map(|path| (path.clone(), fs::read(&path).unwrap())).collect()
    }
}

impl StatementSubject for OnDisk {
    fn writer(&self) -> Arc<dyn StatementWriter> {
        Arc::new(CsvStatements)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// A statement that is being written stands beside under a name of its own, as long as it is open.
    fn files(&self) -> Vec<(PathBuf, Vec<u8>)> {
        self.all()
    }
}

/// A line of a file: an amount's two columns, or a fee's, are empty where the line has none.
fn csv_line(line: &ListedLine, lists_amounts: bool) -> String {
    let (kind, id, original) = match &line.listed.kind {
        ListedKind::Refund(refund) => ("REFUND", refund.to_string(), line.id.as_ref().map(ToString::to_string)),
        ListedKind::Payment => ("PAYMENT", line.id.as_ref().unwrap().to_string(), None),
        ListedKind::Other => ("DISPUTE", line.id.as_ref().unwrap().to_string(), None),
    };
    let money =
        |amount: Option<ListedAmount>| amount.map_or(",".to_owned(), |amount| format!("{},{}", amount.minor, amount.currency));
    let quoted = |text: &str| format!("\"{}\"", text.replace('"', "\"\""));
    let time = line.day.map(|day| format!("{day} 23:59:59")).unwrap_or_default();
    let amount = if lists_amounts { format!("{},", money(line.listed.amount)) } else { String::new() };
    let (id, original) = (quoted(&id), original.map(|id| quoted(&id)).unwrap_or_default());
    format!("{id},{original},{kind},{time},{amount}{}\n", money(line.listed.fee))
}

impl ClearingSubject for OnDisk {
    fn reader(&self) -> Arc<dyn ClearingFileReader> {
        Arc::new(AlipayplusFiles::new(format(), |_| ()))
    }

    fn deliver(&self, name: &str, file: &Delivery) -> PathBuf {
        let amounts = if file.lists_amounts { "settlementAmountValue,settlementCurrency," } else { "" };
        let mut text = format!(
            "transactionRequestId,originalTransactionRequestId,transactionType,transactionTime,{amounts}feeAmountValue,feeCurrency\n"
        );
        let lines = file.lines.iter().map(|line| csv_line(line, file.lists_amounts)).enumerate();
        // As a spreadsheet marks what is no number.
        let spoil = |(n, line): (usize, String)| if file.unreadable == Some(n) { line.replacen('"', "\"'", 1) } else { line };
        text.extend(lines.map(spoil));
        if file.is_cut_off {
            text.truncate(text.trim_end_matches(['\n', ',']).len() - 4);
        }
        let path = self.0.path().join(name);
        fs::write(&path, text).unwrap();
        path
    }

    fn nowhere(&self) -> PathBuf {
        self.0.path().join("nowhere.csv")
    }
}

impl SorterSubject for OnDisk {
    fn sorter(&self) -> Box<dyn TransactionSorter> {
        Box::new(DiskSorter::default())
    }

    /// Three runs.
    fn many(&self) -> usize {
        120_000
    }
}

/// Findings as one of the two files.
struct Findings {
    folder: OnDisk,
    is_json: bool,
}

impl FindingsSubject for Findings {
    fn writer(&self) -> Box<dyn FindingsWriter> {
        let path = self.folder.0.path().join("found");
        let path: Option<&Path> = Some(&path);
        let (csv, json) = if self.is_json { (None, path) } else { (path, None) };
        Box::new(FindingFiles::create(csv, json).unwrap())
    }

    fn kept(&self) -> Option<Vec<u8>> {
        self.folder.all().pop().map(|(_, bytes)| bytes)
    }
}

mod statements {
    ports::statement_writer_contract!(super::OnDisk::fresh());
}

mod clearing {
    ports::clearing_file_reader_contract!(super::OnDisk::fresh());
}

mod sorter {
    ports::transaction_sorter_contract!(super::OnDisk::fresh());
}

mod csv_findings {
    ports::findings_writer_contract!(super::Findings { folder: super::OnDisk::fresh(), is_json: false });
}

mod json_findings {
    ports::findings_writer_contract!(super::Findings { folder: super::OnDisk::fresh(), is_json: true });
}
