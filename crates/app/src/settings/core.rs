//! `[funds]` and `[payments]`: the wallet core.

use std::time::Duration;

use domain::FundsKind;

use super::section::{Kind, Section, SettingError};
use super::values::{HTTP_URL, SettingFile, TIMEOUT};

/// What a cancel needs besides the core's answers: two commits and the way between them.
const OWN_TIME: Duration = Duration::from_secs(1);

const FUNDS_KIND: Kind<FundsKind> = Kind::new("\"ledger\" or \"http\"", |text| match text {
    "ledger" => Some(FundsKind::Ledger),
    "http" => Some(FundsKind::Http),
    _ => None,
});

/// Where a case's payment comes from.
#[derive(Clone, Copy, PartialEq, Eq)]
enum PaymentsKind {
    Recorded,
    Core,
}

const PAYMENTS_KIND: Kind<PaymentsKind> = Kind::new("\"recorded\" or \"core\"", |text| match text {
    "recorded" => Some(PaymentsKind::Recorded),
    "core" => Some(PaymentsKind::Core),
    _ => None,
});

/// The wallet core, as far as it is used.
pub(crate) struct CoreSection {
    /// Gives money back; `None` where the embedded ledger has it.
    pub(crate) funds: Option<CoreSetting>,
    /// Knows the payments; `None` where they are announced.
    pub(crate) payments: Option<CoreSetting>,
    /// How long one attempt to give money back may take.
    pub(crate) attempt: Duration,
}

/// How one side of the wallet core is reached.
pub(crate) struct CoreSetting {
    pub(crate) url: String,
    pub(crate) timeout: Duration,
    pub(crate) max_connection_age: Duration,
    pub(crate) token: Option<SettingFile>,
    pub(crate) ca: Option<SettingFile>,
    pub(crate) client_certificate: Option<SettingFile>,
    pub(crate) client_key: Option<SettingFile>,
}

impl CoreSection {
    /// Reads both sections and checks that the core's answers fit into the answer budget.
    pub(super) fn read(root: &mut Section, answer_budget: Duration) -> Result<Self, SettingError> {
        let mut section = root.table_or_empty("payments")?;
        let payments_kind = section.or("kind", "recorded", &PAYMENTS_KIND)?;
        let payments = Some(CoreSetting::read(&mut section)?).filter(|_| payments_kind == PaymentsKind::Core);
        root.end(section)?;
        let mut section = root.table_or_empty("funds")?;
        let funds_kind = section.or("kind", "ledger", &FUNDS_KIND)?;
        let funds = CoreSetting::read(&mut section)?;
        root.end(section)?;
        let attempt = funds.timeout;
        let funds = Some(funds).filter(|_| funds_kind == FundsKind::Http);
        if payments.is_some() && funds.is_none() {
            return Err(SettingError::new(
                "payments.kind is \"core\", but funds.kind is \"ledger\": it must be \"http\" as well",
            ));
        }
        let core = Self { funds, payments, attempt };
        core.fit(answer_budget)?;
        Ok(core)
    }

    fn fit(&self, answer_budget: Duration) -> Result<(), SettingError> {
        let used = |core: &Option<CoreSetting>| core.as_ref().map_or(Duration::ZERO, |core| core.timeout);
        let (funds, payments) = (used(&self.funds), used(&self.payments));
        if self.funds.is_none() || funds + payments + OWN_TIME <= answer_budget {
            return Ok(());
        }
        let shown = |duration: Duration| humantime::format_duration(duration).to_string();
        Err(SettingError::new(format!(
            "callback.answer_budget is \"{}\", but must be at least the sum of funds.timeout ({}), payments.timeout ({}) and {} for \
             the database",
            shown(answer_budget),
            shown(funds),
            shown(payments),
            shown(OWN_TIME)
        )))
    }
}

impl CoreSetting {
    /// The files with what proves who is who.
    pub(crate) fn files(&self) -> impl Iterator<Item = &SettingFile> {
        [&self.token, &self.ca, &self.client_certificate, &self.client_key].into_iter().flatten()
    }

    fn read(section: &mut Section) -> Result<Self, SettingError> {
        let setting = Self {
            url: section.or("url", "http://127.0.0.1:9090", &HTTP_URL)?,
            timeout: section.or("timeout", "2s", &TIMEOUT)?,
            max_connection_age: section.or("max_connection_age", "45s", &TIMEOUT)?,
            token: SettingFile::optional(section, "token_file")?.map(|file| file.kept_secret(section)),
            ca: SettingFile::optional(section, "ca_file")?,
            client_certificate: SettingFile::optional(section, "client_certificate_file")?,
            client_key: SettingFile::optional(section, "client_key_file")?.map(|file| file.kept_secret(section)),
        };
        if setting.client_certificate.is_some() != setting.client_key.is_some() {
            let (certificate, key) = (section.path_of("client_certificate_file"), section.path_of("client_key_file"));
            return Err(SettingError::new(format!("{certificate} and {key} must be there both or not at all")));
        }
        Ok(setting)
    }
}
