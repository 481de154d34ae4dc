//! Amounts in a currency's smallest unit.

use std::fmt;

/// An ISO 4217 alphabetic code, by its form: three capital letters. Which codes are in use changes over the years and is the
/// business of the two parties, so they are not listed here.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Currency([u8; 3]);

/// Why a text is not an amount of money.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MoneyError {
    /// Not an integer of 1 to 9223372036854775807 in plain digits.
    Value,
    /// Not three capital letters.
    Currency,
}

impl fmt::Display for MoneyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Value => {
                "value must be an integer of 1 to 9223372036854775807 in the smallest unit, as plain digits in a string"
            }
            Self::Currency => "currency must be an ISO 4217 code of three capital letters",
        })
    }
}

impl std::error::Error for MoneyError {}

impl Currency {
    /// Takes three capital letters.
    ///
    /// # Errors
    /// [`MoneyError::Currency`] for any other text.
    pub fn parse(code: &str) -> Result<Self, MoneyError> {
        match <[u8; 3]>::try_from(code.as_bytes()) {
            Ok(letters) if letters.iter().all(u8::is_ascii_uppercase) => Ok(Self(letters)),
            Ok(_) | Err(_) => Err(MoneyError::Currency),
        }
    }

    /// The code's three letters.
    #[must_use]
    pub fn code(&self) -> String {
        self.0.iter().copied().map(char::from).collect()
    }
}

impl fmt::Display for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.code())
    }
}

impl fmt::Debug for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// More than nothing of one currency.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Money {
    minor: i64,
    currency: Currency,
}

impl Money {
    /// `minor` counts the currency's smallest unit (yen, cents, fils).
    ///
    /// # Errors
    /// [`MoneyError::Value`] unless `minor` is more than 0.
    pub fn new(minor: i64, currency: Currency) -> Result<Self, MoneyError> {
        if minor > 0 { Ok(Self { minor, currency }) } else { Err(MoneyError::Value) }
    }

    /// Takes the two texts of the wire, `{"value":"1000","currency":"JPY"}`. The value has plain digits only: no sign, no
    /// leading zero, no point, so that one amount has one spelling.
    ///
    /// # Errors
    /// [`MoneyError`] says which of the two is wrong.
    pub fn parse(value: &str, currency: &str) -> Result<Self, MoneyError> {
        let plain = value.bytes().all(|b| b.is_ascii_digit()) && !value.starts_with('0');
        let minor = if plain { value.parse().map_err(|_| MoneyError::Value)? } else { return Err(MoneyError::Value) };
        Self::new(minor, Currency::parse(currency)?)
    }

    /// How many of the smallest unit; always more than 0.
    #[must_use]
    pub fn minor(&self) -> i64 {
        self.minor
    }

    /// Of which currency.
    #[must_use]
    pub fn currency(&self) -> Currency {
        self.currency
    }
}

impl fmt::Display for Money {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.minor, self.currency)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_amount_has_one_spelling_only() {
        assert_eq!(Money::parse("1000", "JPY").map(|m| m.to_string()).as_deref(), Ok("1000 JPY"));
        assert_eq!(Money::parse("9223372036854775807", "KWD").map(|m| m.minor()), Ok(i64::MAX));
        for bad in ["", "0", "-1", "+1", "01", "1.0", "1e3", " 1", "9223372036854775808", "١"] {
            assert_eq!(Money::parse(bad, "JPY"), Err(MoneyError::Value), "{bad:?}");
        }
        for bad in ["", "jpy", "JP", "JPYY", "J1Y", "ÄB"] {
            assert_eq!(Money::parse("1", bad), Err(MoneyError::Currency), "{bad:?}");
        }
    }
}
