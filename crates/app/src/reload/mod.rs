//! Secrets and certificates are read again on SIGHUP and when one of their files has changed, while requests are answered.
//!
//! They come in parts, each of which is exchanged as a whole: the keys of messages with the tokens, TLS of each listener, the token
//! and the certificates for the wallet core, the database's password. Either all of a part is right and put in force together, or
//! what is in force stays there. Every other setting stays as the process was started with it.

mod expiry;
mod files;
mod parts;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::time::Duration;

use chrono::{DateTime, Utc};
use metrics::gauge;
use ports::Clock;
use tokio::signal::unix::Signal;
use tracing::{error, info, warn};

use crate::output::CliError;
use crate::settings::{SettingFile, Settings, Shown, Sources};

use expiry::ExpiryWatch;
pub(crate) use files::Files;
pub(crate) use parts::{CertificateExpiry, CertificateUse, FreshPart, InForce, KeysInForce, PartName, SecretPart, ServedPart};

/// How often the files are looked at.
const POLL: Duration = Duration::from_secs(2);

/// What settings that are read again begin with.
const RELOADED: [&str; 12] = [
    "callback.signing_key.",
    "callback.clients[",
    "wallet_api.tokens_file",
    "security.",
    "funds.token_file",
    "funds.ca_file",
    "funds.client_certificate_file",
    "funds.client_key_file",
    "payments.token_file",
    "payments.ca_file",
    "payments.client_certificate_file",
    "payments.client_key_file",
];
/// The same, where they were there at the start and are there now: a listener does not begin or end to speak TLS.
const RELOADED_IF_KEPT: [&str; 3] = ["callback.tls.", "wallet_api.tls.", "database.password_file"];

/// Puts secrets in force when they have changed.
struct Watch {
    parts: Vec<WatchedPart>,
    sources: Sources,
    /// The settings that the process was started with.
    started: Vec<Shown>,
    /// Why the settings could not be read the last time.
    complaint: Option<String>,
    clock: Arc<dyn Clock>,
}

/// A part of the secrets with its files.
struct WatchedPart {
    part: Box<dyn SecretPart>,
    /// Of the certificates in force.
    certificates: Vec<CertificateExpiry>,
    /// As they looked when they were read into what is in force.
    in_force: Files,
    /// As they looked the last time.
    seen: Files,
    /// Why the last attempt failed.
    complaint: Option<String>,
}

/// What came of a look at a part.
#[derive(Debug, PartialEq, Eq)]
enum ReloadOutcome {
    Reloaded(PartName, InForce),
    /// What is in force stays there.
    Failed {
        part: PartName,
        sentence: String,
        /// It was the same the last time.
        again: bool,
    },
    /// Other settings that are different in the file; the process goes on with the old ones.
    NeedRestart(Vec<String>),
}

/// Reads secrets again on `hangup` (SIGHUP) and when a file changes, until the runtime ends. `files` are as they looked before what
/// is in force was read.
pub(crate) fn start(
    secrets: Vec<ServedPart>,
    (settings, files): (Settings, &Files),
    clock: &Arc<dyn Clock>,
    mut hangup: Signal,
) -> Result<(), CliError> {
    let watch = Watch::new(secrets, settings, (files, clock));
    let mut expiries = ExpiryWatch::default();
    // Once before anything is served, so that no metric is missing.
    watch.observe(&mut expiries);
    let (hung_up, hangups) = mpsc::channel();
    // Files are read by a thread of its own, because reading blocks.
    let reading = std::thread::Builder::new().name("secrets".to_owned()).spawn(move || watch.run(&hangups, expiries));
    reading.map_err(|error| CliError::new(format!("the thread that reads secrets again cannot be started: {error}")))?;
    tokio::spawn(async move { while hangup.recv().await.is_some() && hung_up.send(()).is_ok() {} });
    Ok(())
}

/// Every file that the settings name for secrets, as it looks now.
pub(crate) fn files_of(settings: &Settings) -> Files {
    Files::at(settings.secret_files().into_iter().map(SettingFile::path).chain([settings.sources.path()]))
}

