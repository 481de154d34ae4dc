//! Inquiries: one statement for a batch, on the primary, without a lock.

use std::collections::{BTreeMap, BTreeSet};

use diesel::result::Error as DieselError;
use domain::{CancellationStateName, InquiredCase, InquiryReply, PaymentInquiry, inquire};
use ports::UnavailableError;

use crate::deadline::Deadline;
use crate::engine::SqlConnection;
use crate::pool::{Loan, unavailable};
use crate::rows::{CaseKey, CaseRow, InconsistentRowError, inconsistent};
use crate::session::{is_of_connection, throw_away_after};
use crate::store::SqlStore;

/// One for each inquiry of a batch.
pub(crate) type InquiryReplies = Vec<Result<InquiryReply, UnavailableError>>;

/// Answers a batch. A connection that was lost meanwhile costs nobody an answer: to ask twice changes nothing.
pub(crate) fn inquire_all<C: SqlConnection>(
    store: &SqlStore<C>,
    batch: &[PaymentInquiry],
    deadline: &Deadline,
) -> Result<InquiryReplies, UnavailableError> {
    let ids: BTreeSet<&str> = batch.iter().map(|inquiry| inquiry.id.as_str()).collect();
    let keys: Vec<_> = ids.into_iter().map(CaseKey::of).collect();
    let mut loan = store.readers.take_unasked(deadline)?;
    let rows = match read_rows(&mut loan, &keys) {
        Err(lost) if is_of_connection(&lost) => {
            drop(loan);
            read_rows(&mut store.readers.take(deadline)?, &keys)
        }
        read => read,
    };
    let rows = rows.map_err(|error| unavailable(&error))?;
    // What was read of a file that had just gone is not known to be true.
    store.readers.check_file()?;
    let cases: BTreeMap<String, Result<InquiredCase, InconsistentRowError>> =
        rows.into_iter().map(|row| (row.payment_request_id.clone().into_owned(), row.inquired())).collect();
    let nothing = InquiredCase::default();
    let reply = |inquiry: &PaymentInquiry| match cases.get(inquiry.id.as_str()) {
        Some(Ok(case)) => Ok(inquire(&store.policy, case, inquiry)),
        Some(Err(unreadable)) => Err(inconsistent(unreadable)),
        None => Ok(inquire(&store.policy, &nothing, inquiry)),
    };
    Ok(batch.iter().map(reply).collect())
}

/// The rows as last committed. That a payment is closed is told for ever, so where commits wait for a standby it has to be there:
/// somebody may have cancelled the wait of the commit that closed it.
fn read_rows<C: SqlConnection>(loan: &mut Loan<C>, keys: &[CaseKey<'_>]) -> Result<Vec<CaseRow<'static>>, DieselError> {
    let (connection, session) = loan.parts();
    let read = connection.case_rows(keys).and_then(|rows| {
        let says_closed = rows.iter().any(|row| row.is_in(CancellationStateName::Cancelled));
        if says_closed && session.waits_for_standby() {
            (session.fence)(connection)?;
        }
        Ok(rows)
    });
    read.inspect_err(|error| throw_away_after(connection, error))
}
