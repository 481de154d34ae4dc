//! A deployment: a week of one kind of funds on one store, day by day.

use std::sync::Arc;

use chrono::TimeDelta;

use crate::actors::settlement::Stated;
use crate::checks;
use crate::cluster::Cluster;
use crate::keys::SimulatedKeys;
use crate::random::Random;
use crate::recorder::Recorder;
use crate::storage::Storage;
use crate::terms::{RunRequest, Terms};
use crate::time::TrueTime;
use crate::window::{self, WindowPlan};
use crate::world::World;

/// How many days a deployment has.
pub(crate) const DAYS: u32 = 7;

/// When the windows of a day begin, in seconds of the day at UTC+8: around the end of the period, at work, and around midnight.
const WINDOWS: [i64; 4] = [29 * 60, 9 * 3600, 15 * 3600 + 1_200, 24 * 3600 - 50];

/// Lets a deployment happen.
///
/// # Errors
/// A sentence about what the machine did not do.
pub(crate) fn run(
    request: &RunRequest,
    recorder: &Arc<Recorder>,
    keys: &SimulatedKeys,
    (number, first_day, days): (u32, u32, u32),
) -> Result<(), String> {
    let mut random = Random::of(request.seed, &format!("deployment {number}"));
    let terms = Terms::draw(&mut random, number, first_day);
    let storage = Storage::create(request.store, &terms.policy(&mut Random::of(0, "storage")))?;
    let time = Arc::new(TrueTime::at(terms.begins));
    let latency = Random::of(random.next(), "latency");
    let world = Arc::new(World::new(terms.clone(), time, Arc::clone(recorder), (latency, request.plant)));
    let chance = Random::of(random.next(), "cluster");
    let cluster = Arc::new(Cluster::new(world, storage, keys.clone(), chance));
    let stated = Arc::new(Stated::default());
    let mut next_id = u64::from(number) * 1_000_000;
    // One more night closes the last day.
    for day in 0..=days {
        if day < days {
            recorder.begin_day();
        }
        let is_last = day == days;
        if let Some(before) = day.checked_sub(1) {
            stated.owes(terms.clearing_day(before));
        }
        for (place, second) in WINDOWS.into_iter().enumerate().take(if is_last { 1 } else { WINDOWS.len() }) {
            let begins = terms.day(day) + TimeDelta::seconds(second);
            let payments = if is_last { 0 } else { random.within(request.payments / 2, request.payments) };
            let plan = WindowPlan { begins, number: next_id, payments, settles: place == 0 };
            window::run(&cluster, &stated, &plan, Random::of(random.next(), "window"))?;
            next_id += payments;
        }
    }
    checks::everything_is_stated(&cluster, &stated, terms.day(days));
    Ok(())
}
