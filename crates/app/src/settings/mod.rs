//! The settings: `rescind.toml`, then the environment, then flags; the later wins. Each mistake is one sentence.

mod callback;
mod core;
mod database;
mod rules;
mod section;
mod settlement;
mod values;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use chrono::TimeDelta;
use config::{Config, Environment, File, FileFormat};
use domain::Policy;

pub(crate) use self::core::{CoreSection, CoreSetting};
pub(crate) use callback::{CallbackSettings, Tls};
pub(crate) use database::{DatabaseSetting, SynchronousStandby};
pub(crate) use section::{SettingError, Shown};
pub(crate) use settlement::SettlementSettings;
pub(crate) use values::SettingFile;

use section::{Section, TRUE_OR_FALSE};
use values::{ALARM_AGE, LISTEN};

/// Where the settings come from.
#[derive(Debug, Clone, Default)]
pub(crate) struct Sources {
    /// The file that was named; without one, `rescind.toml` of the working directory, if it is there.
    pub(crate) file: Option<PathBuf>,
    /// Keys and values of flags.
    pub(crate) flags: Vec<(&'static str, String)>,
    /// Leaves the environment out: for the demonstration, which must never touch anything of a deployment.
    pub(crate) isolated: bool,
}

impl Sources {
    /// The settings' file; it need not be there where none was named.
    pub(crate) fn path(&self) -> &Path {
        self.file.as_deref().unwrap_or(Path::new(DEFAULT_FILE))
    }
}

/// All settings, checked.
pub(crate) struct Settings {
    pub(crate) callback: CallbackSettings,
    pub(crate) wallet_api: WalletApiSettings,
    pub(crate) database: DatabaseSetting,
    pub(crate) core: CoreSection,
    pub(crate) policy: Policy,
    pub(crate) settlement: SettlementSettings,
    /// Every setting in force, as it may be shown.
    pub(crate) shown: Vec<Shown>,
    /// Where all of this came from.
    pub(crate) sources: Sources,
}

/// `[wallet_api]`: what the wallet calls.
pub(crate) struct WalletApiSettings {
    pub(crate) listen: SocketAddr,
    pub(crate) tokens: SettingFile,
    pub(crate) tls: Option<Tls>,
    /// How long a reversal may be open; past it, the process is unready.
    pub(crate) oldest_open_reversal: TimeDelta,
    /// Whether a resolution by hand takes two operators.
    four_eyes: bool,
}

impl Settings {
    /// Reads and checks all settings. Files that settings name are not read yet.
    pub(crate) fn load(sources: &Sources) -> Result<Self, SettingError> {
        let mut root = gather(sources)?;
        // First, because it counts for the files that all others name.
        let mut section = root.table_or_empty("security")?;
        let allows_readable_secrets = section.or("allow_readable_secrets", "false", &TRUE_OR_FALSE)?;
        root.end(section)?;
        root.allows_readable_secrets = allows_readable_secrets;
        let mut section = root.table_or_empty("callback")?;
        let callback = CallbackSettings::read(&mut section)?;
        root.end(section)?;
        let mut section = root.table_or_empty("wallet_api")?;
        let wallet_api = WalletApiSettings::read(&mut section)?;
        root.end(section)?;
        let mut section = root.table_or_empty("database")?;
        let database = DatabaseSetting::read(&mut section)?;
        root.end(section)?;
        let core = CoreSection::read(&mut root, callback.answer_budget)?;
        let policy = rules::read(&mut root, &core, wallet_api.four_eyes)?;
        let mut section = root.table_or_empty("settlement")?;
        let settlement = SettlementSettings::read(&mut section)?;
        root.end(section)?;
        if callback.listen == wallet_api.listen && callback.listen.port() != 0 {
            let taken = wallet_api.listen;
            return Err(SettingError::new(format!("wallet_api.listen is \"{taken}\", but must differ from callback.listen")));
        }
        Ok(Self { callback, wallet_api, database, core, policy, settlement, shown: root.close()?, sources: sources.clone() })
    }
}

impl WalletApiSettings {
    fn read(section: &mut Section) -> Result<Self, SettingError> {
        let listen = section.or("listen", "127.0.0.1:8081", &LISTEN)?;
        let tokens = SettingFile::or(section, "tokens_file", "keys/wallet-api-tokens")?.kept_secret(section);
        let tls = Tls::read(section)?;
        let oldest_open_reversal = section.or("oldest_open_reversal", "5m", &ALARM_AGE)?;
        let four_eyes = section.or("four_eyes", "false", &TRUE_OR_FALSE)?;
        Ok(Self { listen, tokens, tls, oldest_open_reversal, four_eyes })
    }
}

/// Values of the environment stay texts: an id that begins with a zero must not become a number.
fn gather(sources: &Sources) -> Result<Section, SettingError> {
    let environment = Environment::with_prefix("RESCIND").prefix_separator("__").separator("__");
    let mut builder = Config::builder();
    if let Some(content) = file_content(sources.file.as_deref())? {
        builder = builder.add_source(File::from_str(&content, FileFormat::Toml));
    }
    if !sources.isolated {
        builder = builder.add_source(environment);
    }
    for (key, value) in &sources.flags {
        builder = builder.set_override(*key, value.as_str()).map_err(|error| SettingError::new(error.to_string()))?;
    }
    let name = sources.path().display();
    let gathered = builder.build().and_then(|config| config.cache.into_table());
    gathered.map(Section::root).map_err(|error| {
        let what = without_quotation(&error.to_string());
        SettingError::new(format!("the settings ({name}, environment) cannot be read: {what}"))
    })
}

/// The reader of TOML quotes the line that it stumbled over, and a password may stand in it: of its message only the first line,
/// which says where, and the last, which says what, are shown.
fn without_quotation(message: &str) -> String {
    let mut lines = message.lines().map(str::trim).filter(|line| !line.is_empty());
    match (lines.next(), lines.next_back()) {
        (Some(place), Some(what)) => format!("{place}: {what}"),
        (Some(all), None) => all.to_owned(),
        (None, _) => "no reason is given".to_owned(),
    }
}

const DEFAULT_FILE: &str = "rescind.toml";

fn file_content(named: Option<&Path>) -> Result<Option<String>, SettingError> {
    let path = named.unwrap_or(Path::new(DEFAULT_FILE));
    match std::fs::read_to_string(path) {
        Ok(content) => Ok(Some(content)),
        Err(error) if named.is_none() && error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => {
            Err(SettingError::new(format!("the settings file {:?} cannot be read: {error}", path.display().to_string())))
        }
    }
}