impl Watch {
    fn new(secrets: Vec<ServedPart>, settings: Settings, (files, clock): (&Files, &Arc<dyn Clock>)) -> Self {
        let watched = |ServedPart { part, certificates }| {
            let in_force = files.only(paths_of(&*part, &settings));
            WatchedPart { part, certificates, seen: in_force.clone(), in_force, complaint: None }
        };
        let parts = secrets.into_iter().map(watched).collect();
        let Settings { sources, shown: started, .. } = settings;
        Self { parts, sources, started, complaint: None, clock: Arc::clone(clock) }
    }

    fn run(mut self, hangups: &Receiver<()>, mut expiries: ExpiryWatch) {
        loop {
            let (cause, outcomes) = match hangups.recv_timeout(POLL) {
                Ok(()) => ("SIGHUP", self.reload_now()),
                Err(RecvTimeoutError::Timeout) => ("a file changed", self.look()),
                Err(RecvTimeoutError::Disconnected) => return,
            };
            outcomes.into_iter().for_each(|outcome| log(cause, outcome));
            self.observe(&mut expiries);
        }
    }

    /// Reads the parts of which a file has changed, or whose last attempt failed.
    fn look(&mut self) -> Vec<ReloadOutcome> {
        let due: Vec<_> = self.parts.iter_mut().map(WatchedPart::is_due).collect();
        self.reload(&due)
    }

    /// Reads all of them because an operator asks for it, who wants to see a failure even if it is the same as before.
    fn reload_now(&mut self) -> Vec<ReloadOutcome> {
        self.complaint = None;
        self.parts.iter_mut().for_each(|part| part.complaint = None);
        let all = vec![true; self.parts.len()];
        self.reload(&all)
    }

    fn reload(&mut self, due: &[bool]) -> Vec<ReloadOutcome> {
        if !due.contains(&true) {
            return Vec::new();
        }
        let settings = match self.read_settings(due) {
            Ok(settings) => settings,
            Err(failure) => return vec![failed(PartName::Settings, &mut self.complaint, &failure)],
        };
        self.complaint = None;
        let now = self.clock.now();
        let due_parts = self.parts.iter_mut().zip(due).filter(|(_, is_due)| **is_due);
        let mut outcomes: Vec<_> = due_parts.filter_map(|(part, _)| part.reload(&settings, now)).collect();
        let need_restart = need_restart(&self.started, &settings.shown);
        let is_looked_for = outcomes.iter().any(|outcome| matches!(outcome, ReloadOutcome::Reloaded(PartName::Keys, _)));
        if is_looked_for && !need_restart.is_empty() {
            outcomes.push(ReloadOutcome::NeedRestart(need_restart));
        }
        outcomes
    }

    /// The first reading only tells which files are to be looked at before they are read.
    fn read_settings(&mut self, due: &[bool]) -> Result<Settings, CliError> {
        let settings = Settings::load(&self.sources)?;
        for (part, _) in self.parts.iter_mut().zip(due).filter(|(_, is_due)| **is_due) {
            part.seen = Files::at(paths_of(&*part.part, &settings));
        }
        Ok(Settings::load(&self.sources)?)
    }

    /// Sets the metrics of what is in force and of what cannot be put in force.
    fn observe(&self, expiries: &mut ExpiryWatch) {
        let complaints = self.parts.iter().map(|part| (part.part.name(), part.complaint.is_some()));
        for (part, is_failing) in complaints.chain([(PartName::Settings, self.complaint.is_some())]) {
            gauge!("rescind_reload_failing", "part" => part.as_str()).set(if is_failing { 1.0 } else { 0.0 });
        }
        let certificates: Vec<_> = self.parts.iter().flat_map(|part| part.certificates.iter().copied()).collect();
        expiries.look(&certificates, self.clock.now());
    }
}

impl WatchedPart {
    /// Whether there is something to read: a file has changed, or the last attempt failed.
    fn is_due(&mut self) -> bool {
        let now = self.seen.again();
        // A file that is written in place may have a part of its content only: it has to look the same twice.
        let settled = now == self.seen;
        let changed = now != self.in_force;
        self.seen = now;
        settled && (changed || self.complaint.is_some())
    }

