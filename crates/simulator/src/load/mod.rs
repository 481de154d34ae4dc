//! `alipayplus-sim load`: how many signed cancels a wallet answers, how fast, and whether its books are right afterwards.

mod answers;
mod drive;
mod pace;
mod requests;
mod tally;
mod wallet;

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::Value;

use crate::alipayplus::{AlipayPlus, InquiryArgs, PartnerArgs};
use crate::clock::now;
use crate::output::{CommandError, say};
use crate::peer::only_token;

use answers::{Says, SignedAnswers, UriOf, numbered, of_cancel, of_inquiry, same};
use drive::{Drive, address_of};
use pace::Pace;
use requests::Requests;
use tally::Tally;
use wallet::Wallet;

/// A number that shares no factor with any number of payments below it, and takes them in an order without a pattern.
const STRIDE: u64 = 1_000_000_007;

/// A storm of cancels.
#[derive(Args, Debug)]
pub(crate) struct LoadArgs {
    #[command(flatten)]
    partner: PartnerArgs,
    #[command(flatten)]
    inquiries: InquiryArgs,
    /// How many payments are cancelled
    #[arg(long, value_name = "NUMBER", default_value_t = 10_000)]
    payments: u32,
    /// What the payments' ids begin with; a number of ten digits follows [default: load- and the time]
    #[arg(long, value_name = "TEXT")]
    id_prefix: Option<String>,
    /// The first payment's number
    #[arg(long, value_name = "NUMBER", default_value_t = 1)]
    first: u32,
    /// Takes them from all over so many numbers, and not one after another
    #[arg(long, value_name = "NUMBER")]
    scattered_over: Option<u32>,
    /// How many connections are kept
    #[arg(long, value_name = "NUMBER", default_value_t = 64)]
    connections: usize,
    /// So many cancels a second, whether earlier ones are answered or not, as long as a connection is free [default: as fast as the connections go]
    #[arg(long, value_name = "NUMBER")]
    rate: Option<f64>,
    /// Sends nothing more after so many seconds [default: until all are sent]
    #[arg(long, value_name = "SECONDS")]
    seconds: Option<f64>,
    /// Sends the same cancels again afterwards, and tells of that as well
    #[arg(long)]
    repeat: bool,
    /// Sends before all else as many requests that are refused, each with a query of its own: an answer is a new signature and
    /// nothing else
    #[arg(long)]
    signing: bool,
    /// The wallet API, which records the payments beforehand and tells afterwards what became of them
    #[arg(long, value_name = "URL", requires = "wallet_token_file")]
    wallet_api: Option<String>,
    /// Lines of NAME ROLE TOKEN; the first with the role pay is used
    #[arg(long, value_name = "FILE", requires = "wallet_api")]
    wallet_token_file: Option<PathBuf>,
    /// The wallet core, where the money is there: it debits the payments and says what it booked, by its two routes for tests
    #[arg(long, value_name = "URL", requires = "wallet_api")]
    wallet_core: Option<String>,
    /// A file with the token that the core wants to see
    #[arg(long, value_name = "FILE", requires = "wallet_core")]
    wallet_core_token_file: Option<PathBuf>,
    /// The payments are recorded already, and have succeeded; then nobody looks at the money, and the best exit code is 3
    #[arg(long)]
    recorded: bool,
    /// Writes what was measured as JSON
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
}

/// How a run ends that is sound, and whose money nobody has looked at.
const MONEY_NOT_SEEN: u8 = 3;

