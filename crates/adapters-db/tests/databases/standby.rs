//! A standby of PostgreSQL's answers from the past and records nothing.

use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use diesel::prelude::*;
use ports::testing::{Wallet, ledger_terms};

use crate::given::{open, served_terms};

/// A server of its own in a temporary folder, reached by a socket there.
struct Standby {
    folder: tempfile::TempDir,
    server: Child,
}

/// Where the server's programs are: on the path, or where Debian keeps them.
fn program(name: &str) -> PathBuf {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let versions = Path::new("/usr/lib/postgresql").read_dir().into_iter().flatten().flatten();
    let mut folders: Vec<_> = versions.map(|version| version.path().join("bin")).collect();
    folders.sort();
    let found = std::env::split_paths(&path).chain(folders.into_iter().rev()).map(|folder| folder.join(name));
    let found = found.into_iter().find(|program| program.is_file());
    found.unwrap_or_else(|| {
        panic!("{name} is neither on the PATH nor in /usr/lib/postgresql/*/bin: install the PostgreSQL server")
    })
}

fn output(program: &str, argument: &[&str]) -> String {
    let output = Command::new(program).args(argument).output().unwrap();
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

/// PostgreSQL refuses to run as root; then it runs as its own user, to whom the folder is given.
fn as_its_user(program: &Path, folder: &Path) -> Command {
    let mut command = Command::new(program);
    command.current_dir(folder).stdout(Stdio::null()).stderr(Stdio::null());
    if output("id", &["-u"]) == "0" {
        let id = |which| output("id", &[which, "postgres"]).parse().expect("root needs a user named postgres to run the server");
        let (user, group) = (id("-u"), id("-g"));
        std::os::unix::fs::chown(folder, Some(user), Some(group)).unwrap();
        command.uid(user).gid(group);
    }
    command
}

impl Standby {
    fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let data = folder.path().join("data");
        let mut initdb = as_its_user(&program("initdb"), folder.path());
        initdb.arg("-D").arg(&data).args(["-U", "postgres", "-A", "trust", "-N", "--no-instructions"]);
        assert!(initdb.status().unwrap().success(), "initdb failed");
        std::fs::write(data.join("standby.signal"), "").unwrap();
        let mut server = as_its_user(&program("postgres"), folder.path());
        server.arg("-D").arg(&data).arg("-k").arg(folder.path()).args(["-c", "listen_addresses=", "-c", "shared_buffers=1MB"]);
        Self { server: server.spawn().unwrap(), folder }
    }

    fn url(&self) -> String {
        format!("postgres://postgres@{}/postgres", self.folder.path().display().to_string().replace('/', "%2F"))
    }

    fn wait_until_it_answers(&mut self) {
        while PgConnection::establish(&self.url()).is_err() {
            assert!(self.server.try_wait().unwrap().is_none(), "the server ended");
            std::thread::sleep(Duration::from_millis(50));
        }
    }
}

impl Drop for Standby {
    /// An immediate shutdown, so that the server's own processes end with it.
    fn drop(&mut self) {
        let asked = Command::new("kill").arg("-QUIT").arg(self.server.id().to_string()).status();
        if !asked.is_ok_and(|status| status.success()) {
            let _ = self.server.kill();
        }
        let _ = self.server.wait();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn f39_a_standby_is_refused_whatever_it_is_asked() {
    let mut standby = Standby::start();
    standby.wait_until_it_answers();
    // A pool for each, since a pool tells its reason to one of those who wait.
    let database = || open(&standby.url(), 1).unwrap();
    let store = || database().store(ledger_terms());
    let (starting, migrating, [checking, reading, writing]) = (database(), database(), [store(), store(), store()]);
    let asked = Wallet::of("asked");
    let (served, migrated, checked, found, decided) = tokio::join!(
        tokio::task::spawn_blocking(move || starting.check_served(&served_terms())),
        tokio::task::spawn_blocking(move || migrating.migrate()),
        checking.check(),
        reading.find(&asked.id),
        writing.decide(vec![asked.is_cancelled()]),
    );
    let sentences = [
        served.unwrap().unwrap_err().to_string(),
        migrated.unwrap().unwrap_err().to_string(),
        checked.unwrap_err().to_string(),
        found.unwrap_err().to_string(),
        decided[0].clone().unwrap_err().to_string(),
    ];
    for sentence in sentences {
        assert!(sentence.contains("in recovery") && sentence.contains("primary"), "{sentence}");
    }
}
