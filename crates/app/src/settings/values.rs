//! The sorts of values that settings have.

use std::fs::File;
use std::io::{Error, ErrorKind, Read};
use std::net::SocketAddr;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use chrono::{DateTime, NaiveTime, TimeDelta, Utc};
use chrono_tz::Tz;
use domain::PspId;
use zeroize::Zeroizing;

use super::section::{Kind, Section, SettingError};

/// A file that a setting names. A relative path starts in the working directory.
#[derive(Debug, Clone)]
pub(crate) struct SettingFile {
    key: String,
    path: PathBuf,
    /// Whether it is refused where everybody on the machine may read it.
    is_guarded: bool,
}

/// The bit of a file's mode by which everybody may read it.
const READABLE_BY_OTHERS: u32 = 0o004;

impl SettingFile {
    pub(super) fn required(section: &mut Section, key: &'static str) -> Result<Self, SettingError> {
        Ok(Self { key: section.path_of(key), path: section.required(key, &FILE)?, is_guarded: false })
    }

    pub(super) fn optional(section: &mut Section, key: &'static str) -> Result<Option<Self>, SettingError> {
        let path = section.optional(key, &FILE)?;
        Ok(path.map(|path| Self { key: section.path_of(key), path, is_guarded: false }))
    }

    pub(super) fn or(section: &mut Section, key: &'static str, default: &str) -> Result<Self, SettingError> {
        Ok(Self { key: section.path_of(key), path: section.or(key, default, &FILE)?, is_guarded: false })
    }

    /// It holds a secret: refused where others may read it, unless the settings allow that.
    pub(super) fn kept_secret(self, section: &Section) -> Self {
        Self { is_guarded: !section.allows_readable_secrets, ..self }
    }

    /// What the file holds.
    pub(crate) fn read(&self) -> Result<Vec<u8>, SettingError> {
        let mut content = Vec::new();
        self.open()?.read_to_end(&mut content).map_err(|error| self.unreadable(&error))?;
        Ok(content)
    }

    /// The file that is looked at is the one that is read, and links lead to what they name.
    fn open(&self) -> Result<File, SettingError> {
        let opened = File::open(&self.path).and_then(|file| Ok((file.metadata()?.mode(), file)));
        let (mode, file) = opened.map_err(|error| self.unreadable(&error))?;
        if self.is_guarded && mode & READABLE_BY_OTHERS != 0 {
            return Err(self.wrong(format!(
                "everybody on this machine may read (mode {:04o}): make it 0600, or 0640 with a group of its own, which on Kubernetes is \
                 `defaultMode: 0440`; or set security.allow_readable_secrets = true",
                mode & 0o7777
            )));
        }
        Ok(file)
    }

    fn unreadable(&self, error: &Error) -> SettingError {
        self.wrong(format!("cannot be read: {error}"))
    }

    /// Where it is.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// What a file with a secret in it holds; wiped when it is dropped.
    pub(crate) fn read_wiped(&self) -> Result<Zeroizing<Vec<u8>>, SettingError> {
        read_into_place(self.open()?).map_err(|error| self.unreadable(&error))
    }

    /// What the file holds, as text.
    pub(crate) fn read_text(&self) -> Result<String, SettingError> {
        String::from_utf8(self.read()?).map_err(|_| self.wrong("is not text in UTF-8"))
    }

    /// The one secret that the file holds, without the line's end.
    pub(crate) fn read_line(&self) -> Result<String, SettingError> {
        let content = self.read_text()?;
        match content.trim_end_matches(['\r', '\n']) {
            "" => Err(self.wrong("is blank, but must hold a secret")),
            secret => Ok(secret.to_owned()),
        }
    }

    /// The same, wiped when it is dropped.
    pub(crate) fn read_line_wiped(&self) -> Result<Zeroizing<String>, SettingError> {
        let content = self.read_wiped()?;
        let text = std::str::from_utf8(&content).map_err(|_| self.wrong("is not text in UTF-8"))?;
        match text.trim_end_matches(['\r', '\n']) {
            "" => Err(self.wrong("is blank, but must hold a secret")),
            secret => Ok(Zeroizing::new(secret.to_owned())),
        }
    }

    /// The file says something that cannot be used.
    pub(crate) fn wrong(&self, why: impl std::fmt::Display) -> SettingError {
        SettingError::new(format!("{} names the file {:?}, which {why}", self.key, self.path.display().to_string()))
    }
}

