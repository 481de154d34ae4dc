//! Sorts what does not fit into memory: sorted runs in temporary files, merged as they are read.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::fs::File;
use std::io::{self, BufReader, BufWriter, Seek, Write};

use csv::ByteRecord;
use domain::{Currency, Listed, ListedAmount, ListedKind, PaymentRequestId, RefundRequestId};
use ports::{ListedTransaction, SortedTransactions, TransactionSorter};

/// How many transactions are held in memory at once.
const RUN: usize = 50_000;

/// Sorts on the disk, in the folder that `TMPDIR` names.
#[derive(Default)]
pub struct DiskSorter {
    held: Vec<ListedTransaction>,
    runs: Vec<File>,
}

impl DiskSorter {
    fn write_run(&mut self) -> io::Result<()> {
        self.held.sort();
        let mut run = tempfile::tempfile()?;
        let mut lines = csv::Writer::from_writer(BufWriter::new(&mut run));
        for transaction in self.held.drain(..) {
            lines.write_byte_record(&encode(&transaction))?;
        }
        lines.into_inner().map_err(|error| error.into_error())?.flush()?;
        run.rewind()?;
        self.runs.push(run);
        Ok(())
    }
}

impl TransactionSorter for DiskSorter {
    fn push(&mut self, transaction: ListedTransaction) -> io::Result<()> {
        if self.held.len() == RUN {
            self.write_run()?;
        }
        self.held.push(transaction);
        Ok(())
    }

    fn sorted(mut self: Box<Self>) -> io::Result<SortedTransactions> {
        self.held.sort();
        let reader = |run| csv::ReaderBuilder::new().has_headers(false).from_reader(BufReader::new(run));
        let runs = self.runs.into_iter().map(reader).collect();
        let mut merged = MergedRuns { heads: BinaryHeap::new(), runs, held: self.held.into_iter() };
        for run in 0..=merged.runs.len() {
            merged.refill(run)?;
        }
        Ok(Box::new(merged))
    }
}

/// The runs, merged.
struct MergedRuns {
    /// The next transaction of each run that has one.
    heads: BinaryHeap<Reverse<(ListedTransaction, usize)>>,
    runs: Vec<csv::Reader<BufReader<File>>>,
    /// The last run, which need not be written.
    held: std::vec::IntoIter<ListedTransaction>,
}

impl MergedRuns {
    fn refill(&mut self, run: usize) -> io::Result<()> {
        let next = match self.runs.get_mut(run) {
            Some(reader) => {
                let mut record = ByteRecord::new();
                if reader.read_byte_record(&mut record)? { Some(decode(&record)?) } else { None }
            }
            None => self.held.next(),
        };
        self.heads.extend(next.map(|transaction| Reverse((transaction, run))));
        Ok(())
    }
}

impl Iterator for MergedRuns {
    type Item = io::Result<ListedTransaction>;

    fn next(&mut self) -> Option<Self::Item> {
        let Reverse((transaction, run)) = self.heads.pop()?;
        Some(self.refill(run).map(|()| transaction))
    }
}

fn encode(transaction: &ListedTransaction) -> ByteRecord {
    let ListedTransaction { id, listed: Listed { kind, amount, fee }, file, line } = transaction;
    let (kind, refund) = match kind {
        ListedKind::Payment => ("P", ""),
        ListedKind::Refund(id) => ("R", id.as_str()),
        ListedKind::Other => ("O", ""),
    };
    let minor = |amount: &Option<ListedAmount>| amount.map(|amount| amount.minor.to_string()).unwrap_or_default();
    let code = |amount: &Option<ListedAmount>| amount.map(|amount| amount.currency.code()).unwrap_or_default();
    let numbers = [minor(amount), code(amount), minor(fee), code(fee), file.to_string(), line.to_string()];
    let mut record = ByteRecord::from(vec![id.as_str(), kind, refund]);
    record.extend(numbers);
    record
}

fn decode(record: &ByteRecord) -> io::Result<ListedTransaction> {
    let fields: Option<Vec<_>> = record.iter().map(|field| std::str::from_utf8(field).ok()).collect();
    let transaction = fields.and_then(|fields| decode_fields(&fields));
    transaction.ok_or_else(|| io::Error::other("a temporary file does not hold what was written to it"))
}

fn decode_fields(fields: &[&str]) -> Option<ListedTransaction> {
    let [id, kind, refund, minor, code, fee_minor, fee_code, file, line] = fields else { return None };
    let kind = match *kind {
        "P" => ListedKind::Payment,
        "R" => ListedKind::Refund(RefundRequestId::parse(*refund).ok()?),
        "O" => ListedKind::Other,
        _ => return None,
    };
    let amount = |minor: &str, code: &str| -> Option<Option<ListedAmount>> {
        if code.is_empty() {
            return Some(None);
        }
        Some(Some(ListedAmount { minor: minor.parse().ok()?, currency: Currency::parse(code).ok()? }))
    };
    Some(ListedTransaction {
        id: PaymentRequestId::parse(*id).ok()?,
        listed: Listed { kind, amount: amount(minor, code)?, fee: amount(fee_minor, fee_code)? },
        file: file.parse().ok()?,
        line: line.parse().ok()?,
    })
}

#[cfg(test)]
mod tests {
    use ports::testing::contracts::files::sorter::transaction;

    use super::*;

    #[test]
    fn what_does_not_fit_into_memory_comes_back_in_order_and_whole() {
        for count in [0, 1, RUN, RUN + 1, 2 * RUN + 777] {
            let mut sorter = Box::new(DiskSorter::default());
            let mut pushed: Vec<_> = (0..count).map(transaction).collect();
            for transaction in &pushed {
                sorter.push(transaction.clone()).unwrap();
            }
            pushed.sort();
            let mut sorted = sorter.sorted().unwrap();
            for expected in &pushed {
                let next = sorted.next().unwrap().unwrap();
                assert_eq!((&next, &next.listed), (expected, &expected.listed));
            }
            assert!(sorted.next().is_none());
        }
    }
}
