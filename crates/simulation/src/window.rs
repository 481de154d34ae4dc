//! A window of a day: a minute in which things happen and go wrong, and then the quiet in which everything has to come to its end.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use domain::PaymentRequestId;
use tokio::task::JoinSet;
use tokio::time::sleep;

use crate::actors::alipayplus::{ask, ask_until_final};
use crate::actors::inquiries::inquire;
use crate::actors::operators::operate;
use crate::actors::settlement::{Stated, settle};
use crate::actors::trouble;
use crate::actors::wallet::{PaymentPlan, acquirer, pays};
use crate::checks;
use crate::cluster::Cluster;
use crate::log::LogCounter;
use crate::random::Random;
use crate::recorder::lock;

/// How long things go wrong.
const TROUBLE: Duration = Duration::from_secs(75);
/// How often it is looked whether everything has come to its end, and how often at most.
const QUIET: (Duration, u32) = (Duration::from_secs(5), 60);
/// How many of the cancels that were answered for good are repeated in a window.
const REPEATS: u64 = 190;
/// How many payments of the day before are cancelled around the end of their period.
const AT_THE_EDGE: u64 = 24;
/// When the period ends after the first window's begin, in milliseconds.
const EDGE: u64 = 60_000;

/// What happens in a window.
pub(crate) struct WindowPlan {
    pub(crate) begins: DateTime<Utc>,
    /// The first payment request's number.
    pub(crate) number: u64,
    pub(crate) payments: u64,
    /// Whether days are closed at half past midnight.
    pub(crate) settles: bool,
}

/// Lets a window happen on a runtime of its own, whose end ends everything that still runs.
///
/// # Errors
/// A sentence about what the machine did not do.
pub(crate) fn run(cluster: &Arc<Cluster>, stated: &Arc<Stated>, plan: &WindowPlan, random: Random) -> Result<(), String> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
    let runtime = runtime.map_err(|error| format!("no runtime: {error}"))?;
    let log = LogCounter::default();
    let window = async {
        happen(cluster, stated, plan, random).await;
        // Only here there is the run's own time.
        log.check(&cluster.world);
    };
    tracing::subscriber::with_default(log.clone(), || runtime.block_on(window));
    cluster.forget_nodes();
    Ok(())
}

async fn happen(cluster: &Arc<Cluster>, stated: &Arc<Stated>, plan: &WindowPlan, mut random: Random) {
    let world = &cluster.world;
    world.time.jump(plan.begins);
    world.recorder.turn_faults(true);
    world.trace(format_args!("window begins"));
    cluster.start_all();
    let mut callers = JoinSet::new();
    send_callers(cluster, plan, &mut random, &mut callers);
    let operating = tokio::spawn(operate(Arc::clone(cluster), Random::of(random.next(), "operators")));
    let supervising = tokio::spawn(trouble::supervise(Arc::clone(cluster), Random::of(random.next(), "supervisor")));
    if plan.settles {
        let (cluster, stated, random) = (Arc::clone(cluster), Arc::clone(stated), Random::of(random.next(), "settlement"));
        callers.spawn(async move {
            sleep(Duration::from_secs(100)).await;
            settle(cluster, stated, random).await;
        });
    }
    sleep(TROUBLE).await;
    if !plan.settles {
        world.recorder.turn_faults(false);
    }
    while callers.join_next().await.is_some() {}
    world.recorder.turn_faults(false);
    world.trace(format_args!("quiet begins"));
    // Callers of Alipay+ that began late ask on for some minutes.
    sleep(Duration::from_secs(30)).await;
    for _ in 0..QUIET.1 {
        if checks::is_quiet(cluster).await {
            break;
        }
        sleep(QUIET.0).await;
    }
    operating.abort();
    check(cluster, &mut random).await;
    supervising.abort();
    for node in cluster.nodes() {
        if random.chance(5_000) { node.stop().await } else { node.kill() }
    }
}

