//! Callers that come in the same millisecond. Each case plays several rounds, each with payments of its own.

mod payments;
mod refunds;

use crate::conformance::bench::Reply;
use crate::suite::verdict::{Verdict, check};

pub(super) use payments::PAYMENTS;
pub(super) use refunds::REFUNDS;

/// How often a race is run.
const ROUNDS: usize = 12;
/// How many connections cancel the same payment at once.
const CALLERS: usize = 16;

/// Each answer has to be one that Alipay+ can use, S or not known yet.
fn none_failed(replies: &[Reply]) -> Verdict {
    replies.iter().try_for_each(|reply| {
        let answer = reply.answer()?;
        check(answer.status != "F", || format!("one of {} callers was answered {}", replies.len(), answer.brief()))
    })
}

/// One disposition for what the wallet told.
fn one_of(told: &[String], dispositions: &[&str]) -> Verdict {
    let unexpected = told.iter().find(|told| !dispositions.contains(&told.as_str()));
    check(unexpected.is_none(), || format!("the wallet was told {:?}", unexpected.map_or("", |told| told)))
}
