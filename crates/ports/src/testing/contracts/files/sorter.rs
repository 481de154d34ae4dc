//! The promises of [`TransactionSorter`].

use domain::{Currency, Listed, ListedAmount, ListedKind, RefundRequestId};

use crate::testing::id;
use crate::{ListedTransaction, TransactionSorter};

/// Makes sorters.
pub trait SorterSubject: Send + Sync {
    /// An empty sorter.
    fn sorter(&self) -> Box<dyn TransactionSorter>;

    /// More transactions than the sorter holds in memory.
    fn many(&self) -> usize;
}

/// One of many transactions, far from sorted. An adapter that tests the sizes of its own takes them from here.
pub fn transaction(n: usize) -> ListedTransaction {
    let scattered = n.wrapping_mul(7_919) % 1_003;
    let kind = match n % 3 {
        0 => ListedKind::Payment,
        1 => ListedKind::Refund(RefundRequestId::parse(format!("r,\"{n}\"")).unwrap()),
        _ => ListedKind::Other,
    };
    let amount = |minor| Some(ListedAmount { minor, currency: Currency::parse("JPY").unwrap() });
    let listed = Listed { kind, amount: amount(i64::MIN), fee: amount(0).filter(|_| n.is_multiple_of(2)) };
    ListedTransaction { id: id(&format!("p-{scattered:06}")), listed, file: n % 2, line: n as u64 }
}

fn sorts(subject: &impl SorterSubject, count: usize) {
    let mut sorter = subject.sorter();
    let mut expected: Vec<_> = (0..count).map(transaction).collect();
    for transaction in &expected {
        sorter.push(transaction.clone()).unwrap();
    }
    expected.sort();
    let mut sorted = sorter.sorted().unwrap();
    for expected in &expected {
        let next = sorted.next().unwrap().unwrap();
        // Equal by their places; what they list has to come back as well.
        assert_eq!((&next, &next.listed), (expected, &expected.listed));
    }
    assert!(sorted.next().is_none());
}

contract! {
    /// Makes a test of each promise of a transaction sorter; `subject` makes a fresh [`SorterSubject`](crate::testing::contracts::files::sorter::SorterSubject).
    ($) transaction_sorter_contract! in (files::sorter)

    /// A cycle may be empty.
    async fn nothing_sorts_to_nothing(subject: &impl SorterSubject) {
        sorts(subject, 0);
    }

    /// All that a line says comes back as it was pushed.
    async fn a_few_transactions_come_back_in_order_and_whole(subject: &impl SorterSubject) {
        sorts(subject, 1);
        sorts(subject, 1_000);
    }

    /// What does not fit into memory is not lost, doubled or out of order.
    async fn many_transactions_come_back_in_order_and_whole(subject: &impl SorterSubject) {
        sorts(subject, subject.many());
    }
}