/// Prepares everything, sends the storm, and looks at the books. Succeeds where every cancel was answered S or U, signed by the wallet,
/// and the books are right.
pub(crate) fn run(args: &LoadArgs) -> Result<ExitCode, CommandError> {
    let partner = args.inquiries.of(args.partner.partner()?);
    let (alipayplus, inquirer) = (AlipayPlus::new(&partner)?, AlipayPlus::of_inquiries(&partner)?);
    let ids = args.ids()?;
    let wallet = args.wallet()?;
    if let Some(wallet) = wallet.as_ref().filter(|_| !args.recorded) {
        wallet.record((&alipayplus.acquirer_id, &alipayplus.psp_id), &ids)?;
    }
    let requests = sign(&alipayplus, &ids)?;
    say(format_args!("signed {} cancels", requests.len()))?;
    let inquiries = inquirer.as_ref().map(|inquirer| sign(inquirer, &ids)).transpose()?;
    let inquiring = inquirer.as_ref().zip(inquiries.as_ref());
    let inquiring = inquiring.map(|(alipayplus, requests)| Storm { args, alipayplus, requests, reads: (of_inquiry, same) });
    let storm = Storm { args, alipayplus: &alipayplus, requests: &requests, reads: (of_cancel, same) };
    let signing = if args.signing { Some(measure_signing(args, &alipayplus, ids.len())?) } else { None };
    // The payments have succeeded, and nobody has cancelled them.
    let paid = inquiring.as_ref().map(|inquiring| inquiring.send("inquiries before")).transpose()?;
    let (tally, mut report) = storm.send("cancels")?;
    let mut sound = is_sound(&tally);
    if let Some((refused, signing)) = signing {
        sound &= refused.names().all(|name| ["F PARAM_ILLEGAL", "not sent"].contains(&name));
        report["signing"] = signing;
    }
    if let Some((before, paid)) = paid {
        sound &= before.names().all(|name| ["S SUCCESS", "not sent"].contains(&name));
        report["inquiriesBefore"] = paid;
    }
    if let Some(inquiring) = &inquiring {
        let (after, closed) = inquiring.send("inquiries after")?;
        sound &= (0..ids.len()).all(|index| agrees(tally.of(index), after.of(index)));
        report["inquiriesAfter"] = closed;
    }
    if args.repeat {
        let (again, repeats) = storm.send("repeats")?;
        sound &= is_sound(&again);
        report["repeats"] = repeats;
    }
    if let Some(wallet) = &wallet {
        report["audit"] = wallet.audit(&ids, &tally, !args.recorded)?;
        let cancelled = &report["audit"]["cancelled"];
        let money = if args.recorded {
            "the money was not looked at".to_owned()
        } else {
            format!("the money is right at {}", wallet.witness())
        };
        say(format_args!("audit: {cancelled} payments are cancelled, as they should be; {money}"))?;
    } else {
        say("audit: nothing was looked at, because there is no --wallet-api")?;
    }
    report["moneySeenAt"] = wallet.as_ref().filter(|_| !args.recorded).map(Wallet::witness).into();
    if let Some(file) = &args.json {
        let written = std::fs::write(file, format!("{report:#}\n"));
        written.map_err(|error| CommandError::new(format!("{} cannot be written: {error}", file.display())))?;
    }
    Ok(match (sound, args.recorded) {
        (false, _) => ExitCode::FAILURE,
        (true, true) => ExitCode::from(MONEY_NOT_SEEN),
        (true, false) => ExitCode::SUCCESS,
    })
}

/// Whether every cancel that was sent was answered, and none was refused: all of them may be cancelled.
fn is_sound(tally: &Tally) -> bool {
    tally.names().all(|name| name.starts_with("S ") || name.starts_with("U ") || name == "not sent")
}

/// Whether an inquiry that was sent after a cancel's answer says what has to follow from it.
fn agrees(cancel: &str, inquiry: &str) -> bool {
    match inquiry {
        "F ORDER_IS_CLOSED" | "not sent" => true,
        "S SUCCESS" | "U PAYMENT_IN_PROCESS" => !cancel.starts_with("S "),
        _ => false,
    }
}

impl LoadArgs {
    fn ids(&self) -> Result<Vec<String>, CommandError> {
        let over = u64::from(self.scattered_over.unwrap_or(self.payments));
        if over < u64::from(self.payments) {
            return Err(CommandError::new("--scattered-over has to be at least --payments"));
        }
        if self.connections == 0 || self.rate.is_some_and(|rate| !rate.is_normal() || rate < 0.0) {
            return Err(CommandError::new("--connections and --rate have to be more than 0"));
        }
        let prefix = self.id_prefix.clone().unwrap_or_else(|| format!("load-{}-", now().format("%Y%m%d%H%M%S")));
        let place = |number: u64| if self.scattered_over.is_some() { number * STRIDE % over } else { number };
        let id = |number: u32| format!("{prefix}{:010}", u64::from(self.first) + place(number.into()));
        Ok((0..self.payments).map(id).collect())
    }

    fn wallet(&self) -> Result<Option<Wallet>, CommandError> {
        match (&self.wallet_api, &self.wallet_token_file) {
            (Some(url), Some(tokens)) => {
                let wallet = Wallet::new(url, tokens)?;
                let core_token = only_token(self.wallet_core_token_file.as_deref())?;
                let Some(core) = &self.wallet_core else { return Ok(Some(wallet)) };
                wallet.with_core(core, core_token).map(Some)
            }
            (None, _) | (_, None) if self.recorded => Ok(None),
            (None, _) | (_, None) => Err(CommandError::new(
                "the payments have to be recorded: name the wallet API by --wallet-api and --wallet-token-file, or say \
                 --recorded where that is done",
            )),
        }
    }
}

fn sign(alipayplus: &AlipayPlus, ids: &[String]) -> Result<Requests, CommandError> {
    let bar = bar("signing", ids.len());
    let make = |index: usize| {
        let id = ids.get(index).ok_or_else(|| CommandError::new("there is no such payment"))?;
        Ok(alipayplus.request(alipayplus.body(id))?.bytes())
    };
    let requests = Requests::make(ids.len(), make, || bar.inc(1));
    bar.finish_and_clear();
    requests
}

/// How many answers a second the wallet signs that need nothing else.
fn measure_signing(args: &LoadArgs, alipayplus: &AlipayPlus, count: usize) -> Result<(Tally, Value), CommandError> {
    let target = &alipayplus.dialer.target().uri;
    let requests = Requests::make(count, |index| Ok(alipayplus.request_to(&numbered(target, index), "{}")?.bytes()), || {})?;
    Storm { args, alipayplus, requests: &requests, reads: (of_cancel, numbered) }.send("signing")
}

