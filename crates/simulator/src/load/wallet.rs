//! The wallet API: payments are recorded by it before a storm, and the books are looked at by it afterwards.

use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use serde_json::{Value, json};

use super::drive::{Drive, Reader, address_of};
use super::pace::Pace;
use super::requests::Requests;
use super::tally::{Kind, Tally};
use crate::clock::{now, request_time};
use crate::money::{Money, page};
use crate::output::CommandError;
use crate::peer::{pay_token, segment};
use crate::wire::{Request, Response, Target};

/// How many calls are made at a time.
const CONNECTIONS: usize = 64;
/// The amount of every payment, in JPY.
const AMOUNT: &str = "1000";

/// The wallet, and where its money is.
pub(super) struct Wallet {
    api: Service,
    /// Takes and gives the money, where that is not in the wallet's ledger.
    core: Option<Service>,
}

/// One who is called with JSON.
struct Service {
    target: Target,
    address: SocketAddr,
    token: Option<String>,
}

/// Reads answers that are JSON with status 200, and asks `look` what each of them is.
struct Answers<F> {
    look: F,
    first_wrong: Option<String>,
}

impl<F: FnMut(usize, &Value) -> Result<(), String>> Reader for &mut Answers<F> {
    fn read(&mut self, index: usize, received: &mut Vec<u8>, tally: &mut Tally) -> Result<Option<Kind>, String> {
        let Some(response) = Response::take(received, false)? else { return Ok(None) };
        let looked = match (response.status, serde_json::from_slice(&response.body)) {
            (200, Ok(answer)) => (self.look)(index, &answer),
            (status, _) => Err(format!("HTTP {status}: {}", String::from_utf8_lossy(&response.body))),
        };
        Ok(Some(match looked {
            Ok(()) => tally.kind("right"),
            Err(why) => {
                self.first_wrong.get_or_insert(why);
                tally.kind("wrong")
            }
        }))
    }
}

impl Wallet {
    /// `tokens` is a file with lines of NAME ROLE TOKEN; the first with the role `pay` is used.
    pub(super) fn new(url: &str, tokens: &Path) -> Result<Self, CommandError> {
        Ok(Self { api: Service::new(url, Some(pay_token(tokens)?))?, core: None })
    }

    /// The same with its money in a core that has the two routes for tests.
    pub(super) fn with_core(mut self, url: &str, token: Option<String>) -> Result<Self, CommandError> {
        self.core = Some(Service::new(url, token)?);
        Ok(self)
    }

    /// Who says where the money is.
    pub(super) fn witness(&self) -> &'static str {
        if self.core.is_some() {
            "the wallet core (GET /accounts/…)"
        } else {
            "the wallet's ledger (GET /wallet/v1/accounts/…)"
        }
    }

    /// Records a payment of each id that succeeded, each from an account of its own that has the id for its name.
    pub(super) fn record(&self, (acquirer_id, psp_id): (&str, &str), ids: &[String]) -> Result<(), CommandError> {
        let time = request_time(now());
        let announcement = |id: &String| {
            let amount = json!({ "value": AMOUNT, "currency": "JPY" });
            json!({ "acquirerId": acquirer_id, "pspId": psp_id, "account": id, "amount": amount, "kind": "payment",
                    "initiatedAt": time })
        };
        let disposed = |wanted: &'static str| {
            move |_: usize, answer: &Value| match answer["disposition"] == wanted {
                true => Ok(()),
                false => Err(format!("a payment was answered {answer} and not {wanted:?}: choose another --id-prefix")),
            }
        };
        self.api.ask_all(ids, |id| ("PUT", payment(id), Some(announcement(id))), disposed("proceed"))?;
        if let Some(core) = &self.core {
            let debit = |id: &String| {
                let mut debit = announcement(id);
                debit["status"] = "S".into();
                ("PUT", format!("/payments/{}", segment(id)), Some(debit))
            };
            core.ask_all(ids, debit, |_, _| Ok(()))?;
        }
        let result = json!({ "status": "S", "completedAt": time });
        self.api.ask_all(ids, |id| ("POST", format!("{}/result", payment(id)), Some(result.clone())), disposed("stands"))
    }

    /// Looks at every case and, where payments have accounts of their own, at every account: money went back exactly once for each
    /// cancelled payment, each payment is cancelled that Alipay+ was told S of, and each other one is cancelled as a whole or not at all.
    ///
    /// # Errors
    /// The first thing that is wrong.
    pub(super) fn audit(&self, ids: &[String], told: &Tally, own_accounts: bool) -> Result<Value, CommandError> {
        let mut cancelled = vec![false; ids.len()];
        let look = |index: usize, case: &Value| {
            let is_cancelled = check_case(told.of(index), case)?;
            cancelled.get_mut(index).into_iter().for_each(|place| *place = is_cancelled);
            Ok(())
        };
        self.api.ask_all(ids, |id| ("GET", payment(id), None), look)?;
        if own_accounts {
            let look = |index: usize, account: &Value| {
                let id = ids.get(index).map_or("", String::as_str);
                check_account(cancelled.get(index).is_some_and(|is| *is), id, account)
            };
            let (books, place) = self.core.as_ref().map_or((&self.api, "/wallet/v1/accounts"), |core| (core, "/accounts"));
            books.ask_all(ids, |id| ("GET", format!("{place}/{}", segment(id)), None), look)?;
        }
        let count = cancelled.iter().filter(|is| **is).count();
        Ok(json!({ "payments": ids.len(), "cancelled": count, "accounts": own_accounts }))
    }
}

