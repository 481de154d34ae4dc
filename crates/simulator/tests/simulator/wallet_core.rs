//! The wallet core's stand-in, as a process: what it said holds after it was killed, and its faults happen where they are planned.

use std::collections::HashSet;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::{Value, json};

/// A running wallet core. Dropped, it is killed.
pub(crate) struct Core {
    child: Child,
    pub(crate) address: String,
    /// What callers show from now on.
    token: Option<&'static str>,
}

impl Core {
    pub(crate) fn start(journal: &Path, args: &[&str]) -> Self {
        let mut command = sim(&["wallet-core", "serve", "--listen", "127.0.0.1:0"]);
        let mut child = command.arg("--journal").arg(journal).args(args).stdout(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let (_, rest) = line.split_once("http://").unwrap();
        let address = rest.split(';').next().unwrap().to_owned();
        Self { child, address, token: None }
    }

    /// One call on a connection of its own; an error where there was no whole answer.
    fn call(&self, method: &str, path: &str, body: &Value) -> io::Result<(u16, Value)> {
        let body = body.to_string();
        let mut stream = TcpStream::connect(&self.address)?;
        let token = self.token.map_or_else(String::new, |token| format!("authorization: Bearer {token}\r\n"));
        let head = format!("{method} {path} HTTP/1.1\r\nhost: core\r\ncontent-length: {}\r\n{token}\r\n", body.len());
        stream.write_all(&[head, body].concat().into_bytes())?;
        stream.shutdown(std::net::Shutdown::Write)?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        let broken = || io::Error::from(io::ErrorKind::UnexpectedEof);
        let (head, body) = answer.split_once("\r\n\r\n").ok_or_else(broken)?;
        let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).ok_or_else(broken)?;
        Ok((status, serde_json::from_str(body).map_err(|_| broken())?))
    }

    fn debits(&self, id: &str) -> (u16, Value) {
        self.call("PUT", &format!("/payments/{id}"), &payment("S")).unwrap()
    }

    /// What is said to a reversal: its outcome, or the status without one.
    fn gives_back(&self, id: &str) -> io::Result<String> {
        let body = json!({ "paymentRequestId": id, "taken": "debit" });
        let (status, body) = self.call("PUT", &format!("/reversals/{id}"), &body)?;
        Ok(body["outcome"].as_str().map_or_else(|| status.to_string(), ToOwned::to_owned))
    }

    fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

impl Drop for Core {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn sim(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_alipayplus-sim"));
    command.args(args);
    command
}

fn payment(status: &str) -> Value {
    json!({
        "status": status, "acquirerId": "A", "account": "alice", "amount": { "value": "1000", "currency": "JPY" },
        "kind": "payment", "initiatedAt": "2026-03-01T09:15:00+08:00", "refundRunning": false,
    })
}

fn audit(journal: &Path) -> (Output, String) {
    let output = sim(&["wallet-core", "audit"]).arg(journal).output().unwrap();
    let text = String::from_utf8(output.stdout.clone()).unwrap();
    (output, text)
}

fn journal() -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let journal = folder.path().join("journal");
    (folder, journal)
}

#[test]
fn the_contract_is_kept_over_http() {
    let (_folder, journal) = journal();
    let core = Core::start(&journal, &[]);
    assert_eq!(core.call("GET", "/payments/a%2Fb", &json!({})).unwrap().0, 404);
    assert_eq!(core.call("PUT", "/payments/a%2Fb", &payment("U")).unwrap().0, 200);
    assert_eq!(core.call("PUT", "/payments/a%2Fb", &payment("S")).unwrap().0, 200);
    assert_eq!(core.call("GET", "/payments/a%2Fb", &json!({})).unwrap(), (200, payment("S")));
    let refund = json!({ "paymentRequestId": "a/b", "taken": "debit" });
    assert_eq!(core.call("PUT", "/reversals/a%2Fb", &refund).unwrap(), (200, json!({ "outcome": "done" })));
    assert_eq!(core.call("PUT", "/reversals/a%2Fb", &refund).unwrap(), (200, json!({ "outcome": "already-done" })));
    assert_eq!(core.gives_back("never").unwrap(), "nothing-to-do");
    assert_eq!(core.debits("never").0, 409, "the fence holds");
    for (method, path, body, status) in [
        ("PUT", "/reversals/x", json!({ "paymentRequestId": "y", "taken": "nothing-known" }), 400),
        ("PUT", "/reversals/x", json!({ "paymentRequestId": "x", "kind": "gift" }), 400),
        ("PUT", "/payments/x", json!({ "status": "S" }), 400),
        ("POST", "/payments/x", payment("S"), 404),
        ("GET", "/", json!({}), 404),
    ] {
        assert_eq!(core.call(method, path, &body).unwrap().0, status, "{method} {path} {body}");
    }
    let (output, text) = audit(&journal);
    assert!(output.status.success(), "{text}");
    assert!(text.contains("1 payments took money, 1 of them gave it back; 1 reversals had nothing to give back"), "{text}");
}

#[test]
fn accounts_say_what_is_booked_page_by_page_also_after_a_restart() {
    let (_folder, journal) = journal();
    let core = Core::start(&journal, &[]);
    for id in ["a", "b"] {
        core.debits(id);
    }
    let mut refunded = payment("S");
    refunded["refunded"] = json!({ "value": "300", "currency": "JPY" });
    assert_eq!(core.call("PUT", "/payments/b", &refunded).unwrap().0, 200);
    assert_eq!(core.gives_back("a").unwrap(), "done");
    assert_eq!(core.gives_back("b").unwrap(), "partly-refunded");
    let all = [("a", "debit", "1000"), ("b", "debit", "1000"), ("b", "credit", "300"), ("a", "credit", "1000")];
    let shown = |core: &Core, query: &str| {
        let (status, page) = core.call("GET", &format!("/accounts/alice{query}"), &json!({})).unwrap();
        let entries = page["entries"].as_array().cloned().unwrap_or_default().into_iter().map(|entry| {
            assert!(entry["at"].as_str().unwrap().ends_with('Z') && entry["amount"]["currency"] == "JPY", "{entry}");
            let text = |value: &Value| value.as_str().unwrap().to_owned();
            (text(&entry["paymentRequestId"]), text(&entry["kind"]), text(&entry["amount"]["value"]))
        });
        (status, entries.collect::<Vec<_>>(), page["next"].as_str().map(str::to_owned))
    };
    let part = |from: usize, to: usize| all[from..to].iter().map(|(a, b, c)| ((*a).into(), (*b).into(), (*c).into())).collect();
    assert_eq!(shown(&core, ""), (200, part(0, 4), None));
    assert_eq!(shown(&core, "?limit=3"), (200, part(0, 3), Some("3".to_owned())));
    assert_eq!(shown(&core, "?limit=3&after=3"), (200, part(3, 4), None));
    assert_eq!(shown(&core, "?after=x").0, 400);
    assert_eq!(core.call("GET", "/accounts/nobody", &json!({})).unwrap(), (200, json!({ "account": "nobody", "entries": [] })));
    core.kill();
    assert_eq!(shown(&Core::start(&journal, &[]), ""), (200, part(0, 4), None));
}

#[test]
fn who_shows_no_token_is_told_nothing() {
    let (folder, journal) = journal();
    let token = folder.path().join("token");
    std::fs::write(&token, "secret\n").unwrap();
    let mut core = Core::start(&journal, &["--token-file", token.to_str().unwrap()]);
    let url = format!("http://{}", core.address);
    for (shown, status) in [(None, 401), (Some("other"), 401), (Some("secret"), 200)] {
        core.token = shown;
        assert_eq!(core.debits("a").0, status, "{shown:?}");
    }
    assert!(sim(&["wallet-core", "health", "--url", &url]).output().unwrap().status.success(), "health needs none");
    core.kill();
    assert_eq!(sim(&["wallet-core", "health", "--url", &url]).output().unwrap().status.code(), Some(1));
}

#[test]
fn f14_what_was_told_before_a_kill_holds_after_it() {
    const PAYMENTS: usize = 200;
    let (_folder, journal) = journal();
    let mut told = HashSet::new();
    for round in 0..4 {
        let core = Core::start(&journal, &[]);
        for id in 0..PAYMENTS {
            assert_eq!(core.debits(&format!("{round}-{id}")).0, 200);
        }
        let next = AtomicUsize::new(0);
        let until_it_dies = || {
            let mut answers = Vec::new();
            loop {
                let id = format!("{round}-{}", next.fetch_add(1, Ordering::Relaxed) % PAYMENTS);
                match core.gives_back(&id) {
                    Ok(outcome) => answers.push((id, outcome)),
                    Err(_) => return answers,
                }
            }
        };
        let answers: Vec<_> = std::thread::scope(|scope| {
            let callers: Vec<_> = (0..8).map(|_| scope.spawn(until_it_dies)).collect();
            while next.load(Ordering::Relaxed) < PAYMENTS / 2 {
                std::thread::yield_now();
            }
            assert!(Command::new("kill").args(["-KILL", &core.child.id().to_string()]).status().unwrap().success());
            callers.into_iter().flat_map(|caller| caller.join().unwrap()).collect()
        });
        assert!(answers.len() > PAYMENTS / 3, "it was killed in the middle: {} answers", answers.len());
        for (id, outcome) in answers {
            assert!(["done", "already-done"].contains(&outcome.as_str()), "{id}: {outcome}");
            told.insert(id);
        }
        core.kill();
        let (output, text) = audit(&journal);
        assert!(output.status.success(), "{text}");
    }
    let core = Core::start(&journal, &[]);
    for id in &told {
        assert_eq!(core.gives_back(id).unwrap(), "already-done", "{id} was told before");
    }
}

#[test]
fn a_fault_happens_on_the_side_of_the_effect_that_it_is_planned_for() {
    for (faults, first, effect) in [
        ("fail-before=1/1", Some("500"), false),
        ("fail-after=1/1", Some("500"), true),
        ("drop-before=1/1", None, false),
        ("drop-after=1/1", None, true),
        ("delay-before=1/1", Some("done"), true),
        ("delay-after=1/1", Some("done"), true),
    ] {
        let (_folder, journal) = journal();
        let core = Core::start(&journal, &["--faults", faults, "--delay", "1"]);
        core.debits("a");
        assert_eq!(core.gives_back("a").ok().as_deref(), first, "{faults}");
        core.kill();
        let core = Core::start(&journal, &[]);
        assert_eq!(core.gives_back("a").unwrap(), if effect { "already-done" } else { "done" }, "{faults}");
    }
}

#[test]
fn an_audit_fails_where_money_went_back_twice() {
    let (_folder, path) = journal();
    let core = Core::start(&path, &[]);
    core.debits("a");
    core.gives_back("a").unwrap();
    core.kill();
    let written = std::fs::read_to_string(&path).unwrap();
    let last = written.lines().last().unwrap();
    std::fs::write(&path, format!("{written}{last}\n")).unwrap();
    let (output, text) = audit(&path);
    assert_eq!(output.status.code(), Some(1));
    assert!(text.contains("line 3: a was given back 2 times"), "{text}");
    assert!(text.contains(&format!("{:<32} {:>8} {:>20} {:>20} {:>20}", "alice", "JPY", 1000, 2000, -1000)), "{text}");
}
