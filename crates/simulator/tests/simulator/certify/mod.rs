//! The certification of wallet cores: a right core passes, and each wrong one is failed by the case that exists for it.

mod books;
mod wrong;

use std::net::SocketAddr;
use std::process::{Child, Command, Output, Stdio};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use actix_web::dev::ServerHandle;
use actix_web::http::StatusCode;
use actix_web::{App, HttpRequest, HttpResponse, HttpServer, web};
use chrono::{SecondsFormat, TimeDelta, Utc};
use percent_encoding::percent_decode_str;
use serde_json::Value;

use books::{Books, Said};
pub(crate) use wrong::Wrong;

/// Each wrong core with the case that fails it.
const WRONG: &[(Wrong, &str)] = &[
    (Wrong::CreditsNobody, "paid-payment"),
    (Wrong::LooksThenActs, "asked-by-sixty-four-at-once"),
    (Wrong::DebitsAfterNothingToDo, "reversal-before-the-debit"),
    (Wrong::CreditsAgain, "asked-twice"),
    (Wrong::CreditsWhoPaidLast, "only-what-was-asked-for"),
    (Wrong::CreditsInYen, "other-currencies"),
    (Wrong::CreditsAPart, "large-amounts"),
    (Wrong::AnswersBeforeItIsDurable, "killed-right-after-the-answer"),
    (Wrong::ForgetsAtRestart, "asked-again-after-a-kill"),
    (Wrong::ForgetsTheFenceAtRestart, "debited-after-a-kill"),
    (Wrong::ForgetsTheOldest, "asked-again-much-later"),
    (Wrong::LooksForTheFenceTooEarly, "reversal-during-the-debit"),
    (Wrong::SaysNotFound, "never-seen"),
    (Wrong::HidesWhatItHas, "payment-is-found"),
    (Wrong::ReleasesAndKeeps, "authorization"),
    (Wrong::ActsAfterTheTimeout, "answer-after-the-timeout"),
    (Wrong::SaysDoneToAll, "never-seen"),
    (Wrong::SaysRefunded, "payment-without-refund"),
    (Wrong::GivesBackTheRest, "partly-refunded-payment"),
    (Wrong::IgnoresRunningRefunds, "refund-that-runs"),
    (Wrong::TrustsTheBody, "body-that-names-another-account"),
    (Wrong::ActsOnTaken, "body-that-knows-nothing"),
    (Wrong::HasAPeriod, "payment-of-last-year"),
    (Wrong::IgnoresCapitals, "ids-that-differ-by-little"),
    (Wrong::SkipsAnEntry, "many-payments-of-one-account"),
];

/// The plainest promises. A core that breaks another one keeps these, unless it breaks what all of them rest on.
const PLAIN: [&str; 5] = ["paid-payment", "authorization", "asked-twice", "never-seen", "reversal-before-the-debit"];
const BREAKS_PLAIN_ONES: [Wrong; 7] = [
    Wrong::CreditsNobody,
    Wrong::CreditsAgain,
    Wrong::DebitsAfterNothingToDo,
    Wrong::SaysNotFound,
    Wrong::SaysDoneToAll,
    Wrong::ReleasesAndKeeps,
    Wrong::ActsAfterTheTimeout,
];

/// So many days ago, in the form in which payments are initiated.
pub(crate) fn days_ago(days: i64) -> String {
    #[expect(clippy::disallowed_methods, reason = "this core is a program of its own")]
    let now = Utc::now();
    let at = now - TimeDelta::days(days);
    at.with_timezone(&chrono::FixedOffset::east_opt(8 * 3600).unwrap()).to_rfc3339_opts(SecondsFormat::Secs, false)
}

/// A core that serves until it is dropped.
pub(crate) struct Running {
    address: SocketAddr,
    handle: ServerHandle,
}

