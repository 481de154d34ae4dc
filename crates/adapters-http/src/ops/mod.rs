//! For those who run the process: whether it lives, whether it wants work, and what it counted.

mod health;
mod metrics;
mod readiness;

pub(crate) use health::{__path_livez, livez};
pub(crate) use metrics::{__path_metrics_text, metrics_text};
pub(crate) use readiness::{__path_readyz, Operations, readyz};
pub use readiness::{Readiness, RenderedMetrics};
