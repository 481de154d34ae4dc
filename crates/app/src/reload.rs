//! Keys are read again on SIGHUP and when one of their files has changed, while requests are answered.
//!
//! Only keys are: `callback.signing_key`, `callback.clients` and the tokens of the wallet API, with the files they name.
//! Every other setting stays as the process was started with it. Either all of it is right and put in force together, or the
//! keys that are in force stay there.

use std::collections::BTreeSet;
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::time::Duration;

use tokio::signal::unix::Signal;
use tracing::{error, info, warn};

use crate::output::CliError;
use crate::settings::{Settings, Shown, Sources};
use crate::wiring::{FreshKeys, Keys};

/// How often the files are looked at.
const POLL: Duration = Duration::from_secs(2);
/// What settings that are read again begin with.
const RELOADED: [&str; 4] = ["callback.signing_key.", "callback.clients[", "wallet_api.tokens_file", "security."];

/// The files that keys come from, and how they look.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Files(Vec<(PathBuf, Option<Look>)>);

/// What tells one content of a file from another without reading it. A new file under the old name has another inode, and
/// setting the time of modification back changes the time of change.
#[derive(Clone, PartialEq, Eq)]
struct Look {
    device: u64,
    inode: u64,
    size: u64,
    modified: [i64; 2],
    changed: [i64; 2],
}

/// Puts keys in force when they have changed.
struct Watch {
    keys: Keys,
    sources: Sources,
    /// The settings that the process was started with.
    started: Vec<Shown>,
    /// As they looked when they were read into the keys in force.
    in_force: Files,
    /// As they looked the last time.
    seen: Files,
    /// Why the last attempt failed.
    complaint: Option<String>,
}

/// What came of a look at the files.
#[derive(Debug, PartialEq, Eq)]
enum ReloadOutcome {
    /// Nothing changed, or something is just being changed.
    Left,
    Reloaded(Reloaded),
    /// The keys in force stay there.
    Failed {
        sentence: String,
        /// It was the same the last time.
        again: bool,
    },
}

/// What is in force now.
#[derive(Debug, PartialEq, Eq)]
struct Reloaded {
    signing_key: u32,
    /// Clients with the versions of their keys.
    client_keys: String,
    /// Other settings that are different in the file; the process goes on with the old ones.
    need_restart: Vec<String>,
}

/// Reads keys again on `hangup` (SIGHUP) and when a file changes, until the runtime ends. `files` are as they looked before the
/// keys in force were read.
pub(crate) fn start(keys: Keys, settings: Settings, files: Files, mut hangup: Signal) -> Result<(), CliError> {
    let watch = Watch::new(keys, settings, files);
    let (hung_up, hangups) = mpsc::channel();
    // Files are read by a thread of its own, because reading blocks.
    let reading = std::thread::Builder::new().name("keys".to_owned()).spawn(move || watch.run(&hangups));
    reading.map_err(|error| CliError::new(format!("the thread that reads keys again cannot be started: {error}")))?;
    tokio::spawn(async move { while hangup.recv().await.is_some() && hung_up.send(()).is_ok() {} });
    Ok(())
}

impl Files {
    /// The files of these settings, as they look now.
    pub(crate) fn of(settings: &Settings) -> Self {
        let callback = &settings.callback;
        let keys = callback.keys.iter().map(|key| &key.file);
        let named = keys.chain([&callback.signing_key.file, &settings.wallet_api.tokens]).map(|file| file.path());
        Self(named.chain([settings.sources.path()]).map(|path| (path.to_owned(), None)).collect()).again()
    }

    /// The same files, as they look now.
    fn again(&self) -> Self {
        Self(self.0.iter().map(|(path, _)| (path.clone(), Look::at(path))).collect())
    }
}

impl Look {
    /// `None` where nothing can be seen.
    fn at(path: &PathBuf) -> Option<Self> {
        let found = std::fs::metadata(path).ok()?;
        Some(Self {
            device: found.dev(),
            inode: found.ino(),
            size: found.size(),
            modified: [found.mtime(), found.mtime_nsec()],
            changed: [found.ctime(), found.ctime_nsec()],
        })
    }
}