impl Running {
    pub(crate) fn start(wrong: Option<Wrong>) -> Self {
        let books = web::Data::new(Mutex::new(Books::new(wrong)));
        let app = move || App::new().app_data(books.clone()).default_service(web::to(answer));
        let server = HttpServer::new(app).workers(2).disable_signals().bind(("127.0.0.1", 0)).unwrap();
        let (address, server) = (server.addrs()[0], server.run());
        let handle = server.handle();
        std::thread::spawn(move || actix_web::rt::System::new().block_on(server));
        Self { address, handle }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// A command of the shell that has it restart.
    fn restart(&self) -> String {
        let (host, port) = (self.address.ip(), self.address.port());
        let request = r"PUT /restart HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n";
        format!("bash -c 'exec 3<>/dev/tcp/{host}/{port}; printf \"{request}\" >&3; cat <&3'")
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        drop(self.handle.stop(false));
    }
}

/// Every call.
async fn answer(request: HttpRequest, body: web::Bytes, books: web::Data<Mutex<Books>>) -> HttpResponse {
    let mut parts = request.path().trim_start_matches('/').splitn(2, '/');
    let (collection, name) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
    let name = percent_decode_str(name).decode_utf8_lossy().into_owned();
    let body: Value = serde_json::from_slice(&body).unwrap_or_default();
    let (status, said) = match (request.method().as_str(), collection) {
        ("PUT", "reversals") => reverse(&books, &name, &body).await,
        ("PUT", "payments") => tell(&books, &name, &body).await,
        ("GET", "payments") => books.lock().unwrap().find(&name),
        ("GET", "accounts") => books.lock().unwrap().account(&name, page(request.query_string())),
        ("PUT", "restart") => {
            books.lock().unwrap().restart();
            (200, Value::Null)
        }
        _ => (404, Value::Null),
    };
    HttpResponse::build(StatusCode::from_u16(status).unwrap()).json(said)
}

/// Decides and moves under one lock, unless there is a moment in between.
async fn reverse(books: &Mutex<Books>, id: &str, body: &Value) -> Said {
    let (id, waits) = {
        let mut books = books.lock().unwrap();
        let id = books.key(id);
        let decided = books.decide(&id, body);
        let waits = match books.wrong {
            Some(Wrong::LooksThenActs) => Duration::from_millis(20),
            Some(Wrong::ActsAfterTheTimeout) => Duration::from_secs(5),
            _ => Duration::ZERO,
        };
        match decided {
            Err(said) => return said,
            Ok(ends) if waits.is_zero() => return books.end(&id, body, ends),
            Ok(ends) => ((id, ends), waits),
        }
    };
    actix_web::rt::time::sleep(waits).await;
    books.lock().unwrap().end(&id.0, body, id.1)
}

async fn tell(books: &Mutex<Books>, id: &str, told: &Value) -> Said {
    let early = {
        let mut books = books.lock().unwrap();
        let id = books.key(id);
        if books.is_fenced(&id) {
            return (409, Value::Null);
        }
        if !books.does(Wrong::LooksForTheFenceTooEarly) {
            return books.tell(&id, told);
        }
        id
    };
    actix_web::rt::time::sleep(Duration::from_millis(50)).await;
    books.lock().unwrap().tell(&early, told)
}

fn page(query: &str) -> (usize, usize) {
    let number = |name: &str| query.split('&').find_map(|part| part.strip_prefix(name)?.strip_prefix('=')?.parse().ok());
    (number("limit").unwrap_or(100), number("after").unwrap_or(0))
}

// ---- Runs ----

/// A certification in the making.
fn certify(url: &str, more: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_alipayplus-sim"));
    command.args(["core", "certify", "--core", url]).args(more).stdin(Stdio::null());
    command
}

/// The exit code, and the names of what failed.
fn verdict(output: &Output) -> (Option<i32>, Vec<String>) {
    let said = String::from_utf8_lossy(&output.stdout);
    let failed = said.lines().filter_map(|line| line.strip_prefix("failed "));
    let names = failed.filter_map(|line| line.split_whitespace().nth(1)).map(|name| name.trim_end_matches(':').to_owned());
    (output.status.code(), names.collect())
}

fn judged(core: &Running, only: &[&str]) -> (Option<i32>, Vec<String>) {
    let mut command = certify(&core.url(), &["--restart", &core.restart(), "--lookups"]);
    for case in only {
        command.args(["--only", case]);
    }
    verdict(&command.output().unwrap())
}

#[test]
fn f89_each_wrong_core_is_failed_by_the_case_that_exists_for_it() {
    let (next, missed) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    let look = || {
        while let Some((wrong, case)) = WRONG.get(next.fetch_add(1, Ordering::Relaxed)) {
            let core = Running::start(Some(*wrong));
            let found = judged(&core, &[case]);
            if found != (Some(1), vec![(*case).to_owned()]) {
                missed.lock().unwrap().push((wrong, found));
            }
            let plain = if BREAKS_PLAIN_ONES.contains(wrong) { None } else { Some(judged(&core, &PLAIN)) };
            if let Some(plain) = plain.filter(|plain| *plain != (Some(0), vec![])) {
                missed.lock().unwrap().push((wrong, plain));
            }
        }
    };
    std::thread::scope(|scope| (0..4).for_each(|_| drop(scope.spawn(look))));
    let missed = missed.into_inner().unwrap();
    assert!(missed.is_empty(), "{missed:?}");
}

#[test]
fn f89_a_right_core_passes_every_case() {
    let core = Running::start(None);
    let output = certify(&core.url(), &["--restart", &core.restart(), "--lookups"]).output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert_eq!(output.status.code(), Some(0), "{said}");
    let cases = Command::new(env!("CARGO_BIN_EXE_alipayplus-sim")).args(["core", "certify", "--list"]).output().unwrap();
    let all = said.lines().find(|line| line.starts_with("all ")).unwrap();
    let counts: Vec<usize> = all.split_whitespace().skip(1).map(|count| count.parse().unwrap()).collect();
    assert_eq!(counts, [String::from_utf8(cases.stdout).unwrap().lines().count(), 0, 0], "{said}");
}

#[test]
fn f89_what_cannot_be_looked_at_is_not_run_and_does_not_pass() {
    let core = Running::start(None);
    let (code, failed) = verdict(&certify(&core.url(), &["--only", "paid-payment", "--only", "lost"]).output().unwrap());
    assert_eq!((code, failed), (Some(3), vec![]), "cases that kill the core need a command");
    let somewhere_else = format!("{}/elsewhere", core.url());
    let output = certify(&somewhere_else, &["--only", "once"]).output().unwrap();
    assert_eq!(verdict(&output), (Some(3), vec![]), "there is no witness");
    assert!(String::from_utf8_lossy(&output.stdout).contains("there is no witness: GET /accounts/"));
    let (code, failed) = verdict(&certify("http://127.0.0.1:1", &["--list-nothing"]).output().unwrap());
    assert_eq!((code, failed), (Some(2), vec![]), "wrong usage");
}

/// The example in Python. Dropped, it and what was started after it are killed.
struct Example {
    folder: tempfile::TempDir,
    port: u16,
    first: Child,
}

impl Drop for Example {
    fn drop(&mut self) {
        let _ = self.first.kill();
        let _ = self.first.wait();
        if let Ok(pid) = std::fs::read_to_string(self.folder.path().join("pid")) {
            let _ = Command::new("kill").args(["-9", pid.trim()]).status();
        }
    }
}

impl Example {
    /// Nothing where there is no `python3`.
    fn start() -> Option<Self> {
        Command::new("python3").arg("--version").output().ok().filter(|output| output.status.success())?;
        let folder = tempfile::tempdir().unwrap();
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let mut command = Command::new("python3");
        command.arg(Self::file()).arg(port.to_string()).arg(folder.path().join("books")).stdout(Stdio::null());
        let first = command.spawn().unwrap();
        std::fs::write(folder.path().join("pid"), first.id().to_string()).unwrap();
        Some(Self { folder, port, first })
    }

    fn file() -> &'static str {
        concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/integrate/examples/wallet_core.py")
    }

    /// Kills the one that runs, and starts another on the same books.
    fn restart(&self) -> String {
        let folder = self.folder.path().display();
        format!(
            "kill -9 $(cat {folder}/pid); python3 {} {} {folder}/books >/dev/null 2>&1 & echo $! >{folder}/pid",
            Self::file(),
            self.port
        )
    }
}

#[test]
fn f89_a_core_in_another_language_that_was_written_from_the_page_passes() {
    let Some(example) = Example::start() else { return };
    let url = format!("http://127.0.0.1:{}", example.port);
    let output = certify(&url, &["--restart", &example.restart(), "--lookups"]).output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stdout));
}
