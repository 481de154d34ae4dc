//! `simulate`: lets a run happen and prints what came of it.

use std::collections::BTreeSet;
use std::io::Write as _;
use std::process::ExitCode;

use simulation::{FaultKind, PAYMENTS, Plant, RunReport, RunRequest, StoreKind, simulate, simulate_year};

const USAGE: &str = "simulate --year SEED
simulate --seed N --days D [--store memory|sqlite] [--faults all|none|NAME,…|-NAME,…] [--payments N]
         [--plant BUG] [--trace FILE]";

fn main() -> ExitCode {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    match run(&arguments) {
        Ok((printed, is_good)) => {
            // Nobody reads it where this fails.
            let _ = write!(std::io::stdout(), "{printed}");
            if is_good { ExitCode::SUCCESS } else { ExitCode::from(3) }
        }
        Err(why) => {
            let _ = writeln!(std::io::stderr(), "simulate: {why}\n{USAGE}");
            ExitCode::from(2)
        }
    }
}

/// What is printed, and whether everything is as it must be.
fn run(arguments: &[String]) -> Result<(String, bool), String> {
    if let [year, seed] = arguments
        && year == "--year"
    {
        let report = simulate_year(seed.parse().map_err(|_| format!("--year is {seed}, but must be a seed"))?)?;
        return Ok((report.to_string(), report.shortcomings().is_empty()));
    }
    let request = parse(arguments)?;
    let report = simulate(&request)?;
    if report.unknown().next().is_none() {
        return Ok((report.to_string(), true));
    }
    Ok((format!("{report}{}", shrink(&request, &report)?), false))
}

/// Looks for a shorter run with the same finding: fewer days, fewer payments, and fewer kinds of faults, one after the other.
fn shrink(request: &RunRequest, report: &RunReport) -> Result<String, String> {
    let Some((first, _)) = report.unknown().min_by_key(|(violation, _)| violation.day) else { return Ok(String::new()) };
    let mut best = RunRequest { days: first.day + 1, trace: None, ..request.clone() };
    let fails = |request: &RunRequest| -> Result<bool, String> {
        Ok(simulate(request)?.found.iter().any(|(violation, _)| violation.kind == first.kind))
    };
    if !fails(&best)? {
        best.days = request.days;
    }
    let halves = [2, 4, 8].map(|part| RunRequest { payments: request.payments / part, ..best.clone() });
    for smaller in halves {
        if fails(&smaller)? {
            best = smaller;
        }
    }
    for kind in request.faults.clone() {
        let mut fewer = best.clone();
        fewer.faults.remove(&kind);
        if fails(&fewer)? {
            best = fewer;
        }
    }
    let kinds: Vec<_> = best.faults.iter().map(|kind| kind.name()).collect();
    let kinds = if kinds.is_empty() { "none".to_owned() } else { kinds.join(",") };
    let RunRequest { seed, days, payments, store, plant, .. } = best;
    let store = if store == StoreKind::Memory { "memory" } else { "sqlite" };
    let plant = plant.map_or(String::new(), |plant| format!(" --plant {}", plant.name()));
    Ok(format!(
        "the shortest run with {} is\n  simulate --seed {seed} --days {days} --store {store} --payments {payments} --faults {kinds}{plant}\n",
        first.kind.name()
    ))
}

fn parse(arguments: &[String]) -> Result<RunRequest, String> {
    let mut request = RunRequest {
        seed: 1,
        days: 1,
        store: StoreKind::Memory,
        faults: FaultKind::ALL.iter().copied().collect(),
        plant: None,
        payments: PAYMENTS,
        trace: None,
    };
    let mut rest = arguments.iter();
    while let Some(name) = rest.next() {
        let value = rest.next().ok_or_else(|| format!("{name} needs a value"))?;
        let number = || value.parse().map_err(|_| format!("{name} is {value}, but must be a number"));
        match name.as_str() {
            "--seed" => request.seed = number()?,
            "--days" => request.days = u32::try_from(number()?).map_err(|_| "too many days".to_owned())?,
            "--payments" => request.payments = number()?,
            "--store" if value == "memory" => request.store = StoreKind::Memory,
            "--store" if value == "sqlite" => request.store = StoreKind::Sqlite,
            "--faults" => request.faults = faults(value)?,
            "--plant" => request.plant = Some(Plant::parse(value).ok_or_else(|| format!("there is no bug {value}"))?),
            "--trace" => request.trace = Some(value.into()),
            _ => return Err(format!("{name} {value} is not understood")),
        }
    }
    Ok(request)
}

/// `all`, `none`, the names of some, or with a minus those that are left out.
fn faults(value: &str) -> Result<BTreeSet<FaultKind>, String> {
    let mut kinds: BTreeSet<_> = if value.starts_with('-') { FaultKind::ALL.iter().copied().collect() } else { BTreeSet::new() };
    for name in value.split(',').filter(|name| *name != "none") {
        let parse = |name: &str| FaultKind::parse(name).ok_or_else(|| format!("there is no fault {name}"));
        match name.strip_prefix('-') {
            Some(name) => _ = kinds.remove(&parse(name)?),
            None if name == "all" => kinds.extend(FaultKind::ALL),
            None => _ = kinds.insert(parse(name)?),
        }
    }
    Ok(kinds)
}