impl Watch {
    fn new(keys: Keys, settings: Settings, files: Files) -> Self {
        let Settings { sources, shown: started, .. } = settings;
        Self { keys, sources, started, in_force: files.clone(), seen: files, complaint: None }
    }

    fn run(mut self, hangups: &Receiver<()>) {
        loop {
            match hangups.recv_timeout(POLL) {
                Ok(()) => log("SIGHUP", self.reload_now()),
                Err(RecvTimeoutError::Timeout) => log("a file changed", self.look()),
                Err(RecvTimeoutError::Disconnected) => return,
            }
        }
    }

    /// Reads the keys if a file has changed, or if the last attempt failed.
    fn look(&mut self) -> ReloadOutcome {
        let now = self.seen.again();
        // A file that is written in place may have a part of its content only: it has to look the same twice.
        let settled = now == self.seen;
        let changed = now != self.in_force;
        self.seen = now;
        if settled && (changed || self.complaint.is_some()) { self.reload() } else { ReloadOutcome::Left }
    }

    /// Reads the keys because an operator asks for it, who wants to see a failure even if it is the same as before.
    fn reload_now(&mut self) -> ReloadOutcome {
        self.complaint = None;
        self.reload()
    }

    fn reload(&mut self) -> ReloadOutcome {
        match self.read() {
            Ok(Some((fresh, reloaded))) => {
                self.keys.exchange(fresh);
                self.in_force.clone_from(&self.seen);
                self.complaint = None;
                ReloadOutcome::Reloaded(reloaded)
            }
            Ok(None) => ReloadOutcome::Left,
            Err(failure) => {
                let sentence = failure.to_string();
                let before = self.complaint.replace(sentence.clone());
                ReloadOutcome::Failed { again: before.as_ref() == Some(&sentence), sentence }
            }
        }
    }

    /// `None` where a file was changed meanwhile; then it is tried again at the next look.
    fn read(&mut self) -> Result<Option<(FreshKeys, Reloaded)>, CliError> {
        // The first reading only tells which files are to be looked at before they are read.
        self.seen = Files::of(&Settings::load(&self.sources)?);
        let settings = Settings::load(&self.sources)?;
        let fresh = FreshKeys::read(&settings)?;
        let unchanged = Files::of(&settings) == self.seen;
        Ok(unchanged.then(|| (fresh, Reloaded::of(&settings, &self.started))))
    }
}

impl Reloaded {
    fn of(settings: &Settings, started: &[Shown]) -> Self {
        let callback = &settings.callback;
        let client_keys: Vec<_> = callback.keys.iter().map(|key| format!("{} {}", key.client_id, key.version)).collect();
        let others = |shown: &[Shown]| -> BTreeSet<Shown> {
            shown.iter().filter(|(key, _)| !RELOADED.iter().any(|begin| key.starts_with(begin))).cloned().collect()
        };
        let (before, now) = (others(started), others(&settings.shown));
        let different: BTreeSet<_> = before.symmetric_difference(&now).map(|(key, _)| key.clone()).collect();
        Self {
            signing_key: callback.signing_key.version,
            client_keys: client_keys.join(", "),
            need_restart: different.into_iter().collect(),
        }
    }
}

