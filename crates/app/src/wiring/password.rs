//! The database's password, which is read for each connection anew.

use std::sync::{Arc, PoisonError, RwLock};

use adapters_db::PasswordSource;
use chrono::{DateTime, Utc};

use crate::output::CliError;
use crate::reload::{FreshPart, InForce, PartName, SecretPart, ServedPart};
use crate::settings::{DatabaseSetting, SettingFile, Settings};

/// The file with the password, as the settings name it now. Clones share it.
#[derive(Clone)]
pub(super) struct PasswordFile(Arc<RwLock<SettingFile>>);

impl PasswordFile {
    /// The file that the settings name, if they do, with a password that can be read.
    pub(super) fn of(setting: &DatabaseSetting) -> Result<Option<Self>, CliError> {
        setting.read_password()?;
        Ok(setting.password.clone().map(|file| Self(Arc::new(RwLock::new(file)))))
    }

    /// What connections get their password from.
    pub(super) fn source(&self) -> PasswordSource {
        let file = self.clone();
        PasswordSource::reading(move || file.present().read_line().map_err(|error| error.to_string()))
    }

    /// As a part of the secrets: what is looked at is whether it can be read. Connections read it themselves.
    pub(super) fn served(self) -> ServedPart {
        ServedPart { part: Box::new(self), certificates: Vec::new() }
    }

    fn present(&self) -> SettingFile {
        self.0.read().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl SecretPart for PasswordFile {
    fn name(&self) -> PartName {
        PartName::DatabasePassword
    }

    fn files<'a>(&self, settings: &'a Settings) -> Vec<&'a SettingFile> {
        settings.database.password.iter().collect()
    }

    fn read(&self, settings: &Settings, _: DateTime<Utc>) -> Result<Option<FreshPart>, CliError> {
        let Some(file) = settings.database.password.clone() else { return Ok(None) };
        file.read_line()?;
        let named = Arc::clone(&self.0);
        let exchange = Box::new(move || *named.write().unwrap_or_else(PoisonError::into_inner) = file);
        Ok(Some(FreshPart { in_force: InForce::default(), exchange }))
    }
}
