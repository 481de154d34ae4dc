//! What goes wrong on purpose, and how often.

use std::str::FromStr;

/// What goes wrong with one request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Fault {
    pub(super) what: What,
    pub(super) place: Place,
}

/// In which way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum What {
    /// It is answered 500.
    Fail,
    /// The connection is closed without an answer.
    Drop,
    /// The answer is late.
    Delay,
}

/// On which side of the effect.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    Before,
    After,
}

/// How often something happens.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Rate {
    /// In so many of a million requests, by chance.
    Chance(u32),
    /// With every so many-th request.
    Every(u64),
}

/// Which faults happen how often, such as `fail-before=5%,drop-after=1/20`; nothing is no fault.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Plan(Vec<(Fault, Rate)>);

/// The faults of one run. The same plan and seed give the same faults to the same sequence of requests.
pub(super) struct Faults {
    plan: Plan,
    random: fastrand::Rng,
    requests: u64,
}

impl Faults {
    pub(super) fn new(plan: Plan, seed: u64) -> Self {
        Self { plan, random: fastrand::Rng::with_seed(seed), requests: 0 }
    }

    /// What goes wrong with the next request: the first of the plan that happens.
    pub(super) fn draw(&mut self) -> Option<Fault> {
        self.requests += 1;
        let happens = |rate: &Rate| match *rate {
            Rate::Chance(of_a_million) => self.random.u32(..1_000_000) < of_a_million,
            Rate::Every(nth) => self.requests.is_multiple_of(nth),
        };
        // Every rate is drawn for, so that one does not shift the others.
        let drawn: Vec<bool> = self.plan.0.iter().map(|(_, rate)| rate).map(happens).collect();
        self.plan.0.iter().zip(drawn).find(|(_, happens)| *happens).map(|((fault, _), _)| *fault)
    }
}

impl FromStr for Plan {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let faults = text.split(',').map(str::trim).filter(|fault| !fault.is_empty());
        let parse = |fault: &str| {
            let wrong = || format!("{fault:?} is no fault; it has to be such as fail-before=5% or drop-after=1/20");
            let (name, rate) = fault.split_once('=').ok_or_else(wrong)?;
            Ok((parse_fault(name).ok_or_else(wrong)?, parse_rate(rate).ok_or_else(wrong)?))
        };
        faults.map(parse).collect::<Result<_, _>>().map(Self)
    }
}

fn parse_fault(name: &str) -> Option<Fault> {
    let (what, place) = name.split_once('-')?;
    let what = match what {
        "fail" => What::Fail,
        "drop" => What::Drop,
        "delay" => What::Delay,
        _ => return None,
    };
    let place = match place {
        "before" => Place::Before,
        "after" => Place::After,
        _ => return None,
    };
    Some(Fault { what, place })
}

fn parse_rate(rate: &str) -> Option<Rate> {
    if let Some(nth) = rate.strip_prefix("1/") {
        return nth.parse().ok().filter(|nth| *nth > 0).map(Rate::Every);
    }
    let percent: f64 = rate.strip_suffix('%')?.parse().ok()?;
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it is from 0 to a million")]
    (0.0..=100.0).contains(&percent).then(|| Rate::Chance((percent * 10_000.0).round() as u32))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn drawn(plan: &str, seed: u64) -> Vec<Option<Fault>> {
        let mut faults = Faults::new(plan.parse().unwrap(), seed);
        (0..10_000).map(|_| faults.draw()).collect()
    }

    fn many(drawn: &[Option<Fault>], what: What, place: Place) -> usize {
        drawn.iter().filter(|fault| **fault == Some(Fault { what, place })).count()
    }

    #[test]
    fn faults_come_as_often_as_planned_and_again_with_the_same_seed() {
        let plan = "fail-before=5%, drop-after=1/20,delay-after=0.5%";
        let first = drawn(plan, 7);
        assert_eq!(first, drawn(plan, 7));
        assert_ne!(first, drawn(plan, 8));
        assert!((400..600).contains(&many(&first, What::Fail, Place::Before)));
        assert!((20..90).contains(&many(&first, What::Delay, Place::After)));
        // Every twentieth but those that failed before.
        assert!((440..=500).contains(&many(&first, What::Drop, Place::After)));
        assert_eq!(many(&drawn("drop-before=1/20", 7), What::Drop, Place::Before), 500);
        assert_eq!(many(&drawn("fail-after=100%", 7), What::Fail, Place::After), 10_000);
        assert!(drawn("", 7).iter().all(Option::is_none));
    }

    #[test]
    fn what_is_no_plan_is_named() {
        for plan in
            ["fail=5%", "fail-before", "fail-before=5", "fail-before=1/0", "fail-between=1%", "slow-after=1%", "fail-before=101%"]
        {
            let why = plan.parse::<Plan>().unwrap_err();
            assert!(why.starts_with(&format!("{plan:?} is no fault")), "{why}");
        }
    }
}