/// Into memory that never grows, because growing would leave a copy behind.
fn read_into_place(mut file: File) -> Result<Zeroizing<Vec<u8>>, Error> {
    let mut content = Zeroizing::new(vec![0; SECRET_FILE]);
    let mut length = 0;
    loop {
        match file.read(&mut content[length..]) {
            Ok(0) => break,
            Ok(more) => length += more,
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    if length == SECRET_FILE {
        return Err(Error::other(format!("it is not smaller than {SECRET_FILE} bytes")));
    }
    content.truncate(length);
    Ok(content)
}

/// More than any file with keys or tokens has, in bytes.
const SECRET_FILE: usize = 1 << 18;

/// The longest path; a private key in base64, put by mistake where its file should be named, is longer.
const LONGEST_PATH: usize = 1_000;

pub(super) const FILE: Kind<PathBuf> = Kind {
    masked: Some(|text| if could_be_path(text) { text.to_owned() } else { "…".to_owned() }),
    ..Kind::new("the path of a file that can be read", |text| could_be_path(text).then(|| PathBuf::from(text)))
};

fn could_be_path(text: &str) -> bool {
    text.len() <= LONGEST_PATH && !text.contains(char::is_control) && !text.contains("-----BEGIN ")
}

pub(super) const LISTEN: Kind<SocketAddr> =
    Kind::new("an IP address and a port, such as \"127.0.0.1:8080\"", |text| text.parse().ok());

pub(super) const PSP_ID: Kind<PspId> =
    Kind::new("the wallet's id at Alipay+, 1 to 64 visible ASCII characters", |text| PspId::parse(text).ok());

pub(super) const CLIENT_ID: Kind<String> =
    Kind::new("the client's id at Alipay+, 1 to 64 letters, digits, \"_\" or \"-\"", |text| {
        let plain = text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-');
        (plain && text.len() <= 64).then(|| text.to_owned())
    });

pub(super) const KEY_VERSION: Kind<u32> =
    Kind::new("the key's version at Alipay+, an integer from 0 to 4294967295", |text| digits(text)?.parse().ok());

/// What a token can have: its label is 32 bytes, filled up with spaces.
pub(super) const TOKEN_LABEL: Kind<String> = Kind::new("the token's label, 1 to 32 bytes, not ending with a space", |text| {
    (text.len() <= 32 && !text.ends_with(' ') && !text.contains(char::is_control)).then(|| text.to_owned())
});

pub(super) const KEY_LABEL: Kind<String> = Kind::new("the private key's label in the token, at most 255 bytes", |text| {
    (text.len() <= 255 && !text.contains(char::is_control)).then(|| text.to_owned())
});

pub(super) const KEY_ID: Kind<Vec<u8>> =
    Kind::new("the private key's id in the token, as pairs of hexadecimal digits, such as \"a1\"", |text| {
        let is_hex = text.len() % 2 == 0 && text.len() <= 510 && text.bytes().all(|b| b.is_ascii_hexdigit());
        let pairs = (0..text.len()).step_by(2).map(|at| u8::from_str_radix(text.get(at..at + 2)?, 16).ok());
        is_hex.then(|| pairs.collect()).flatten()
    });

pub(super) const SESSIONS: Kind<usize> = Kind::new("an integer from 1 to 64", |text| {
    let sessions = digits(text)?.parse().ok()?;
    (1..=64).contains(&sessions).then_some(sessions)
});

pub(super) const PATH: Kind<String> =
    Kind::new("a path that begins with \"/\", such as \"/aps/api/v1/payments/cancelPayment\"", |text| {
        let plain = |b: u8| b.is_ascii_alphanumeric() || b"/-._~%:@!$&'()*+,;=".contains(&b);
        (text.starts_with('/') && text.bytes().all(plain)).then(|| text.to_owned())
    });

pub(super) const POOL_SIZE: Kind<u32> = Kind::new("an integer from 1 to 1000", |text| {
    let size = digits(text)?.parse().ok()?;
    (1..=1000).contains(&size).then_some(size)
});

pub(super) const INSTANT: Kind<DateTime<Utc>> =
    Kind::new("a time in RFC 3339 with its offset, such as \"2026-11-23T08:00:00+08:00\"", |text| {
        DateTime::parse_from_rfc3339(text).ok().map(|at| at.to_utc())
    });

/// Alipay+ waits 8 s for the answer; half a second is left for the way.
pub(super) const ANSWER_BUDGET: Kind<Duration> = Kind::new("a duration from 1s to 7500ms, such as \"6s\"", |text| {
    within(text, Duration::from_secs(1), Duration::from_millis(7_500))
});

pub(super) const FRESHNESS: Kind<Option<TimeDelta>> =
    Kind::new("\"off\" or a duration from 1s to 1day, such as \"15m\"", |text| match text {
        "off" => Some(None),
        limit => TimeDelta::from_std(within(limit, Duration::from_secs(1), DAY)?).ok().map(Some),
    });

pub(super) const TIMEOUT: Kind<Duration> = Kind::new("a duration from 100ms to 1m, such as \"2s\"", |text| {
    within(text, Duration::from_millis(100), Duration::from_secs(60))
});

pub(super) const ALARM_AGE: Kind<TimeDelta> = Kind::new("a duration from 1s to 1day, such as \"5m\"", |text| {
    TimeDelta::from_std(within(text, Duration::from_secs(1), DAY)?).ok()
});

pub(super) const GRACE: Kind<TimeDelta> = Kind::new("a duration from 0s to 7days, such as \"15m\"", |text| {
    TimeDelta::from_std(within(text, Duration::ZERO, DAY * 7)?).ok()
});

pub(super) const TIME_OF_DAY: Kind<NaiveTime> = Kind::new("a time of day, HH:MM, such as \"00:30\"", |text| {
    let (hours, minutes) = text.split_once(':')?;
    let two = |part: &str| (part.len() == 2).then(|| digits(part)?.parse().ok()).flatten();
    NaiveTime::from_hms_opt(two(hours)?, two(minutes)?, 0)
});

pub(super) const ZONE: Kind<Tz> =
    Kind::new("the name of a time zone in the IANA database, such as \"Asia/Shanghai\"", |text| text.parse().ok());

pub(super) const HTTP_URL: Kind<String> = Kind::new("a URL that begins with http:// or https://, without a user", |text| {
    let rest = text.strip_prefix("http://").or(text.strip_prefix("https://"))?;
    (!rest.is_empty() && !rest.contains('@')).then(|| text.to_owned())
});

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

fn digits(text: &str) -> Option<&str> {
    text.bytes().all(|b| b.is_ascii_digit()).then_some(text)
}

fn within(text: &str, shortest: Duration, longest: Duration) -> Option<Duration> {
    let duration = humantime::parse_duration(text).ok()?;
    (shortest..=longest).contains(&duration).then_some(duration)
}
