//! The promises of the ports to the settlement's files.
//!
//! | port | macro | what it takes |
//! |---|---|---|
//! | [`StatementWriter`](crate::StatementWriter) | [`statement_writer_contract!`](crate::statement_writer_contract) | a [`StatementSubject`](statements::StatementSubject) |
//! | [`ClearingFileReader`](crate::ClearingFileReader) | [`clearing_file_reader_contract!`](crate::clearing_file_reader_contract) | a [`ClearingSubject`](clearing::ClearingSubject) |
//! | [`TransactionSorter`](crate::TransactionSorter) | [`transaction_sorter_contract!`](crate::transaction_sorter_contract) | a [`SorterSubject`](sorter::SorterSubject) |
//! | [`FindingsWriter`](crate::FindingsWriter) | [`findings_writer_contract!`](crate::findings_writer_contract) | a [`FindingsSubject`](findings::FindingsSubject) |

pub mod clearing;
pub mod findings;
pub mod sorter;
pub mod statements;
