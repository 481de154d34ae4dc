//! Runs `alipayplus-sim conformance` and reads its JUnit XML.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::atomic::{AtomicUsize, Ordering};

use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};

use super::wallet::{CLIENT, INQUIRY_PATH, Keys, PATH, PSP, Running};

/// A run in the making.
pub(crate) struct Run {
    command: Command,
    files: [PathBuf; 2],
}

/// What a run came to.
#[derive(Debug)]
pub(crate) struct Results {
    code: Option<i32>,
    failed: Vec<String>,
    not_run: usize,
    cases: usize,
}

/// The machine's clock.
#[expect(clippy::disallowed_methods, reason = "a test stands outside of the program and has a clock of its own")]
pub(crate) fn now() -> DateTime<Utc> {
    Utc::now()
}

pub(crate) fn list() -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_alipayplus-sim")).args(["conformance", "--list"]).output().unwrap();
    assert!(output.status.success());
    String::from_utf8(output.stdout).unwrap()
}

impl Run {
    /// Against this wallet, with its driver.
    pub(crate) fn of(keys: &Keys, wallet: &Running, clock_ahead: TimeDelta) -> Self {
        static NEXT: AtomicUsize = AtomicUsize::new(0);
        let run = NEXT.fetch_add(1, Ordering::Relaxed);
        let files = [keys.file(&format!("{run}.xml")), keys.file(&format!("{run}.html"))];
        let mut command = Command::new(env!("CARGO_BIN_EXE_alipayplus-sim"));
        command.args(["conformance", "--client-id", CLIENT, "--psp-id", PSP, "--acquirer-id", "1022188000000000001"]);
        command.arg("--key").arg(keys.file("alipayplus.pem")).arg("--wallet-key").arg(keys.file("wallet-public.pem"));
        command.arg("--junit").arg(&files[0]).arg("--html").arg(&files[1]);
        let clock = (now() + clock_ahead).to_rfc3339_opts(SecondsFormat::Millis, true);
        let run = Self { command, files }.option("--wallet-clock", &clock).at(&format!("http://{}{PATH}", wallet.address));
        let run = run.option("--inquiry-target", &format!("http://{}{INQUIRY_PATH}", wallet.address));
        let run = run.option("--wallet-api", &format!("http://{}", wallet.address));
        run.option("--wallet-token-file", &keys.file("tokens").to_string_lossy())
    }

    pub(crate) fn at(self, target: &str) -> Self {
        self.option("--target", target)
    }

    pub(crate) fn only(self, group: &str) -> Self {
        self.option("--only", group)
    }

    /// With the money in this core.
    pub(crate) fn core(self, url: &str) -> Self {
        self.option("--wallet-core", url)
    }

    /// With the money seen in this core's journal.
    pub(crate) fn journal(self, file: &Path) -> Self {
        self.option("--wallet-core-journal", &file.to_string_lossy())
    }

    /// The same without its driver.
    pub(crate) fn without_driver(self) -> Self {
        self.without("--wallet-api").without("--wallet-token-file")
    }

    /// The same without an address for inquiries.
    pub(crate) fn without_inquiries(self) -> Self {
        self.without("--inquiry-target")
    }

    /// Gives an option, in the place of one that was given before, unless it may be given again.
    fn option(mut self, name: &str, value: &str) -> Self {
        if name != "--only" {
            self = self.without(name);
        }
        self.command.args([name, value]);
        self
    }

    fn without(mut self, name: &str) -> Self {
        let mut command = Command::new(self.command.get_program());
        let mut args = self.command.get_args();
        while let Some(arg) = args.next() {
            if arg == name {
                args.next();
            } else {
                command.arg(arg);
            }
        }
        self.command = command;
        self
    }

    pub(crate) fn output(mut self) -> Output {
        self.command.output().unwrap()
    }

    pub(crate) fn go(self) -> Results {
        let junit = self.files[0].clone();
        let output = self.output();
        let said = || String::from_utf8_lossy(&output.stderr).into_owned();
        let xml = std::fs::read_to_string(junit).unwrap_or_else(|error| panic!("{error}: {}", said()));
        let case_names = xml.split("<testcase ").skip(1).map(|case| (case, between(case, "name=\"", "\"")));
        let failed: Vec<_> = case_names.filter(|(case, _)| case.contains("<failure ")).map(|(_, name)| name).collect();
        let (not_run, cases) = (xml.matches("<skipped ").count(), xml.matches("<testcase ").count());
        Results { code: output.status.code(), failed, not_run, cases }
    }

    pub(crate) fn junit(self) -> String {
        let junit = self.files[0].clone();
        self.output();
        std::fs::read_to_string(junit).unwrap()
    }

    pub(crate) fn html(self) -> String {
        let html = self.files[1].clone();
        self.output();
        std::fs::read_to_string(html).unwrap()
    }
}

impl Results {
    /// The exit code says so, and so does the file.
    pub(crate) fn all_passed(&self) -> bool {
        self.code == Some(0) && self.failed.is_empty() && self.not_run == 0 && self.passed() > 0
    }

    /// None failed, and some were not run: the exit code says so, and so does the file.
    pub(crate) fn some_not_run(&self) -> bool {
        self.code == Some(3) && self.failed.is_empty() && self.not_run > 0
    }

    pub(crate) fn passed(&self) -> usize {
        self.cases - self.failed.len() - self.not_run
    }

    pub(crate) fn not_run(&self) -> usize {
        self.not_run
    }

    /// The names of those that failed; the exit code has to fit.
    pub(crate) fn failed(&self) -> Vec<String> {
        assert_eq!(self.code == Some(1), !self.failed.is_empty(), "{self:?}");
        self.failed.clone()
    }
}

/// The attribute `name`, which comes behind `classname`.
fn between(text: &str, from: &str, to: &str) -> String {
    let after = text.split_once(&format!(" {from}")).map_or("", |(_, after)| after);
    after.split_once(to).map_or("", |(value, _)| value).to_owned()
}
