//! What happens to the processes themselves: they die, they are exchanged, their clocks are set.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::sleep;

use crate::cluster::Cluster;
use crate::faults::FaultKind;
use crate::random::Random;

/// One process dies, at a moment of its own.
pub(crate) async fn kill(cluster: Arc<Cluster>, mut random: Random) {
    sleep(Duration::from_micros(random.within(1_000_000, 70_000_000))).await;
    if let Some(node) = cluster.pick(&mut random).filter(|node| !node.life.is_over())
        && cluster.world.strikes(FaultKind::Kill, &node.number).is_some()
    {
        node.kill();
    }
}

/// One process may be stopped in order, and begins again with other settings.
pub(crate) async fn restart(cluster: Arc<Cluster>, mut random: Random) {
    sleep(Duration::from_micros(random.within(1_000_000, 70_000_000))).await;
    if let Some(node) = cluster.pick(&mut random).filter(|node| !node.life.is_over())
        && cluster.world.strikes(FaultKind::Restart, &node.number).is_some()
    {
        node.stop().await;
    }
}

/// One process's clock may be set.
pub(crate) async fn set_clock(cluster: Arc<Cluster>, mut random: Random) {
    sleep(Duration::from_micros(random.within(1_000_000, 70_000_000))).await;
    if let Some(node) = cluster.pick(&mut random)
        && let Some(how) = cluster.world.strikes(FaultKind::ClockStep, &node.number)
    {
        node.clock.set(i64::try_from(how % 2_000_000).unwrap_or_default() - 1_000_000);
    }
}

/// Puts a new process in the place of each that died, soon after.
pub(crate) async fn supervise(cluster: Arc<Cluster>, mut random: Random) {
    loop {
        sleep(Duration::from_millis(random.within(100, 3_000))).await;
        for node in cluster.nodes().into_iter().filter(|node| node.life.is_over()) {
            node.kill();
            cluster.replace(node.number);
        }
    }
}
