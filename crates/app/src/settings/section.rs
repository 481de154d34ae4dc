//! Reading settings key by key, so that each mistake is one sentence that names the key.

use std::fmt;

use config::{Config, File, FileFormat, Map, Value, ValueKind};

/// One sentence: the key, the value (never a secret) and what would be right.
#[derive(Debug)]
pub(crate) struct SettingError(String);

impl SettingError {
    pub(crate) fn new(sentence: impl Into<String>) -> Self {
        Self(sentence.into())
    }
}

impl fmt::Display for SettingError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A sort of value: what it must be, how it is read, and how it may be shown.
pub(super) struct Kind<T> {
    pub(super) must_be: &'static str,
    pub(super) parse: fn(&str) -> Option<T>,
    /// For values that may hold a secret; `None` shows them as they are.
    pub(super) masked: Option<fn(&str) -> String>,
    /// Whether it is written without quotes, as `true` or `false`.
    pub(super) is_boolean: bool,
}

pub(super) const TRUE_OR_FALSE: Kind<bool> = Kind { is_boolean: true, ..Kind::new("true or false", |text| text.parse().ok()) };

impl<T> Kind<T> {
    pub(super) const fn new(must_be: &'static str, parse: fn(&str) -> Option<T>) -> Self {
        Self { must_be, parse, masked: None, is_boolean: false }
    }

    fn shown(&self, text: &str) -> String {
        self.masked.map_or_else(|| text.to_owned(), |masked| masked(text))
    }
}

/// A setting in force: its key and its value as it may be shown.
pub(crate) type Shown = (String, String);

/// One table of the settings. Every key is asked for by name; [`Section::close`] refuses every other key.
pub(super) struct Section {
    path: String,
    values: Map<String, Value>,
    known: Vec<&'static str>,
    shown: Vec<Shown>,
    /// Whether files with secrets may be read by everybody; the tables within have it from this one.
    pub(super) allows_readable_secrets: bool,
}

impl Section {
    pub(super) fn root(values: Map<String, Value>) -> Self {
        Self { path: String::new(), values, known: Vec::new(), shown: Vec::new(), allows_readable_secrets: false }
    }

    /// The full name of a key of this section.
    pub(super) fn path_of(&self, key: &str) -> String {
        if self.path.is_empty() { key.to_owned() } else { format!("{}.{key}", self.path) }
    }

    /// A value that may be missing.
    pub(super) fn optional<T>(&mut self, key: &'static str, kind: &Kind<T>) -> Result<Option<T>, SettingError> {
        let path = self.path_of(key);
        let Some(value) = self.take(key) else { return Ok(None) };
        let text = match value.kind {
            ValueKind::String(text) => text,
            ValueKind::I64(number) => number.to_string(),
            ValueKind::U64(number) => number.to_string(),
            ValueKind::I128(number) => number.to_string(),
            ValueKind::U128(number) => number.to_string(),
            ValueKind::Boolean(is_so) if kind.is_boolean => is_so.to_string(),
            ValueKind::Boolean(_) | ValueKind::Float(_) | ValueKind::Nil | ValueKind::Table(_) | ValueKind::Array(_) => {
                return Err(SettingError(format!("{path} must be {}, written as a text in quotes", kind.must_be)));
            }
        };
        self.accept(key, &text, kind).map(Some)
    }

    /// A value that has a default.
    pub(super) fn or<T>(&mut self, key: &'static str, default: &str, kind: &Kind<T>) -> Result<T, SettingError> {
        match self.optional(key, kind)? {
            Some(value) => Ok(value),
            None => self.accept(key, default, kind),
        }
    }

    /// A value that has no default.
    pub(super) fn required<T>(&mut self, key: &'static str, kind: &Kind<T>) -> Result<T, SettingError> {
        let found = self.optional(key, kind)?;
        found.ok_or_else(|| SettingError(format!("{} is missing: it must be {}", self.path_of(key), kind.must_be)))
    }

