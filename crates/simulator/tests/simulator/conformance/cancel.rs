//! `alipayplus-sim cancel`, against the wallet of these tests.

use std::process::{Command, Output};

use chrono::TimeDelta;

use super::wallet::{CLIENT, Fault, Keys, PATH, PSP, Running};

fn cancel(keys: &Keys, target: &str) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_alipayplus-sim"));
    command.args(["cancel", "--client-id", CLIENT, "--psp-id", PSP, "--acquirer-id", "1", "--payment-request-id", "42"]);
    command.arg("--key").arg(keys.file("alipayplus.pem")).arg("--wallet-key").arg(keys.file("wallet-public.pem"));
    command.args(["--target", target]).output().unwrap()
}

fn of_a_wallet_with(fault: Option<Fault>) -> (Option<i32>, String, String) {
    let keys = Keys::new();
    let wallet = Running::start(&keys, fault, TimeDelta::zero());
    let Output { status, stdout, stderr } = cancel(&keys, &format!("http://{}{PATH}", wallet.address));
    (status.code(), String::from_utf8(stdout).unwrap(), String::from_utf8(stderr).unwrap())
}

#[test]
fn one_call_is_printed_with_its_answer_and_what_it_means() {
    let (code, said, _) = of_a_wallet_with(None);
    assert_eq!(code, Some(0));
    assert!(said.starts_with(&format!("POST {PATH} HTTP/1.1\n")), "{said}");
    assert!(said.contains("\"paymentRequestId\":\"42\"}\n") && said.contains("HTTP/1.1 200 OK\n"), "{said}");
    assert!(said.lines().last().unwrap().starts_with("S SUCCESS (Success), signed by the wallet, after "), "{said}");
}

#[test]
fn an_answer_that_alipayplus_cannot_use_is_no_success() {
    let (code, said, complained) = of_a_wallet_with(Some(Fault::SignsOtherBytes));
    assert_eq!(code, Some(1));
    assert!(said.contains("\"resultStatus\":\"S\""), "it is printed all the same: {said}");
    let why = "Alipay+ cannot use this answer: its signature is not the wallet's over this answer";
    assert_eq!(complained, format!("alipayplus-sim: {why}\n"));
}

#[test]
fn a_wallet_that_cannot_be_reached_is_said_to_be() {
    let output = cancel(&Keys::new(), "http://127.0.0.1:1/cancel");
    let complained = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(complained.starts_with("alipayplus-sim: no answer: "), "{complained}");
}

#[test]
fn https_where_http_was_meant_is_said_so() {
    let keys = Keys::new();
    let wallet = Running::start(&keys, None, TimeDelta::zero());
    let output = cancel(&keys, &format!("https://{}{PATH}", wallet.address));
    let complained = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1));
    let why = "no answer: what answers there does not speak TLS: http:// instead of https:// may be meant";
    assert_eq!(complained, format!("alipayplus-sim: {why}\n"));
}

#[test]
fn a_profile_holds_the_six_options() {
    let keys = Keys::new();
    let wallet = Running::start(&keys, None, TimeDelta::zero());
    let target = format!("http://{}{PATH}", wallet.address);
    let files = "key = \"alipayplus.pem\"\nwallet_key = \"wallet-public.pem\"";
    let profile = format!("target = {target:?}\nclient_id = {CLIENT:?}\npsp_id = {PSP:?}\nacquirer_id = \"1\"\n{files}\n");
    std::fs::write(keys.file("profile.toml"), profile).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_alipayplus-sim"));
    command.args(["cancel", "--payment-request-id", "42", "--profile"]).arg(keys.file("profile.toml"));
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}
