//! The wallet API: payments are recorded by it before a storm, and the books are looked at by it afterwards.

use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Value, json};

use super::drive::{Drive, Reader, address_of};
use super::pace::Pace;
use super::requests::Requests;
use super::tally::{Kind, Tally};
use crate::clock::{now, request_time};
use crate::output::{CommandError, read};
use crate::wire::{Request, Response, Target};

/// How many calls are made at a time.
const CONNECTIONS: usize = 64;
/// The amount of every payment, in JPY.
const AMOUNT: &str = "1000";

/// The wallet API.
pub(super) struct Wallet {
    target: Target,
    address: SocketAddr,
    token: String,
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
        let target = Target::parse(url)?;
        let text = String::from_utf8_lossy(&read(tokens)?).into_owned();
        let with_role_pay = |line: &str| match line.split_whitespace().collect::<Vec<_>>()[..] {
            [_, "pay", token] => Some(token.to_owned()),
            _ => None,
        };
        let token = text.lines().find_map(with_role_pay);
        let token = token.ok_or_else(|| CommandError::new(format!("{} has no line NAME pay TOKEN", tokens.display())))?;
        Ok(Self { address: address_of(&target)?, target, token })
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
        self.ask_all(ids, |id| ("PUT", payment(id), Some(announcement(id))), disposed("proceed"))?;
        let result = json!({ "status": "S", "completedAt": time });
        self.ask_all(ids, |id| ("POST", format!("{}/result", payment(id)), Some(result.clone())), disposed("stands"))
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
        self.ask_all(ids, |id| ("GET", payment(id), None), look)?;
        if own_accounts {
            let look = |index: usize, account: &Value| check_account(cancelled.get(index).is_some_and(|is| *is), account);
            self.ask_all(ids, |id| ("GET", format!("/wallet/v1/accounts/{}", segment(id)), None), look)?;
        }
        let count = cancelled.iter().filter(|is| **is).count();
        Ok(json!({ "payments": ids.len(), "cancelled": count, "accounts": own_accounts }))
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
            Ok(request.with("Authorization", &format!("Bearer {}", self.token)).bytes())
        };
        let requests = Requests::make(ids.len(), make, || {})?;
        let (connections, stop_after) = (CONNECTIONS.min(ids.len().max(1)), Duration::MAX);
        let drive = Drive { address: self.address, requests: &requests, connections, pace: Pace::AsFastAsItGoes, stop_after };
        let mut answers = Answers { look, first_wrong: None };
        let tally = drive.run(&mut answers, |_| {})?;
        match answers.first_wrong {
            Some(why) => Err(CommandError::new(why)),
            None if tally.count("right") < ids.len() as u64 => Err(CommandError::new("the wallet API left calls unanswered")),
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

/// The ledger took the money of the account's one payment once, and gave it back once if the payment is cancelled. Where the money is
/// in a wallet core there are no entries.
fn check_account(cancelled: bool, account: &Value) -> Result<(), String> {
    let entries = account["entries"].as_array().into_iter().flatten();
    let kinds: Vec<_> = entries.map(|entry| entry["kind"].as_str().unwrap_or_default()).collect();
    let balance = account["balances"][0]["value"].as_str().unwrap_or("0").trim_start_matches('-');
    match (&kinds[..], cancelled, balance) {
        ([], ..) | (["debit", "credit"], true, "0") | (["debit"], false, AMOUNT) => Ok(()),
        _ => Err(format!("the books of a payment that is {}cancelled are wrong: {account}", if cancelled { "" } else { "not " })),
    }
}

fn payment(id: &str) -> String {
    format!("/wallet/v1/payments/{}", segment(id))
}

fn segment(text: &str) -> String {
    utf8_percent_encode(text, NON_ALPHANUMERIC).to_string()
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
    fn the_money_of_a_payment_is_taken_once_and_given_back_once() {
        let account = |balance: &str, kinds: &[&str]| {
            let entries: Vec<_> = kinds.iter().map(|kind| json!({ "kind": kind })).collect();
            json!({ "balances": [{ "currency": "JPY", "value": balance }], "entries": entries })
        };
        for (cancelled, balance, kinds, right) in [
            (true, "0", &["debit", "credit"][..], true),
            (false, "-1000", &["debit"], true),
            (true, "-1000", &["debit"], false),
            (true, "1000", &["debit", "credit", "credit"], false),
            (false, "0", &["debit", "credit"], false),
            (true, "5", &["debit", "credit"], false),
            (true, "0", &[], true),
        ] {
            assert_eq!(check_account(cancelled, &account(balance, kinds)).is_ok(), right, "{cancelled} {balance} {kinds:?}");
        }
    }
}
