//! Inquiries: one statement for a batch, on the primary, without a lock.

use std::collections::{BTreeMap, BTreeSet};

use diesel::result::Error as DieselError;
use domain::{InquiredCase, InquiryReply, PaymentInquiry, Policy, inquire};
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
    let replies = match answer(store, &mut loan, (&keys, batch)) {
        Err(lost) if is_of_connection(&lost) => {
            drop(loan);
            answer(store, &mut store.readers.take(deadline)?, (&keys, batch))
        }
        answered => answered,
    };
    let replies = replies.map_err(|error| unavailable(&error))?;
    // What was read of a file that had just gone is not known to be true.
    store.readers.check_file()?;
    Ok(replies)
}

/// Answers from the rows as last committed. That a payment is closed is told for ever, so where commits wait for a standby it has to be
/// there: somebody may have cancelled the wait of the commit that closed it.
fn answer<C: SqlConnection>(
    store: &SqlStore<C>,
    loan: &mut Loan<C>,
    (keys, batch): (&[CaseKey<'_>], &[PaymentInquiry]),
) -> Result<InquiryReplies, DieselError> {
    let (connection, session) = loan.parts();
    let answered = connection.case_rows(keys).and_then(|rows| {
        let replies = replies_to(&store.policy, batch, rows);
        let says_closed = replies.iter().flatten().any(InquiryReply::says_closed);
        if says_closed && session.waits_for_standby() {
            (session.fence)(connection)?;
        }
        Ok(replies)
    });
    answered.inspect_err(|error| throw_away_after(connection, error))
}

fn replies_to(policy: &Policy, batch: &[PaymentInquiry], rows: Vec<CaseRow<'_>>) -> InquiryReplies {
    let cases: BTreeMap<String, Result<InquiredCase, InconsistentRowError>> =
        rows.into_iter().map(|row| (row.payment_request_id.clone().into_owned(), row.inquired())).collect();
    let nothing = InquiredCase::default();
    let reply = |inquiry: &PaymentInquiry| match cases.get(inquiry.id.as_str()) {
        Some(Ok(case)) => Ok(inquire(policy, case, inquiry)),
        Some(Err(unreadable)) => Err(inconsistent(unreadable)),
        None => Ok(inquire(policy, &nothing, inquiry)),
    };
    batch.iter().map(reply).collect()
}