    /// `None` where a file was changed meanwhile, so that it is tried again at the next look; and where there is nothing to put in
    /// force.
    fn reload(&mut self, settings: &Settings, now: DateTime<Utc>) -> Option<ReloadOutcome> {
        let name = self.part.name();
        let read = self.part.read(settings, now);
        // What does not fit together then may be of two times.
        if Files::at(paths_of(&*self.part, settings)) != self.seen {
            return None;
        }
        let fresh = match read {
            Ok(fresh) => fresh,
            Err(failure) => return Some(failed(name, &mut self.complaint, &failure)),
        };
        self.in_force.clone_from(&self.seen);
        self.complaint = None;
        let FreshPart { in_force, exchange } = fresh?;
        exchange();
        self.certificates.clone_from(&in_force.certificates);
        Some(ReloadOutcome::Reloaded(name, in_force))
    }
}

/// What a part's files are: those that the settings name, and the one with the settings.
fn paths_of<'a>(part: &dyn SecretPart, settings: &'a Settings) -> Vec<&'a Path> {
    part.files(settings).into_iter().map(SettingFile::path).chain([settings.sources.path()]).collect()
}

fn failed(part: PartName, complaint: &mut Option<String>, failure: &CliError) -> ReloadOutcome {
    let sentence = failure.to_string();
    let before = complaint.replace(sentence.clone());
    ReloadOutcome::Failed { part, again: before.as_ref() == Some(&sentence), sentence }
}

/// The settings that differ and count from the next start on.
fn need_restart(started: &[Shown], shown: &[Shown]) -> Vec<String> {
    let [before, now] = [started, shown].map(|shown| shown.iter().cloned().collect::<BTreeMap<_, _>>());
    let begins = |prefixes: &[&str], key: &str| prefixes.iter().any(|begin| key.starts_with(begin));
    let is_reloaded = |key: &String| {
        let is_kept = before.contains_key(key) && now.contains_key(key);
        begins(&RELOADED, key) || is_kept && begins(&RELOADED_IF_KEPT, key)
    };
    let all: std::collections::BTreeSet<_> = before.keys().chain(now.keys()).collect();
    all.into_iter().filter(|key| before.get(*key) != now.get(*key) && !is_reloaded(key)).cloned().collect()
}

