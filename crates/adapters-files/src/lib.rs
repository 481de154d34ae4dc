//! The settlement's files on a disk: statements are written, Alipay+'s clearing files are read and sorted, and findings are written down.
//!
//! Nothing here holds a whole file in memory, and nothing that is written has its name before all of it is on the disk.

mod atomic_file;
mod content;
mod fields;
mod findings;
mod head;
mod lines;
mod reader;
mod records;
mod sorter;
mod statement;
mod values;

pub use findings::FindingFiles;
pub use reader::AlipayplusFiles;
pub use sorter::DiskSorter;
pub use statement::CsvStatements;
