//! The suite: one file a group, one value a case.
#![deny(dead_code, unused_imports)]

mod amounts;
mod bodies;
mod fence;
mod identifiers;
mod lookup;
mod lost;
mod many;
mod once;
mod refunds;

use std::future::{Future, poll_fn};
use std::sync::Arc;
use std::task::Poll;

use tokio::sync::Barrier;
use tokio::task::JoinSet;

use super::bench::{CoreBench, Ended, Purchase};
use super::case::Case;
use crate::suite::case::Group;
use crate::suite::verdict::{CaseError, Verdict};

/// How many calls are under way at a time.
const AT_ONCE: usize = 32;

/// Every case with its group, in the order in which they are run.
pub(super) fn all() -> impl Iterator<Item = (Group, &'static Case)> {
    let parts: [(Group, &'static [Case]); 9] = [
        (Group::Once, once::CASES),
        (Group::Fence, fence::CASES),
        (Group::Lost, lost::CASES),
        (Group::Bodies, bodies::CASES),
        (Group::Refunds, refunds::CASES),
        (Group::Amounts, amounts::CASES),
        (Group::Identifiers, identifiers::CASES),
        (Group::Many, many::CASES),
        (Group::Lookup, lookup::CASES),
    ];
    parts.into_iter().flat_map(|(group, cases)| cases.iter().map(move |case| (group, case)))
}

/// Does the same with each payment, some at a time. The first that is wrong ends it.
async fn many_at_once<'a, F>(purchases: &'a [Purchase], each: impl Fn(&'a Purchase) -> F) -> Verdict
where
    F: Future<Output = Verdict>,
{
    let mut waiting = purchases.iter().map(|purchase| Box::pin(each(purchase)));
    let mut running: Vec<_> = waiting.by_ref().take(AT_ONCE).collect();
    let all = poll_fn(|context| {
        let mut at = 0;
        while let Some(call) = running.get_mut(at) {
            match call.as_mut().poll(context) {
                Poll::Pending => at += 1,
                Poll::Ready(Err(wrong)) => return Poll::Ready(Err(wrong)),
                Poll::Ready(Ok(())) => {
                    drop(running.swap_remove(at));
                    running.extend(waiting.next());
                }
            }
        }
        if running.is_empty() { Poll::Ready(Ok(())) } else { Poll::Pending }
    });
    all.await
}

/// Reverses all of them at the same moment, each from a task and a connection of its own.
async fn all_at_once(t: &CoreBench, purchases: &[Purchase]) -> Result<Vec<Ended>, CaseError> {
    let (mut tasks, barrier) = (JoinSet::new(), Arc::new(Barrier::new(purchases.len())));
    for purchase in purchases {
        let (t, purchase, barrier) = (t.clone(), purchase.clone(), Arc::clone(&barrier));
        tasks.spawn(async move {
            barrier.wait().await;
            t.reverse(&purchase).await
        });
    }
    let mut ended = Vec::with_capacity(purchases.len());
    while let Some(task) = tasks.join_next().await {
        ended.push(task.map_err(|error| CaseError::NotRun(format!("a caller broke down: {error}")))??);
    }
    Ok(ended)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_case_has_a_name_of_its_own_and_none_is_lost() {
        let names: BTreeSet<_> = all().map(|(_, case)| case.name).collect();
        assert_eq!(names.len(), all().count());
        assert_eq!(names.len(), 38, "a case more or less is written down here");
    }
}