fn log(cause: &str, outcome: ReloadOutcome) {
    match outcome {
        ReloadOutcome::Failed { again: true, .. } => {}
        ReloadOutcome::Reloaded(part, InForce { keys, .. }) => {
            let (signing_key, client_keys) = keys.map(|keys| (keys.signing_key, keys.client_keys)).unzip();
            info!(cause, part = part.as_str(), signing_key, client_keys, "secrets are reloaded");
        }
        ReloadOutcome::NeedRestart(settings) => {
            warn!(settings = settings.join(", "), "settings changed that count from the next start on");
        }
        ReloadOutcome::Failed { part, sentence, again: false } => {
            error!(
                cause,
                part = part.as_str(),
                error = sentence,
                "secrets could not be reloaded; those in force stay, and the files are tried again"
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::clock::SystemClock;
    use crate::keys::{self, PRIVATE_KEY};
    use crate::wiring;

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
        let (files, clock): (_, Arc<dyn Clock>) = (files_of(&settings), Arc::new(SystemClock));
        Watch::new(vec![wiring::Keys::read(&settings).unwrap().served()], settings, (&files, &clock))
    }

    fn reloaded(need_restart: &[&str]) -> Vec<ReloadOutcome> {
        let keys = KeysInForce { signing_key: 1, client_keys: "a 3".to_owned() };
        let mut outcomes = vec![ReloadOutcome::Reloaded(PartName::Keys, InForce { keys: Some(keys), ..InForce::default() })];
        if !need_restart.is_empty() {
            outcomes.push(ReloadOutcome::NeedRestart(need_restart.iter().map(|key| (*key).to_owned()).collect()));
        }
        outcomes
    }

    fn is_failed(outcomes: &[ReloadOutcome], said_before: bool) -> bool {
        matches!(outcomes, [ReloadOutcome::Failed { part: PartName::Keys, again, .. }] if *again == said_before)
    }

    /// Nothing changed, or something is just being changed.
    const LEFT: Vec<ReloadOutcome> = Vec::new();

    #[test]
    fn f26_a_file_being_written_is_left_until_it_looks_the_same_twice() {
        let dir = tempfile::tempdir().unwrap();
        let mut watch = watch(dir.path());
        assert_eq!([watch.look(), watch.look()], [LEFT, LEFT], "nothing changed");
        let tokens = dir.path().join("wallet-api-tokens");
        let whole = std::fs::read_to_string(&tokens).unwrap();
        // A part that could be taken for the whole, were it read now.
        std::fs::write(&tokens, whole.lines().next().unwrap()).unwrap();
        assert_eq!(watch.look(), LEFT);
        std::fs::write(&tokens, format!("{whole}# end\n")).unwrap();
        assert_eq!([watch.look(), watch.look(), watch.look()], [LEFT, reloaded(&[]), LEFT]);
    }

    #[test]
    fn f26_a_broken_file_is_told_once_and_tried_until_it_is_right() {
        let dir = tempfile::tempdir().unwrap();
        let mut watch = watch(dir.path());
        let key = dir.path().join(PRIVATE_KEY);
        let whole = std::fs::read(&key).unwrap();
        std::fs::write(&key, &whole[..whole.len() / 2]).unwrap();
        assert_eq!(watch.look(), LEFT);
        assert!(is_failed(&watch.look(), false));
        assert!(is_failed(&watch.look(), true) && is_failed(&watch.look(), true), "the same is not reported again");
        assert!(is_failed(&watch.reload_now(), false), "an operator who asks sees it again");
        std::fs::write(&key, &whole).unwrap();
        assert_eq!(watch.look(), LEFT);
        assert_eq!([watch.look(), watch.look()], [reloaded(&[]), LEFT]);
    }

    #[test]
    fn f26_a_key_file_that_settings_name_before_it_is_there_is_waited_for() {
        let dir = tempfile::tempdir().unwrap();
        let mut watch = watch(dir.path());
        std::fs::write(dir.path().join("rescind.toml"), settings(dir.path(), "next.pem", TAIL)).unwrap();
        assert!(is_failed(&watch.reload_now(), false));
        std::fs::copy(dir.path().join(PRIVATE_KEY), dir.path().join("next.pem")).unwrap();
        assert_eq!(watch.look(), LEFT);
        assert_eq!([watch.look(), watch.look()], [reloaded(&[]), LEFT]);
    }

    #[test]
    fn other_settings_that_changed_are_named_and_not_put_in_force() {
        let dir = tempfile::tempdir().unwrap();
        let mut watch = watch(dir.path());
        let text = settings(dir.path(), PRIVATE_KEY, "oldest_open_reversal = \"9m\"\n[database]\npool_size = 9\n");
        std::fs::write(dir.path().join("rescind.toml"), text).unwrap();
        assert_eq!(watch.reload_now(), reloaded(&["database.pool_size", "wallet_api.oldest_open_reversal"]));
    }

    #[test]
    fn f81_a_setting_that_is_read_again_needs_no_restart_and_one_that_came_or_went_does() {
        let shown =
            |keys: &[(&str, &str)]| keys.iter().map(|(key, value)| (key.to_string(), value.to_string())).collect::<Vec<_>>();
        let tls = ("callback.tls.certificate_file", "a");
        for (before, now, expected) in [
            (vec![tls], vec![("callback.tls.certificate_file", "b")], vec![]),
            (vec![], vec![tls], vec!["callback.tls.certificate_file"]),
            (vec![tls], vec![], vec!["callback.tls.certificate_file"]),
            (vec![], vec![("funds.token_file", "a")], vec![]),
            (vec![("funds.url", "a")], vec![("funds.url", "b")], vec!["funds.url"]),
            (vec![("database.password_file", "a")], vec![("database.password_file", "b")], vec![]),
            (vec![("database.password_file", "a")], vec![], vec!["database.password_file"]),
        ] {
            assert_eq!(need_restart(&shown(&before), &shown(&now)), expected, "{before:?} {now:?}");
        }
    }
}