    fn accept<T>(&mut self, key: &'static str, text: &str, kind: &Kind<T>) -> Result<T, SettingError> {
        let (path, shown) = (self.path_of(key), kind.shown(text));
        if text.trim().is_empty() {
            return Err(SettingError(format!("{path} is blank, but must be {}", kind.must_be)));
        }
        let value = (kind.parse)(text);
        let value = value.ok_or_else(|| SettingError(format!("{path} is {shown:?}, but must be {}", kind.must_be)))?;
        self.shown.push((path, shown));
        Ok(value)
    }

    /// A table within this one, if it is there.
    pub(super) fn table(&mut self, key: &'static str) -> Result<Option<Self>, SettingError> {
        let path = self.path_of(key);
        self.take(key).map(|value| self.of(path, value)).transpose()
    }

    /// A table within this one, empty where it is missing.
    pub(super) fn table_or_empty(&mut self, key: &'static str) -> Result<Self, SettingError> {
        let path = self.path_of(key);
        let empty = Self { path, allows_readable_secrets: self.allows_readable_secrets, ..Self::root(Map::new()) };
        Ok(self.table(key)?.unwrap_or(empty))
    }

    /// The tables of a list; a list that is missing is empty. The environment has no lists, so there one is written as in the
    /// file: `[{ … }, { … }]`.
    pub(super) fn tables(&mut self, key: &'static str) -> Result<Vec<Self>, SettingError> {
        let path = self.path_of(key);
        let Some(value) = self.take(key) else { return Ok(Vec::new()) };
        let kind = if let ValueKind::String(text) = &value.kind { list_in_toml(text) } else { Some(value.kind) };
        let Some(ValueKind::Array(items)) = kind else {
            return Err(SettingError(format!("{path} must be a list of tables, such as [{{ … }}, {{ … }}]")));
        };
        items.into_iter().enumerate().map(|(place, item)| self.of(format!("{path}[{place}]"), item)).collect()
    }

    /// Ends a table within this one: nothing may be left over in it.
    pub(super) fn end(&mut self, inner: Self) -> Result<(), SettingError> {
        self.shown.extend(inner.close()?);
        Ok(())
    }

    /// Ends the section: a key that was not asked for is not a setting.
    pub(super) fn close(self) -> Result<Vec<Shown>, SettingError> {
        match self.values.keys().min() {
            None => Ok(self.shown),
            Some(unknown) => {
                let place = if self.path.is_empty() { "the settings have".to_owned() } else { format!("{} has", self.path) };
                let known = self.known.join(", ");
                Err(SettingError(format!("{} is not a setting; {place} {known}", self.path_of(unknown))))
            }
        }
    }

    fn of(&self, path: String, value: Value) -> Result<Self, SettingError> {
        match value.kind {
            ValueKind::Table(values) => {
                Ok(Self { path, allows_readable_secrets: self.allows_readable_secrets, ..Self::root(values) })
            }
            ValueKind::String(_)
            | ValueKind::I64(_)
            | ValueKind::U64(_)
            | ValueKind::I128(_)
            | ValueKind::U128(_)
            | ValueKind::Boolean(_)
            | ValueKind::Float(_)
            | ValueKind::Nil
            | ValueKind::Array(_) => Err(SettingError(format!("{path} must be a table of settings, not a single value"))),
        }
    }

    fn take(&mut self, key: &'static str) -> Option<Value> {
        if !self.known.contains(&key) {
            self.known.push(key);
        }
        self.values.remove(key)
    }
}

fn list_in_toml(text: &str) -> Option<ValueKind> {
    let source = File::from_str(&format!("list = {text}"), FileFormat::Toml);
    let mut parsed = Config::builder().add_source(source).build().ok()?.cache.into_table().ok()?;
    parsed.remove("list").map(|value| value.kind)
}
