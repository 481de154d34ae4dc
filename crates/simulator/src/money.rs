//! Money as it is booked: movements of accounts, and what those of one payment come to.

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Money in the currency's smallest unit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Amount {
    /// Not negative.
    #[serde(with = "digits")]
    pub(crate) value: i64,
    pub(crate) currency: String,
}

/// One entry of an account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Movement {
    pub(crate) payment_request_id: String,
    pub(crate) kind: MovementKind,
    pub(crate) amount: Amount,
    /// RFC 3339; for people only.
    #[serde(default)]
    pub(crate) at: String,
}

/// Which way money moved.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum MovementKind {
    Debit,
    Credit,
    Hold,
    Release,
}

/// Where a payment's money is, in its currency's smallest unit.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Money {
    /// Debited or held.
    pub(crate) taken: i64,
    /// Credited or released.
    pub(crate) given_back: i64,
    /// In how many pieces it was given back.
    pub(crate) times: usize,
}

impl Money {
    /// The sums of those movements that belong to a payment.
    ///
    /// # Errors
    /// What moved in another currency than the payment's.
    pub(crate) fn of(movements: &[Movement], payment_request_id: &str, currency: &str) -> Result<Self, String> {
        let mut money = Self::default();
        for Movement { kind, amount, .. } in movements.iter().filter(|entry| entry.payment_request_id == payment_request_id) {
            if amount.currency != currency {
                let Amount { value, currency: other } = amount;
                return Err(format!("{value} {other} moved for {payment_request_id}, which was paid in {currency}"));
            }
            match kind {
                MovementKind::Debit | MovementKind::Hold => money.taken = money.taken.saturating_add(amount.value),
                MovementKind::Credit | MovementKind::Release => {
                    money.given_back = money.given_back.saturating_add(amount.value);
                    money.times += 1;
                }
            }
        }
        Ok(money)
    }
}

/// One page of an account's entries, and where the next one begins.
///
/// # Errors
/// What cannot be read in it.
pub(crate) fn page(answer: &Value) -> Result<(Vec<Movement>, Option<String>), String> {
    let movements = Vec::deserialize(&answer["entries"]).map_err(|error| format!("it has no readable entries: {error}"))?;
    Ok((movements, answer["next"].as_str().map(str::to_owned)))
}

/// A number as the contract writes it: its digits, as a string.
mod digits {
    use serde::de::Error;
    use serde::{Deserialize, Deserializer, Serializer};

    pub(super) fn serialize<S: Serializer>(value: &i64, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(value)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<i64, D::Error> {
        let text = String::deserialize(deserializer)?;
        let is_plain = text.bytes().all(|b| b.is_ascii_digit()) && (text == "0" || !text.starts_with('0'));
        let value = if is_plain { text.parse().ok() } else { None };
        value.ok_or_else(|| D::Error::custom(format!("{text:?} is no amount in digits")))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_amount_has_one_spelling() {
        let read =
            |value: &str| serde_json::from_value::<Amount>(json!({ "value": value, "currency": "JPY" })).map(|a| a.value).ok();
        assert_eq!([read("0"), read("1000"), read("9223372036854775807")], [Some(0), Some(1000), Some(i64::MAX)]);
        for value in ["", "01", "+1", "-1", "1.0", " 1", "9223372036854775808"] {
            assert_eq!(read(value), None, "{value:?}");
        }
    }

    #[test]
    fn the_movements_of_one_payment_are_summed_and_another_currency_is_named() {
        let entry = |id: &str, kind: &str, value: &str, currency: &str| json!({ "paymentRequestId": id, "kind": kind, "amount": { "value": value, "currency": currency } });
        let answer = json!({
            "entries": [
                entry("a", "hold", "5", "JPY"), entry("a", "release", "2", "JPY"), entry("b", "debit", "9", "USD"),
                entry("a", "credit", "3", "JPY"),
            ],
            "next": "4",
        });
        let (movements, next) = page(&answer).unwrap();
        assert_eq!(next.as_deref(), Some("4"));
        assert_eq!(Money::of(&movements, "a", "JPY"), Ok(Money { taken: 5, given_back: 5, times: 2 }));
        assert_eq!(Money::of(&movements, "b", "JPY"), Err("9 USD moved for b, which was paid in JPY".to_owned()));
        assert!(page(&json!({ "entries": [{ "kind": "gift" }] })).is_err());
        assert!(page(&json!({})).is_err());
    }
}
