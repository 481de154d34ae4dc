//! Those who settle: every night they close the day before, write its statement, and look at what is in it.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use domain::{Answer, ClearingDay, FinalAnswer, PaymentRequestId};
use ports::ClosedDay;
use tokio::time::{sleep, timeout};
use use_cases::{CloseDayError, close_day, write_statement};

use crate::cluster::Cluster;
use crate::random::Random;
use crate::recorder::lock;
use crate::violations::ViolationKind;

/// What the statements of a deployment had in them.
#[derive(Debug, Default)]
pub(crate) struct Stated {
    /// The payments and refunds by their ids, with their days.
    lines: Mutex<BTreeMap<String, ClearingDay>>,
    digests: Mutex<BTreeMap<ClearingDay, String>>,
    /// Days that are over and not closed.
    open: Mutex<BTreeSet<ClearingDay>>,
}

impl Stated {
    /// A day is over.
    pub(crate) fn owes(&self, day: ClearingDay) {
        lock(&self.open).insert(day);
    }

    /// The days that are over and not closed.
    pub(crate) fn open_days(&self) -> Vec<ClearingDay> {
        lock(&self.open).iter().copied().collect()
    }

    /// Whether a statement has this payment or refund.
    pub(crate) fn has(&self, line: &str) -> bool {
        lock(&self.lines).contains_key(line)
    }
}

/// Closes every day that is over, two callers at once.
pub(crate) async fn settle(cluster: Arc<Cluster>, stated: Arc<Stated>, mut random: Random) {
    for day in stated.open_days() {
        let other = Arc::clone(&cluster);
        let mut other_random = Random::of(random.next(), "settles too");
        let beside = tokio::spawn(async move { close(&other, day, &mut other_random).await.is_some() });
        let closed = close(&cluster, day, &mut random).await;
        let _ = beside.await;
        if let Some(closed) = closed {
            cluster.world.recorder.count("days closed");
            lock(&stated.open).remove(&day);
            state(&cluster, &stated, &closed, &mut random).await;
        }
    }
}

/// Tries again where a process dies, a store fails, or a clock is behind; `None` where it cannot be closed.
async fn close(cluster: &Arc<Cluster>, day: ClearingDay, random: &mut Random) -> Option<ClosedDay> {
    for _ in 0..40 {
        let node = cluster.pick(random)?;
        match timeout(Duration::from_secs(60), close_day(&node.settlement, day)).await {
            Ok(Ok(closed)) if !node.life.is_over() => return Some(closed),
            Ok(Err(CloseDayError::Deferred { .. } | CloseDayError::Blocked { .. })) => return None,
            Ok(Ok(_) | Err(CloseDayError::TooEarly { .. } | CloseDayError::Unavailable(_))) | Err(_) => {}
        }
        sleep(Duration::from_secs(2)).await;
    }
    None
}

async fn state(cluster: &Arc<Cluster>, stated: &Stated, closed: &ClosedDay, random: &mut Random) {
    let (world, day) = (&cluster.world, closed.statement.day);
    let path = PathBuf::from(format!("{day}.csv"));
    for _ in 0..20 {
        let Some(node) = cluster.pick(random) else { return };
        let written = timeout(Duration::from_secs(60), write_statement(&node.settlement, closed, &path)).await;
        if let Ok(Ok(())) = written {
            break;
        }
        sleep(Duration::from_secs(1)).await;
    }
    let digest = lock(&stated.digests).entry(day).or_insert_with(|| closed.digest.clone()).clone();
    if digest != closed.digest {
        world.violates(ViolationKind::StatementChanged, &day, format!("{digest} and now {}", closed.digest));
    }
    let kept = cluster.statements.kept();
    let Some((_, bytes)) = kept.into_iter().find(|(kept, _)| *kept == path) else { return };
    let fees: i128 = String::from_utf8_lossy(&bytes).lines().skip(1).map(|line| look_at(cluster, stated, (day, line))).sum();
    let summed: i128 = closed.statement.fees.values().sum();
    if fees != summed {
        world.violates(ViolationKind::FeeKept, &day, format!("the statement sums up {summed} of fees, and its lines {fees}"));
    }
}

/// Looks at one line of a statement, and returns its fee.
fn look_at(cluster: &Cluster, stated: &Stated, (day, line): (ClearingDay, &str)) -> i128 {
    let fields: Vec<_> = line.split(',').collect();
    let [kind, id, _, refund, _, _, _, _, fee, _] = fields[..] else { return 0 };
    let key = if kind == "REFUND" { refund } else { id };
    cluster.world.recorder.count("lines of statements");
    if let Some(before) = lock(&stated.lines).insert(key.to_owned(), day) {
        cluster.world.violates(ViolationKind::StatedTwice, &key, format!("in the statements of {before} and {day}"));
    }
    if kind == "PAYMENT" && is_cancelled(cluster, id) {
        cluster.world.violates(ViolationKind::StatementHasCancelled, &id, format!("in the statement of {day}"));
    }
    fee.parse().unwrap_or_default()
}

/// Whether Alipay+ was told that it is cancelled, and not because refunds gave everything back.
fn is_cancelled(cluster: &Cluster, id: &str) -> bool {
    let Ok(id) = PaymentRequestId::parse(id) else { return false };
    let told = lock(&cluster.world.promises)
        .find(&id)
        .is_some_and(|page| page.finals.values().any(|(answer, _)| *answer == Answer::Cancelled));
    let rules = lock(&cluster.world.rules);
    let page = rules.page(&id);
    let refunded = page.is_some_and(|page| page.answer() == Some(FinalAnswer::Cancelled) && !page.is_cancelled());
    page.is_some_and(crate::rulebook::CasePage::is_cancelled) || (told && !refunded)
}
