//! The settlement's files in memory keep the promises of their ports.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use ports::testing::contracts::files::clearing::{ClearingSubject, Delivery};
use ports::testing::contracts::files::findings::FindingsSubject;
use ports::testing::contracts::files::sorter::SorterSubject;
use ports::testing::contracts::files::statements::StatementSubject;
use ports::testing::{MemoryClearingFiles, MemoryFindings, MemorySorter, MemoryStatements};
use ports::{ClearingFileReader, FindingsWriter, StatementWriter, TransactionSorter};

#[derive(Default)]
struct InMemory {
    statements: MemoryStatements,
    clearing: MemoryClearingFiles,
    findings: MemoryFindings,
}

impl StatementSubject for InMemory {
    fn writer(&self) -> Arc<dyn StatementWriter> {
        Arc::new(self.statements.clone())
    }

    fn path(&self, name: &str) -> PathBuf {
        Path::new("folder").join(name)
    }

    fn files(&self) -> Vec<(PathBuf, Vec<u8>)> {
        self.statements.kept()
    }
}

impl ClearingSubject for InMemory {
    fn reader(&self) -> Arc<dyn ClearingFileReader> {
        Arc::new(self.clearing.clone())
    }

    fn deliver(&self, name: &str, file: &Delivery) -> PathBuf {
        let path = Path::new("folder").join(name);
        let deliver = if file.is_cut_off { MemoryClearingFiles::deliver_cut_off } else { MemoryClearingFiles::deliver };
        deliver(&self.clearing, &path, &file.lines, file.lists_amounts);
        file.unreadable.iter().for_each(|index| self.clearing.spoil(&path, *index));
        path
    }

    fn nowhere(&self) -> PathBuf {
        PathBuf::from("nowhere.csv")
    }
}

impl SorterSubject for InMemory {
    fn sorter(&self) -> Box<dyn TransactionSorter> {
        Box::new(MemorySorter::default())
    }

    fn many(&self) -> usize {
        20_000
    }
}

impl FindingsSubject for InMemory {
    fn writer(&self) -> Box<dyn FindingsWriter> {
        Box::new(self.findings.clone())
    }

    fn kept(&self) -> Option<Vec<u8>> {
        self.findings.kept().map(|kept| format!("{kept:?}").into_bytes())
    }
}

mod statements {
    ports::statement_writer_contract!(super::InMemory::default());
}

mod clearing {
    ports::clearing_file_reader_contract!(super::InMemory::default());
}

mod sorter {
    ports::transaction_sorter_contract!(super::InMemory::default());
}

mod findings {
    ports::findings_writer_contract!(super::InMemory::default());
}
