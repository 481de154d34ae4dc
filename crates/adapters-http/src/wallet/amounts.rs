//! Amounts in JSON.

use domain::{Currency, Money};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::problem::ApiError;
use super::schemas::CurrencyCode;

/// An amount in the currency's smallest unit.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub(super) struct Amount {
    /// At most 9223372036854775807.
    #[schema(pattern = "^[1-9][0-9]{0,18}$", max_length = 19, examples("1000"))]
    value: String,
    #[schema(value_type = CurrencyCode)]
    currency: String,
}

/// A fee in the currency's smallest unit; the value `"0"` means no fee.
#[derive(Deserialize, ToSchema)]
pub(super) struct Fee {
    /// At most 9223372036854775807.
    #[schema(pattern = "^(0|[1-9][0-9]{0,18})$", max_length = 19, examples("3"))]
    value: String,
    #[schema(value_type = CurrencyCode)]
    currency: String,
}

/// A sum of amounts of one currency.
#[derive(Serialize, ToSchema)]
pub(super) struct Sum {
    #[schema(value_type = CurrencyCode)]
    currency: String,
    /// In the smallest unit; may be larger than any amount. A balance is negative where more was taken than given.
    #[schema(pattern = "^(0|-?[1-9][0-9]*)$", examples("1700"))]
    value: String,
}

impl Amount {
    /// The amount, or an error that names the member it came in.
    pub(super) fn money(&self, member: &str) -> Result<Money, ApiError> {
        parse(member, &self.value, &self.currency)
    }
}

impl Fee {
    /// `None` where the payment costs nothing.
    pub(super) fn money(&self) -> Result<Option<Money>, ApiError> {
        match (self.value.as_str(), Currency::parse(&self.currency)) {
            ("0", Ok(_)) => Ok(None),
            (_, Ok(_) | Err(_)) => parse("fee", &self.value, &self.currency).map(Some),
        }
    }
}

fn parse(member: &str, value: &str, currency: &str) -> Result<Money, ApiError> {
    Money::parse(value, currency).map_err(|invalid| ApiError::not_acceptable(format!("{member}: {invalid}")))
}

impl From<Money> for Amount {
    fn from(money: Money) -> Self {
        Self { value: money.minor().to_string(), currency: money.currency().code() }
    }
}

impl From<(Currency, i128)> for Sum {
    fn from((currency, value): (Currency, i128)) -> Self {
        Self { currency: currency.code(), value: value.to_string() }
    }
}