fn log(cause: &str, outcome: ReloadOutcome) {
    match outcome {
        ReloadOutcome::Left | ReloadOutcome::Failed { again: true, .. } => {}
        ReloadOutcome::Reloaded(Reloaded { signing_key, client_keys, need_restart }) => {
            info!(cause, signing_key, client_keys, "keys are reloaded");
            if !need_restart.is_empty() {
                warn!(settings = need_restart.join(", "), "settings changed that count from the next start on");
            }
        }
        ReloadOutcome::Failed { sentence, again: false } => {
            error!(cause, error = sentence, "keys could not be reloaded; those in force stay, and the files are tried again");
        }
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::keys::{self, PRIVATE_KEY};

    const TAIL: &str = "[database]\npool_size = 8\n";

    fn settings(dir: &Path, private_key: &str, tail: &str) -> String {
        let dir = dir.display();
        format!(
            "[callback]\npsp_id = \"1\"\nsigning_key = {{ version = 1, private_key_file = \"{dir}/{private_key}\" }}\n\
             [[callback.clients]]\nclient_id = \"a\"\nkeys = [{{ version = 3, public_key_file = \"{dir}/partner-public.pem\" }}]\n\
             [wallet_api]\ntokens_file = \"{dir}/wallet-api-tokens\"\n{tail}"
        )
    }

    fn watch(dir: &Path) -> Watch {
        keys::write_all(dir).unwrap();
        keys::write_pair(dir, ["partner-private.pem", "partner-public.pem"]).unwrap();
        let file = dir.join("rescind.toml");
        std::fs::write(&file, settings(dir, PRIVATE_KEY, TAIL)).unwrap();
        let settings = Settings::load(&Sources { file: Some(file), flags: vec![], isolated: true }).unwrap();
        let files = Files::of(&settings);
        Watch::new(Keys::read(&settings).unwrap(), settings, files)
    }

    fn reloaded(need_restart: &[&str]) -> ReloadOutcome {
        let need_restart = need_restart.iter().map(|key| (*key).to_owned()).collect();
        ReloadOutcome::Reloaded(Reloaded { signing_key: 1, client_keys: "a 3".to_owned(), need_restart })
    }

    fn is_failed(outcome: &ReloadOutcome, said_before: bool) -> bool {
        matches!(outcome, ReloadOutcome::Failed { again, .. } if *again == said_before)
    }

    #[test]
    fn f26_a_file_being_written_is_left_until_it_looks_the_same_twice() {
        let dir = tempfile::tempdir().unwrap();
        let mut watch = watch(dir.path());
        assert_eq!([watch.look(), watch.look()], [ReloadOutcome::Left, ReloadOutcome::Left], "nothing changed");
        let tokens = dir.path().join("wallet-api-tokens");
        let whole = std::fs::read_to_string(&tokens).unwrap();
        // A part that could be taken for the whole, were it read now.
        std::fs::write(&tokens, whole.lines().next().unwrap()).unwrap();
        assert_eq!(watch.look(), ReloadOutcome::Left);
        std::fs::write(&tokens, format!("{whole}# end\n")).unwrap();
        assert_eq!([watch.look(), watch.look(), watch.look()], [ReloadOutcome::Left, reloaded(&[]), ReloadOutcome::Left]);
    }

    #[test]
    fn f26_a_broken_file_is_told_once_and_tried_until_it_is_right() {
        let dir = tempfile::tempdir().unwrap();
        let mut watch = watch(dir.path());
        let key = dir.path().join(PRIVATE_KEY);
        let whole = std::fs::read(&key).unwrap();
        std::fs::write(&key, &whole[..whole.len() / 2]).unwrap();
        assert_eq!(watch.look(), ReloadOutcome::Left);
        assert!(is_failed(&watch.look(), false));
        assert!(is_failed(&watch.look(), true) && is_failed(&watch.look(), true), "the same is not reported again");
        assert!(is_failed(&watch.reload_now(), false), "an operator who asks sees it again");
        std::fs::write(&key, &whole).unwrap();
        assert_eq!(watch.look(), ReloadOutcome::Left);
        assert_eq!([watch.look(), watch.look()], [reloaded(&[]), ReloadOutcome::Left]);
    }

    #[test]
    fn f26_a_key_file_that_settings_name_before_it_is_there_is_waited_for() {
        let dir = tempfile::tempdir().unwrap();
        let mut watch = watch(dir.path());
        std::fs::write(dir.path().join("rescind.toml"), settings(dir.path(), "next.pem", TAIL)).unwrap();
        assert!(is_failed(&watch.reload_now(), false));
        std::fs::copy(dir.path().join(PRIVATE_KEY), dir.path().join("next.pem")).unwrap();
        assert_eq!(watch.look(), ReloadOutcome::Left);
        assert_eq!([watch.look(), watch.look()], [reloaded(&[]), ReloadOutcome::Left]);
    }

    #[test]
    fn other_settings_that_changed_are_named_and_not_put_in_force() {
        let dir = tempfile::tempdir().unwrap();
        let mut watch = watch(dir.path());
        let text = settings(dir.path(), PRIVATE_KEY, "oldest_open_reversal = \"9m\"\n[database]\npool_size = 9\n");
        std::fs::write(dir.path().join("rescind.toml"), text).unwrap();
        assert_eq!(watch.reload_now(), reloaded(&["database.pool_size", "wallet_api.oldest_open_reversal"]));
    }
}
