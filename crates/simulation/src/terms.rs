//! What a deployment is like. Another one begins every week of a run, with an empty store.

use std::collections::BTreeSet;

use chrono::{DateTime, TimeDelta, Utc};
use domain::{ClearingDay, NeverReceived, PaymentsKind, PeriodOver, Policy};
use ports::testing::{core_policy, ledger_policy};

use crate::faults::FaultKind;
use crate::plants::Plant;
use crate::random::Random;

/// Where the cases of a run are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StoreKind {
    /// The store in memory of `ports::testing`.
    Memory,
    /// The adapter for SQLite, on a file that is thrown away.
    Sqlite,
}

/// What a run is asked to do.
#[derive(Debug, Clone)]
pub struct RunRequest {
    /// Everything that is drawn is drawn from it.
    pub seed: u64,
    /// How many days.
    pub days: u32,
    /// Where the cases are kept.
    pub store: StoreKind,
    /// Which kinds of faults happen.
    pub faults: BTreeSet<FaultKind>,
    /// A bug that is planted.
    pub plant: Option<Plant>,
    /// How many payments a window has at most.
    pub payments: u64,
    /// Where the trace is written.
    pub trace: Option<std::path::PathBuf>,
}

/// Where the money is, and where the payments come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum FundsAt {
    Ledger,
    Core,
    CoreWithPayments,
}

/// What a deployment is like.
#[derive(Debug, Clone)]
pub(crate) struct Terms {
    pub(crate) funds: FundsAt,
    /// How many processes serve one store.
    pub(crate) processes: usize,
    pub(crate) lanes: usize,
    /// The first day, at UTC+8.
    pub(crate) begins: DateTime<Utc>,
}

/// 2026-01-01 at UTC+8, the first day of every run.
const FIRST_DAY: i64 = 1_767_196_800;

impl Terms {
    /// The terms of the deployment with this number.
    pub(crate) fn draw(random: &mut Random, number: u32, first_day: u32) -> Self {
        let kinds = [FundsAt::Ledger, FundsAt::Core, FundsAt::CoreWithPayments];
        let funds = kinds[number as usize % kinds.len()];
        let begins = DateTime::from_timestamp(FIRST_DAY, 0).unwrap_or_default() + TimeDelta::days(i64::from(first_day));
        let processes = if random.chance(5_000) { 2 } else { 3 };
        Self { funds, processes, lanes: if random.chance(5_000) { 1 } else { 2 }, begins }
    }

    /// The first moment of a day, counted from 0.
    pub(crate) fn day(&self, day: u32) -> DateTime<Utc> {
        self.begins + TimeDelta::days(i64::from(day))
    }

    /// The clearing day of a day, counted from 0.
    pub(crate) fn clearing_day(&self, day: u32) -> ClearingDay {
        ClearingDay::of(self.day(day))
    }

    /// The settings of a process that starts: those that may change are drawn anew.
    pub(crate) fn policy(&self, random: &mut Random) -> Policy {
        let mut policy = match self.funds {
            FundsAt::Ledger => ledger_policy(),
            FundsAt::Core => core_policy(),
            FundsAt::CoreWithPayments => Policy { payments: PaymentsKind::Core, ..core_policy() },
        };
        if random.chance(3_000) {
            policy.results.period_over = PeriodOver::CancelWindowExceed;
        }
        if random.chance(2_000) {
            policy.results.never_received = NeverReceived::OrderNotExist;
        }
        policy.four_eyes = random.chance(3_000);
        policy.lease = TimeDelta::seconds(3 + i64::try_from(random.below(3)).unwrap_or_default());
        policy
    }
}