/// What is sent, once or twice.
struct Storm<'a> {
    args: &'a LoadArgs,
    alipayplus: &'a AlipayPlus,
    requests: &'a Requests,
    reads: (Says, UriOf),
}

impl Storm<'_> {
    fn send(&self, name: &str) -> Result<(Tally, Value), CommandError> {
        let (args, mut answers) = (self.args, SignedAnswers::of(self.alipayplus, self.reads));
        let drive = Drive {
            address: address_of(self.alipayplus.dialer.target())?,
            requests: self.requests,
            connections: args.connections,
            pace: args.rate.map_or(Pace::AsFastAsItGoes, Pace::PerSecond),
            stop_after: args.seconds.map_or(Duration::MAX, Duration::from_secs_f64),
        };
        let bar = bar(name, self.requests.len());
        let tally = drive.run(&mut answers, |sent| bar.set_position(sent as u64));
        bar.finish_and_clear();
        let tally = tally?;
        let report = tally.report(args.rate.is_none().then_some(args.connections));
        say(format_args!("{name}: {}", told(&report)))?;
        if let Some(why) = answers.first_unusable {
            say(format_args!("Alipay+ cannot use the first such answer: {why}"))?;
        }
        Ok((tally, report))
    }
}

/// A report in one line for people.
fn told(report: &Value) -> String {
    let counted = |(name, count): (&String, &Value)| format!("{count} {name}");
    let answers = report["answers"].as_object().into_iter().flatten().map(counted).collect::<Vec<_>>().join(", ");
    let number = |value: &Value| value.as_f64().unwrap_or_default();
    let latency = |name: &str| number(&report["latency_ms"][name]);
    let [p50, p99, p99_9, max] = ["p50", "p99", "p99_9", "max"].map(latency);
    let (rate, seconds) = (number(&report["rate"]), number(&report["seconds"]));
    format!(
        "{rate:.0}/s over {seconds:.1} s ({answers}); p50 {p50:.1} ms, p99 {p99:.1} ms, p99.9 {p99_9:.1} ms, at most {max:.1} ms"
    )
}

/// Progress on a terminal; nothing elsewhere.
fn bar(name: &str, length: usize) -> ProgressBar {
    let style = ProgressStyle::with_template("{msg:>8} {wide_bar} {pos}/{len} {eta}");
    let bar = ProgressBar::new(length as u64).with_message(name.to_owned());
    bar.with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        args: LoadArgs,
    }

    fn args(more: &str) -> LoadArgs {
        let partner = "load --target http://a/b --client-id c --key k --wallet-key w --psp-id p --acquirer-id a";
        Line::try_parse_from(format!("{partner} {more}").split_whitespace()).unwrap().args
    }

    #[test]
    fn payments_follow_one_another_or_are_scattered_each_of_them_once() {
        let ids = args("--payments 3 --id-prefix x- --first 9").ids().unwrap();
        assert_eq!(ids, ["x-0000000009", "x-0000000010", "x-0000000011"]);
        let scattered = args("--payments 1000 --id-prefix x- --scattered-over 1000").ids().unwrap();
        let each: BTreeSet<_> = scattered.iter().cloned().collect();
        assert_eq!((each.len(), each.first().unwrap().as_str()), (1000, "x-0000000001"));
        assert_eq!(each.last().unwrap(), "x-0000001000");
        assert_ne!(scattered, Vec::from_iter(each));
    }

    #[test]
    fn an_inquiry_after_an_s_has_to_say_closed() {
        let closed = "F ORDER_IS_CLOSED";
        for (cancel, inquiry, right) in [
            ("S SUCCESS", closed, true),
            ("S SUCCESS", "S SUCCESS", false),
            ("S SUCCESS", "U PAYMENT_IN_PROCESS", false),
            ("U UNKNOWN_EXCEPTION", "S SUCCESS", true),
            ("U UNKNOWN_EXCEPTION", closed, true),
            ("no answer", "U PAYMENT_IN_PROCESS", true),
            ("not sent", "no payment: F ORDER_NOT_EXIST", false),
            ("S SUCCESS", "no answer", false),
            ("S SUCCESS", "not sent", true),
        ] {
            assert_eq!(agrees(cancel, inquiry), right, "{cancel}, {inquiry}");
        }
    }

    #[test]
    fn a_storm_without_payments_or_connections_is_refused_in_words() {
        assert!(args("--payments 1").wallet().err().unwrap().to_string().contains("--recorded"));
        assert!(args("--recorded").wallet().unwrap().is_none());
        for wrong in ["--connections 0", "--rate 0", "--rate=-1", "--rate nan", "--payments 2 --scattered-over 1"] {
            assert!(args(wrong).ids().is_err(), "{wrong}");
        }
    }
}
