//! `[database]`: where the cases are kept.

use super::section::{Kind, Section, SettingError};
use super::values::{POOL_SIZE, SettingFile};

/// Where the cases are kept.
pub(crate) struct DatabaseSetting {
    /// May hold a password: never shown.
    pub(crate) url: String,
    pub(crate) password: Option<SettingFile>,
    pub(crate) pool_size: u32,
    pub(crate) synchronous_standby: SynchronousStandby,
}

/// What it means that commits wait for no standby: what is answered may be lost in a failover.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum SynchronousStandby {
    /// It is logged.
    Warn,
    /// The process is unready.
    Required,
    /// Nothing: there is one server on purpose.
    Off,
}

const SYNCHRONOUS_STANDBY: Kind<SynchronousStandby> = Kind::new("\"warn\", \"required\" or \"off\"", |text| match text {
    "warn" => Some(SynchronousStandby::Warn),
    "required" => Some(SynchronousStandby::Required),
    "off" => Some(SynchronousStandby::Off),
    _ => None,
});

const URL: Kind<String> = Kind {
    masked: Some(without_secrets),
    ..Kind::new("\"sqlite://FILE\" or \"postgres://USER@HOST/NAME\"", |text| {
        let known = ["sqlite://", "postgres://", "postgresql://"];
        known.iter().any(|scheme| text.strip_prefix(scheme).is_some_and(|rest| !rest.is_empty())).then(|| text.to_owned())
    })
};

impl DatabaseSetting {
    pub(super) fn read(section: &mut Section) -> Result<Self, SettingError> {
        Ok(Self {
            url: section.or("url", "sqlite://rescind.db", &URL)?,
            password: SettingFile::optional(section, "password_file")?.map(|file| file.kept_secret(section)),
            pool_size: section.or("pool_size", "8", &POOL_SIZE)?,
            synchronous_standby: section.or("synchronous_standby", "warn", &SYNCHRONOUS_STANDBY)?,
        })
    }

    /// The password in `password_file`.
    pub(crate) fn read_password(&self) -> Result<Option<String>, SettingError> {
        self.password.as_ref().map(SettingFile::read_line).transpose()
    }
}

/// The URL's scheme, user, host and name. A password may also stand among the parameters, so none of them is shown; where it is
/// not plain which part is which, nothing is.
fn without_secrets(url: &str) -> String {
    let Some((scheme, rest)) = url.split_once("://") else { return "…".to_owned() };
    let (place, parameters) = rest.split_once('?').map_or((rest, ""), |(place, _)| (place, "?…"));
    let shown = match place.rsplit_once('@') {
        // What stands behind a colon is a port, or a password whose host is missing.
        None if rest.contains('@') || scheme != "sqlite" && !has_ports_only(place) => return format!("{scheme}://…"),
        None => place.to_owned(),
        Some((user, host)) => match user.split_once(':') {
            None => place.to_owned(),
            Some((name, _)) => format!("{name}:…@{host}"),
        },
    };
    format!("{scheme}://{shown}{parameters}")
}

/// Whether digits alone, or the name behind them, follow each colon that is not within brackets.
fn has_ports_only(place: &str) -> bool {
    let outside = place.split('[').map(|part| part.rsplit_once(']').map_or(part, |(_, behind)| behind));
    let behind_colons = outside.flat_map(|part| part.split(':').skip(1));
    behind_colons
        .map(|part| part.split(['/', ',']).next().unwrap_or_default())
        .all(|port| port.bytes().all(|b| b.is_ascii_digit()))
}

#[cfg(test)]
mod tests {
    use super::without_secrets;

    #[test]
    fn a_database_url_is_shown_without_its_password() {
        for (url, shown) in [
            ("sqlite://rescind.db", "sqlite://rescind.db"),
            ("postgres://rescind@db:5432/rescind", "postgres://rescind@db:5432/rescind"),
            ("postgres://rescind:hunter2@db/rescind", "postgres://rescind:…@db/rescind"),
            ("postgres://rescind:hun@ter2@db/rescind", "postgres://rescind:…@db/rescind"),
            ("postgres://db/rescind?password=hunter2", "postgres://db/rescind?…"),
            ("postgres://rescind:hunt?er2@db/rescind", "postgres://…"),
            ("host=db password=hunter2", "…"),
            ("postgres://rescind:hunter2", "postgres://…"),
            ("postgres://rescind:hunter2/rescind", "postgres://…"),
            ("postgres://[::1]:5432,db:5433/rescind", "postgres://[::1]:5432,db:5433/rescind"),
            ("postgres://[::1]/rescind", "postgres://[::1]/rescind"),
            ("sqlite:///srv/a:b.db", "sqlite:///srv/a:b.db"),
        ] {
            assert_eq!(without_secrets(url), shown);
        }
    }
}
