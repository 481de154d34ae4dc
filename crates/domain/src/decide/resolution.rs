//! The end of what is parked, once an operator says that the money went back by hand. Where the settings want four eyes, another one has
//! to confirm it.

use chrono::{DateTime, Utc};

use super::update::CaseUpdate;
use super::{Decision, deferral, reversal};
use crate::{Case, CommandReply, Disposition, EventKind, Policy, RequestedResolution};

/// Ends what is parked, or records that an operator wants it ended.
pub(super) fn resolve(policy: &Policy, case: &Case, (note, by): (&str, &str), at: DateTime<Utc>) -> Decision {
    if policy.four_eyes {
        return request(case, (note, by), at);
    }
    let resolved = EventKind::ReversalResolved { note: note.to_owned(), by: by.to_owned(), approved_by: None };
    end(policy, case, resolved, at)
}

fn request(case: &Case, (note, by): (&str, &str), at: DateTime<Utc>) -> Decision {
    if let Err(reply) = ensure_resolvable(case) {
        return Decision::unchanged(reply);
    }
    let reply = CommandReply::Done(Disposition::Requested);
    if case.resolution.as_ref().is_some_and(|known| known.note == note && known.by == by) {
        return Decision::unchanged(reply);
    }
    let (note, by) = (note.to_owned(), by.to_owned());
    let mut update = CaseUpdate::of(case, at);
    update.record_event(EventKind::ResolutionRequested { note: note.clone(), by: by.clone() });
    update.case.resolution = Some(RequestedResolution { note, by, at });
    update.finish(reply)
}

/// Ends what another operator asked to end.
pub(super) fn approve(policy: &Policy, case: &Case, by: &str, at: DateTime<Utc>) -> Decision {
    let Some(requested) = &case.resolution else {
        let none = CommandReply::Conflict("no resolution waits for an approval, or something happened since it was asked for");
        return Decision::unchanged(ensure_resolvable(case).err().unwrap_or(none));
    };
    if requested.by == by {
        return Decision::unchanged(CommandReply::Conflict(
            "the resolution was asked for under the same name; another one has to approve it",
        ));
    }
    let RequestedResolution { note, by: asked_by, at: _ } = requested.clone();
    end(policy, case, EventKind::ReversalResolved { note, by: asked_by, approved_by: Some(by.to_owned()) }, at)
}

fn end(policy: &Policy, case: &Case, resolved: EventKind, at: DateTime<Utc>) -> Decision {
    match ensure_resolvable(case) {
        Err(reply) => Decision::unchanged(reply),
        Ok(()) if case.defer_reason().is_some() => deferral::resolve(policy, case, resolved, at),
        Ok(()) => reversal::resolve(case, resolved, at),
    }
}

fn ensure_resolvable(case: &Case) -> Result<(), CommandReply> {
    if case.defer_reason().is_some() { deferral::ensure_resolvable(case) } else { reversal::ensure_parked(case).map(|_| ()) }
}
