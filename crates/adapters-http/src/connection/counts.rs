//! How many connections there are, and why those that ended did.

use std::net::SocketAddr;
use std::sync::Arc;

use metrics::{Counter, Gauge, counter, gauge};
use tracing::{field, warn};

use crate::quiet::QuietLog;

/// Why a connection ended. `docs/operate/metrics.md` lists the same, and a test compares the two.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum CloseReason {
    /// The peer closed it, or it broke.
    Peer,
    /// Nothing came for too long after the last answer, or the process stops.
    Idle,
    /// An answer had announced it.
    Announced,
    /// The peer did not read its answers.
    SlowReader,
    /// No whole request came in time.
    NoRequest,
    /// TLS did not come about.
    NoHandshake,
}

impl CloseReason {
    const ALL: [Self; 6] = [Self::Peer, Self::Idle, Self::Announced, Self::SlowReader, Self::NoRequest, Self::NoHandshake];

    const fn as_str(self) -> &'static str {
        match self {
            Self::Peer => "peer",
            Self::Idle => "idle",
            Self::Announced => "announced",
            Self::SlowReader => "slow-reader",
            Self::NoRequest => "no-request",
            Self::NoHandshake => "no-handshake",
        }
    }

    /// Whether the peer is at fault.
    const fn is_fault(self) -> bool {
        match self {
            Self::Peer | Self::Idle | Self::Announced => false,
            Self::SlowReader | Self::NoRequest | Self::NoHandshake => true,
        }
    }
}

/// What is counted of one listener's connections; clones count together.
#[derive(Clone)]
pub(crate) struct ConnectionCounts(Arc<Counts>);

struct Counts {
    listener: &'static str,
    open: Gauge,
    closed: [Counter; CloseReason::ALL.len()],
    log: QuietLog,
}

impl ConnectionCounts {
    /// Counts for this listener, from 0.
    pub(crate) fn of(listener: &'static str) -> Self {
        let open = gauge!("rescind_http_connections", "listener" => listener);
        open.set(0.0);
        let closed = CloseReason::ALL.map(|reason| {
            let closed = counter!("rescind_http_connections_closed_total", "listener" => listener, "reason" => reason.as_str());
            closed.absolute(0);
            closed
        });
        Self(Arc::new(Counts { listener, open, closed, log: QuietLog::default() }))
    }

    /// A connection that was accepted just now.
    pub(crate) fn accepted(&self, peer: Option<SocketAddr>) -> OpenConnection {
        self.0.open.increment(1.0);
        OpenConnection { counts: self.clone(), peer, reason: CloseReason::Idle }
    }
}

/// A connection that is open until this is dropped.
pub(crate) struct OpenConnection {
    counts: ConnectionCounts,
    pub(crate) peer: Option<SocketAddr>,
    reason: CloseReason,
}

impl OpenConnection {
    /// It ends for this reason; the first that is given counts.
    pub(crate) fn end(&mut self, reason: CloseReason) {
        if self.reason == CloseReason::Idle {
            self.reason = reason;
        }
    }
}

impl Drop for OpenConnection {
    fn drop(&mut self) {
        let Counts { listener, open, closed, log } = &*self.counts.0;
        open.decrement(1.0);
        if let Some(counter) = CloseReason::ALL.iter().position(|reason| *reason == self.reason).and_then(|at| closed.get(at)) {
            counter.increment(1);
        }
        if !self.reason.is_fault() {
            return;
        }
        if let Some(unsaid) = log.line() {
            let (reason, peer) = (self.reason.as_str(), self.peer.map(|peer| field::display(peer.ip())));
            warn!(listener, reason, peer, unsaid, "a connection was closed here: its peer did not send or read in time");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_lists_every_reason() {
        let page = include_str!("../../../../docs/operate/metrics.md");
        let (_, table) = page.split_once("## Why connections end\n").unwrap();
        let rows = table.split("\n## ").next().unwrap().lines().filter_map(|line| line.strip_prefix("| `")?.split('`').next());
        let listed: Vec<_> = rows.collect();
        assert_eq!(listed, CloseReason::ALL.map(CloseReason::as_str));
    }
}