async fn check(cluster: &Arc<Cluster>, random: &mut Random) {
    let unanswered: BTreeSet<PaymentRequestId> = {
        let promises = lock(&cluster.world.promises);
        let rules = lock(&cluster.world.rules);
        let touched = lock(&cluster.touched);
        let waits = |id: &&PaymentRequestId| {
            rules.page(id).is_some_and(|page| page.cancel.is_some())
                && promises.find(id).is_none_or(|page| page.finals.is_empty())
        };
        touched.iter().filter(waits).cloned().collect()
    };
    for id in unanswered {
        let asker = lock(&cluster.world.rules).page(&id).and_then(|page| Some(page.cancel.as_ref()?.acquirer.clone()));
        let Some(asker) = asker else { continue };
        let answer = ask(cluster, (&id, &asker), random).await;
        checks::answer_must_be_final(cluster, &id, answer).await;
    }
    checks::everything_is_final(cluster, random).await;
    checks::each_case_is_right(cluster).await;
    checks::ledger_is_right(cluster).await;
}

fn send_callers(cluster: &Arc<Cluster>, plan: &WindowPlan, random: &mut Random, callers: &mut JoinSet<()>) {
    let mut stream = || Random::of(random.next(), "caller");
    for number in plan.number..plan.number + plan.payments {
        let mut random = stream();
        let (id, acquirer) =
            (PaymentRequestId::parse(format!("20260101190741{number:012}")), acquirer(random.next() as usize % 2));
        if let (Ok(id), Some(acquirer)) = (id, acquirer) {
            callers.spawn(pays(Arc::clone(cluster), PaymentPlan { id, acquirer, random }));
        }
    }
    for place in 0..cluster.world.terms.processes {
        callers.spawn(trouble::set_clock(Arc::clone(cluster), stream()));
        callers.spawn(trouble::restart(Arc::clone(cluster), stream()));
        if place > 0 {
            callers.spawn(trouble::kill(Arc::clone(cluster), stream()));
        }
    }
    if plan.settles {
        send_edge_cancels(cluster, stream(), callers);
    }
    send_later_cancels(cluster, stream(), callers);
    callers.spawn(ask_again(Arc::clone(cluster), stream()));
}

fn send_later_cancels(cluster: &Arc<Cluster>, mut random: Random, callers: &mut JoinSet<()>) {
    let now = cluster.world.time.now();
    let mut later = lock(&cluster.later);
    let (due, rest): (Vec<_>, Vec<_>) = later.drain(..).partition(|cancel| cancel.not_before <= now);
    *later = rest;
    for cancel in due {
        let (cluster, pause) = (Arc::clone(cluster), Duration::from_millis(random.below(70_000)));
        let random = Random::of(random.next(), "later");
        callers.spawn(async move {
            sleep(pause).await;
            ask_until_final(cluster, cancel.id, cancel.acquirer, random).await;
        });
    }
}

/// In the last seconds of their period, and again in the first ones after it.
fn send_edge_cancels(cluster: &Arc<Cluster>, mut random: Random, callers: &mut JoinSet<()>) {
    for _ in 0..AT_THE_EDGE {
        let Some((id, acquirer)) = random.pick(&lock(&cluster.uncancelled)).cloned() else { return };
        for pause in [EDGE - 3_300 - random.below(4_000), EDGE + random.below(1_500)] {
            let (cluster, id, acquirer) = (Arc::clone(cluster), id.clone(), acquirer.clone());
            let random = Random::of(random.next(), "edge");
            callers.spawn(async move {
                sleep(Duration::from_millis(pause)).await;
                ask_until_final(cluster, id, acquirer, random).await;
            });
        }
    }
    lock(&cluster.uncancelled).clear();
}

/// Alipay+ asks again for what it was answered long ago.
async fn ask_again(cluster: Arc<Cluster>, mut random: Random) {
    for _ in 0..REPEATS {
        sleep(Duration::from_millis(random.below(900))).await;
        let told = random.pick(&lock(&cluster.told)).cloned();
        if let Some((id, acquirer)) = told {
            ask(&cluster, (&id, &acquirer), &mut random).await;
            if random.chance(1_000) {
                let case = cluster.cases().find(&id).await.ok().flatten().map(|file| file.case);
                checks::inquire(&cluster, &id, case.as_ref());
                inquire(&cluster, (&id, &acquirer), &mut random).await;
            }
        }
    }
}
