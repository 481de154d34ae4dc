//! Loops in the background that a panic does not end.

use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinSet;
use tracing::error;

/// How long a loop that ended by a panic waits before it begins again.
const BEGIN_AGAIN_AFTER: Duration = Duration::from_millis(250);

/// Runs a loop until it ends by itself. A panic in an adapter costs it a turn, not the process its worker.
pub(super) async fn supervise<F>(mut stop: watch::Receiver<bool>, begin: impl Fn() -> F)
where
    F: Future<Output = ()> + Send + 'static,
{
    // A set, because its task ends when the future that waits for it is dropped.
    let mut running = JoinSet::new();
    running.spawn(begin());
    while let Some(Err(died)) = running.join_next().await {
        error!(error = %died, "a loop of the worker ended by a panic and begins again (report this as a defect)");
        if stops_within(&mut stop, BEGIN_AGAIN_AFTER).await {
            return;
        }
        running.spawn(begin());
    }
}

/// Whether the loop has to stop, now or during the pause. A sender that is gone means the same.
pub(super) async fn stops_within(stop: &mut watch::Receiver<bool>, pause: Duration) -> bool {
    tokio::time::timeout(pause, stop.wait_for(|stop| *stop)).await.is_ok()
}
