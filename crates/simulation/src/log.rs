//! The log that an operator gets from the use cases: how many lines a window has about each payment.

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::sync::{Arc, Mutex};

use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Metadata, Subscriber};

use crate::recorder::lock;
use crate::violations::ViolationKind;
use crate::world::World;

/// The field in which a line names its payment.
const ABOUT: &str = "payment_request_id";

/// What a line is about. A line that names no payment is about nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
struct Subject {
    /// Whether it tells of a lookup that a deferred cancel waits for.
    is_lookup: bool,
    /// The payment request.
    id: String,
}

/// Counts the lines of a window.
#[derive(Debug, Clone, Default)]
pub(crate) struct LogCounter(Arc<Mutex<BTreeMap<Subject, u64>>>);

impl LogCounter {
    /// Compares how many lines there were with the bounds.
    pub(crate) fn check(&self, world: &World) {
        let lines = lock(&self.0);
        world.recorder.count_many("log lines", lines.values().sum());
        for (subject, count) in lines.iter().filter(|(subject, count)| **count > subject.bound()) {
            let text = format!("{count} log lines in a window, and {} are the bound", subject.bound());
            let about = if subject.id.is_empty() { "no payment" } else { &subject.id };
            world.violates(subject.kind(), &about, text);
        }
    }
}

impl Subject {
    /// How many lines about it a window may have: twice what the busiest payment, and the busiest process, were seen to have.
    fn bound(&self) -> u64 {
        if self.id.is_empty() { 60 } else { 210 }
    }

    fn kind(&self) -> ViolationKind {
        if self.is_lookup { ViolationKind::LookupsFlood } else { ViolationKind::LogFloods }
    }
}

impl Visit for Subject {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        if field.name() == ABOUT {
            self.id = format!("{value:?}");
        }
    }
}

impl Subscriber for LogCounter {
    // Those of an adapter differ between the stores.
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.is_event() && metadata.target().starts_with("use_cases")
    }

    fn event(&self, event: &Event<'_>) {
        let target = event.metadata().target();
        let is_lookup = target.ends_with("::lookup") || target.ends_with("::deferred");
        let mut subject = Subject { is_lookup, id: String::new() };
        event.record(&mut subject);
        *lock(&self.0).entry(subject).or_default() += 1;
    }

    // No span is enabled.
    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}
    fn record_follows_from(&self, _: &Id, _: &Id) {}
    fn enter(&self, _: &Id) {}
    fn exit(&self, _: &Id) {}
}
