//! PostgreSQL servers of a test's own: in a temporary folder, reached by a socket there, and without a port.

use std::fs::OpenOptions;
use std::io::Write;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// A server, running or not; gone with its data when dropped.
pub(crate) struct Server {
    folder: tempfile::TempDir,
    running: Option<Child>,
}

/// Where the server's programs are: on the path, or where Debian keeps them.
pub(crate) fn program(name: &str) -> PathBuf {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let versions = Path::new("/usr/lib/postgresql").read_dir().into_iter().flatten().flatten();
    let mut folders: Vec<_> = versions.map(|version| version.path().join("bin")).collect();
    folders.sort();
    let usual = ["/usr/sbin".into()];
    let found = std::env::split_paths(&path).chain(folders.into_iter().rev()).chain(usual).map(|folder| folder.join(name));
    let found = found.into_iter().find(|program| program.is_file());
    found.unwrap_or_else(|| {
        panic!("{name} is neither on the PATH nor in /usr/lib/postgresql/*/bin: install the PostgreSQL server, and PgBouncer")
    })
}

fn output(program: impl AsRef<Path>, arguments: &[&str]) -> String {
    let output = Command::new(program.as_ref()).args(arguments).output().unwrap();
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

/// The number of a user (`-u`) or of a user's group (`-g`); of the user who runs this, where none is named.
pub(crate) fn id_of(which: &str, user: Option<&str>) -> u32 {
    output("id", &[&[which], user.as_slice()].concat()).parse().unwrap()
}

/// PostgreSQL refuses to run as root; then it runs as its own user, to whom the folder is given.
fn as_its_user(name: &str, folder: &Path) -> Command {
    let mut command = Command::new(program(name));
    command.current_dir(folder).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    if id_of("-u", None) == 0 {
        let (user, group) = (id_of("-u", Some("postgres")), id_of("-g", Some("postgres")));
        std::os::unix::fs::chown(folder, Some(user), Some(group)).unwrap();
        command.uid(user).gid(group);
    }
    command
}

impl Server {
    fn with(make: impl FnOnce(&Path, &Path) -> Command) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let made = make(folder.path(), &folder.path().join("data")).status().unwrap();
        assert!(made.success(), "the server's folder could not be made");
        Self { folder, running: None }
    }

    /// A new one, not started.
    pub(crate) fn new() -> Self {
        Self::with(|folder, data| {
            let mut initdb = as_its_user("initdb", folder);
            initdb.arg("-D").arg(data).args(["-U", "postgres", "-A", "trust", "-N", "--no-instructions"]);
            initdb
        })
    }

    /// One that follows a server that runs; not started.
    pub(crate) fn standby_of(primary: &Self) -> Self {
        Self::with(|folder, data| {
            let mut copy = as_its_user("pg_basebackup", folder);
            copy.arg("-D").arg(data).args(["-h", &primary.socket(), "-U", "postgres", "-R", "-c", "fast", "-N"]);
            copy
        })
    }

    /// From its next start on it waits for a primary's word.
    pub(crate) fn is_a_standby(&self) {
        std::fs::write(self.folder.path().join("data/standby.signal"), "").unwrap();
    }

    /// Makes a role that has to show this password; it owns a database of this name.
    pub(crate) fn make_role(&self, name: &str, password: &str) {
        self.says(&format!("create role {name} login password '{password}'"));
        self.says(&format!("create database {name} owner {name}"));
        let file = self.folder.path().join("data/pg_hba.conf");
        let others = std::fs::read_to_string(&file).unwrap();
        std::fs::write(file, format!("local all {name} scram-sha-256\n{others}")).unwrap();
        self.says("select pg_reload_conf()");
    }

    /// Puts a setting in force at its next start.
    pub(crate) fn set(&self, line: &str) {
        let mut settings = OpenOptions::new().append(true).open(self.folder.path().join("data/postgresql.conf")).unwrap();
        writeln!(settings, "{line}").unwrap();
    }

    /// Starts it, and waits until it answers.
    pub(crate) fn start(&mut self) {
        let mut server = as_its_user("postgres", self.folder.path());
        server.arg("-D").arg(self.folder.path().join("data")).arg("-k").arg(self.folder.path());
        // Nothing here outlives a crash of the machine, so that nothing is forced to the disk.
        server.args(["-c", "listen_addresses=", "-c", "shared_buffers=4MB", "-c", "fsync=off"]);
        let mut running = server.spawn().unwrap();
        while !Command::new(program("pg_isready")).args(["-q", "-h", &self.socket()]).status().unwrap().success() {
            assert!(running.try_wait().unwrap().is_none(), "the server ended");
            std::thread::sleep(Duration::from_millis(50));
        }
        self.running = Some(running);
    }

    /// The folder of its socket.
    pub(crate) fn socket(&self) -> String {
        self.folder.path().display().to_string()
    }

    /// The URL of a database that one of these servers has, whichever takes writes.
    pub(crate) fn url(servers: &[&Self], database: &str) -> String {
        let hosts: Vec<_> = servers.iter().map(|server| server.socket()).collect();
        format!("postgres:///{database}?user=postgres&host={}", hosts.join(","))
    }

    /// What a statement says; run in the database `postgres`.
    pub(crate) fn says(&self, statement: &str) -> String {
        self.says_in("postgres", statement)
    }

    /// The same, run in another database.
    pub(crate) fn says_in(&self, database: &str, statement: &str) -> String {
        output(program("psql"), &["-XAtq", "-h", &self.socket(), "-U", "postgres", "-c", statement, database])
    }

    /// Waits until a statement says this.
    pub(crate) fn comes_to_say(&self, statement: &str, what: &str) {
        while self.says(statement) != what {
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// SIGKILL: it gets no chance to finish anything; its own processes find that out.
    pub(crate) fn kill(&mut self) {
        self.ends_by("-KILL");
    }

    /// None of its processes does anything until it thaws.
    pub(crate) fn freezes(&self) {
        self.signals("-STOP");
    }

    pub(crate) fn thaws(&self) {
        self.signals("-CONT");
    }

    /// Sends a signal to the server's first process, and to those that this one started.
    fn signals(&self, signal: &str) {
        let first = self.running.as_ref().expect("the server runs").id().to_string();
        let children = std::fs::read_to_string(format!("/proc/{first}/task/{first}/children")).unwrap();
        let all: Vec<_> = std::iter::once(first.as_str()).chain(children.split_whitespace()).collect();
        // One of them may have ended meanwhile.
        let _ = Command::new("kill").arg(signal).args(all).stderr(Stdio::null()).status();
    }

    fn ends_by(&mut self, signal: &str) {
        if let Some(mut running) = self.running.take() {
            let sent = Command::new("kill").args([signal, &running.id().to_string()]).status();
            if !sent.is_ok_and(|status| status.success()) {
                let _ = running.kill();
            }
            let _ = running.wait();
        }
    }
}

impl Drop for Server {
    /// An immediate shutdown, so that the server's own processes end with it.
    fn drop(&mut self) {
        if self.running.is_some() {
            self.thaws();
        }
        self.ends_by("-QUIT");
    }
}

/// Two servers with the same data: what the first commits, the second has, and the first may wait for that.
pub(crate) struct Pair {
    pub(crate) primary: Server,
    pub(crate) standby: Server,
}

impl Pair {
    /// Starts both. What is done to the primary before is copied.
    pub(crate) fn start(before: impl FnOnce(&Server)) -> Self {
        let mut primary = Server::new();
        primary.start();
        before(&primary);
        let mut standby = Server::standby_of(&primary);
        standby.start();
        primary.comes_to_say("select count(*) from pg_stat_replication where state = 'streaming'", "1");
        Self { primary, standby }
    }

    /// Commits wait for standbys of these names from now on; for none, where there are none. The standby has no such wish itself when it
    /// is the primary.
    pub(crate) fn is_waited_for(&self, names: &str) {
        self.primary.says(&format!("alter system set synchronous_standby_names = '{names}'"));
        self.primary.says("select pg_reload_conf()");
        let state = if names.is_empty() { "async" } else { "sync" };
        self.primary.comes_to_say("select sync_state from pg_stat_replication", state);
    }
}