impl Service {
    fn new(url: &str, token: Option<String>) -> Result<Self, CommandError> {
        let target = Target::parse(url)?;
        Ok(Self { address: address_of(&target)?, target, token })
    }

    fn ask_all(
        &self,
        ids: &[String],
        question: impl Fn(&String) -> (&'static str, String, Option<Value>) + Sync,
        look: impl FnMut(usize, &Value) -> Result<(), String>,
    ) -> Result<(), CommandError> {
        let make = |index: usize| {
            let id = ids.get(index).ok_or_else(|| CommandError::new("there is no such payment"))?;
            let (method, path, body) = question(id);
            let place = format!("{}{path}", self.target.uri.trim_end_matches('/'));
            let body = body.map(|body| body.to_string()).unwrap_or_default();
            let request = Request::new(method, &place, &self.target.authority, body).with("Content-Type", "application/json");
            let request = match &self.token {
                Some(token) => request.with("Authorization", &format!("Bearer {token}")),
                None => request,
            };
            Ok(request.bytes())
        };
        let requests = Requests::make(ids.len(), make, || {})?;
        let (connections, stop_after) = (CONNECTIONS.min(ids.len().max(1)), Duration::MAX);
        let drive = Drive { address: self.address, requests: &requests, connections, pace: Pace::AsFastAsItGoes, stop_after };
        let mut answers = Answers { look, first_wrong: None };
        let tally = drive.run(&mut answers, |_| {})?;
        match answers.first_wrong {
            Some(why) => Err(CommandError::new(why)),
            None if tally.count("right") < ids.len() as u64 => {
                Err(CommandError::new(format!("{} left calls unanswered", self.target.authority)))
            }
            None => Ok(()),
        }
    }
}

/// Whether the payment is cancelled; an error where that does not fit to what Alipay+ was told, or the case is half-done.
fn check_case(told: &str, case: &Value) -> Result<bool, String> {
    let wrong = |what: &str| Err(format!("{what}, but Alipay+ was told \"{told}\" of {case}"));
    match case["cancellation"]["state"].as_str() {
        Some("cancelled") => {
            let (reversal, inquiry) = (&case["reversal"], &case["inquiry"]);
            let whole = reversal["state"] == "done" && reversal["amount"] == case["amount"];
            if whole && inquiry["resultCode"] == "ORDER_IS_CLOSED" { Ok(true) } else { wrong("it is cancelled by half") }
        }
        Some(_) | None if told.starts_with('S') => wrong("it is not cancelled"),
        None if case["reversal"].is_null() && case["inquiry"]["resultCode"] == "SUCCESS" => Ok(false),
        Some(_) => Ok(false),
        None => wrong("it is changed without a cancel"),
    }
}

/// The money of the account's one payment was taken once, and given back once if the payment is cancelled. Empty books are not right:
/// somebody paid.
fn check_account(cancelled: bool, id: &str, account: &Value) -> Result<(), String> {
    let (movements, _) = page(account).map_err(|why| format!("the books cannot be read, {why}: {account}"))?;
    let Money { taken, given_back, times } = Money::of(&movements, id, "JPY")?;
    let pieces = movements.len() - times;
    let amount = AMOUNT.parse().unwrap_or(i64::MAX);
    let wanted = if cancelled { (amount, 1, amount, 1) } else { (amount, 1, 0, 0) };
    if (taken, pieces, given_back, times) == wanted {
        return Ok(());
    }
    let (cancelled, hint) = (if cancelled { "" } else { "not " }, "where the money is in a core, name it by --wallet-core");
    let hint = if movements.is_empty() { format!(" ({hint})") } else { String::new() };
    Err(format!("the books of a payment that is {cancelled}cancelled are wrong: {account}{hint}"))
}

fn payment(id: &str) -> String {
    format!("/wallet/v1/payments/{}", segment(id))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn case(state: Option<&str>, reversal: Value, inquiry: &str) -> Value {
        let cancellation = state.map(|state| json!({ "state": state }));
        json!({ "amount": AMOUNT, "cancellation": cancellation, "reversal": reversal, "inquiry": { "resultCode": inquiry } })
    }

    #[test]
    fn a_payment_is_cancelled_as_a_whole_or_not_at_all_and_whoever_was_told_s_was_told_the_truth() {
        let (done, open) = (json!({"state": "done", "amount": AMOUNT}), json!({"state": "open", "amount": AMOUNT}));
        let half = json!({"state": "done", "amount": "1"});
        for told in ["S SUCCESS", "U UNKNOWN_EXCEPTION", "no answer", "not sent"] {
            let is_s = told.starts_with('S');
            let checked = |state, reversal: &Value, inquiry| check_case(told, &case(state, reversal.clone(), inquiry)).ok();
            assert_eq!(checked(Some("cancelled"), &done, "ORDER_IS_CLOSED"), Some(true), "{told}");
            assert_eq!(checked(Some("cancelled"), &done, "SUCCESS"), None, "{told}");
            assert_eq!(checked(Some("cancelled"), &open, "ORDER_IS_CLOSED"), None, "{told}");
            assert_eq!(checked(Some("cancelled"), &half, "ORDER_IS_CLOSED"), None, "{told}");
            assert_eq!(checked(Some("open"), &open, "ORDER_IS_CLOSED"), (!is_s).then_some(false), "{told}");
            assert_eq!(checked(None, &Value::Null, "SUCCESS"), (!is_s).then_some(false), "{told}");
            assert_eq!(checked(None, &done, "SUCCESS"), None, "{told}");
            assert_eq!(checked(None, &Value::Null, "ORDER_IS_CLOSED"), None, "{told}");
        }
    }

    #[test]
    fn f87_the_money_of_a_payment_is_taken_once_and_given_back_once_and_empty_books_are_wrong() {
        let account = |entries: &[(&str, &str)]| {
            let amount = |value| json!({ "value": value, "currency": "JPY" });
            let entries =
                entries.iter().map(|(kind, value)| json!({ "paymentRequestId": "a", "kind": kind, "amount": amount(value) }));
            json!({ "entries": entries.collect::<Vec<_>>() })
        };
        let (debit, credit) = (("debit", AMOUNT), ("credit", AMOUNT));
        for (cancelled, entries, right) in [
            (true, &[debit, credit][..], true),
            (false, &[debit], true),
            (true, &[debit], false),
            (true, &[debit, credit, credit], false),
            (true, &[debit, debit, credit], false),
            (false, &[debit, credit], false),
            (true, &[debit, ("credit", "5")], false),
            (true, &[], false),
            (false, &[], false),
        ] {
            assert_eq!(check_account(cancelled, "a", &account(entries)).is_ok(), right, "{cancelled} {entries:?}");
        }
        assert!(check_account(true, "a", &account(&[])).unwrap_err().ends_with("name it by --wallet-core)"));
    }
}
