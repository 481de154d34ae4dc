//! The wallet core over HTTP, against a core that says exactly what a test has it say.
#![cfg(test)]

mod contract;
mod documents;
mod moves;
mod payments;
mod reversals;
mod server;
mod settings;
mod tls;

use std::time::Duration;

use adapters_wallet_core::{CoreSettings, WalletCore};
use domain::{AccountId, Money, PaymentId, PaymentRequestId, ReversalRequest, Taken};

/// Long enough never to matter.
const PATIENT: Duration = Duration::from_secs(30);

fn settings(url: &str) -> CoreSettings {
    let max_connection_age = Duration::from_secs(45);
    CoreSettings {
        url: url.to_owned(),
        timeout: PATIENT,
        max_connection_age,
        token: None,
        ca_pem: None,
        client_identity_pem: None,
    }
}

fn core_at(url: &str) -> WalletCore {
    WalletCore::new(&settings(url)).unwrap()
}

fn id(text: &str) -> PaymentRequestId {
    PaymentRequestId::parse(text).unwrap()
}

/// A reversal of which everything is known.
fn refund() -> ReversalRequest {
    ReversalRequest {
        id: id("20260301-7"),
        taken: Taken::Debit,
        payment_id: Some(PaymentId::parse("P-1").unwrap()),
        account: Some(AccountId::parse("alice").unwrap()),
        amount: Some(Money::parse("1000", "JPY").unwrap()),
    }
}

/// A reversal of which nothing is known but its id.
fn void() -> ReversalRequest {
    ReversalRequest { taken: Taken::NothingKnown, payment_id: None, account: None, amount: None, ..refund() }
}
