use std::env;
use std::process::Command;
use std::time::Duration;

use adapters_wallet_core::{CoreSettings, WalletCore};
use domain::ReversalOutcome;
use ports::FundsGateway;

use crate::server::{Act, Server, answer};
use crate::tls::CLIENT;
use crate::{core_at, refund, settings};

const AUTHORITY: &[u8] = include_bytes!("fixtures/authority.pem");
const SERVER: &[u8] = include_bytes!("fixtures/server.pem");

fn refused(settings: &CoreSettings) -> String {
    WalletCore::new(settings).unwrap_err().to_string()
}

#[test]
fn a_base_url_is_absolute_and_nothing_but_a_place() {
    for good in ["http://core", "https://core.example:8443/a/b", "http://127.0.0.1:9090/", "http://[::1]:9090/core//"] {
        assert!(WalletCore::new(&settings(good)).is_ok(), "{good}");
    }
    let wrong = [
        ("", "not an absolute URL"),
        ("core.example", "not an absolute URL"),
        ("/core", "not an absolute URL"),
        ("http://", "not an absolute URL"),
        ("localhost:9090", "must begin with http:// or https://"),
        ("ftp://core", "must begin with http:// or https://"),
        ("file:///core", "must begin with http:// or https://"),
        ("http://SECRET@core", "must not hold a user or a password"),
        ("http://:SECRET@core", "must not hold a user or a password"),
        ("http://core/?key=SECRET", "without \"?\" or \"#\""),
        ("http://core?", "without \"?\" or \"#\""),
        ("http://core/#SECRET", "without \"?\" or \"#\""),
    ];
    for (url, why) in wrong {
        let refused = refused(&settings(url));
        assert!(refused.contains(why) && refused.ends_with('.') && !refused.contains("SECRET"), "{url}: {refused}");
    }
}

#[test]
fn no_time_at_all_is_refused() {
    let hopeless = CoreSettings { timeout: Duration::ZERO, ..settings("http://core") };
    assert_eq!(refused(&hopeless), "The wallet core's timeout must be longer than zero.");
}

#[test]
fn a_token_that_no_header_can_carry_is_refused() {
    for token in ["", "SECRET ", "SEC RET", "SECRET\n", "SECRET\r\nx: y", "SECRËT"] {
        let refused = refused(&CoreSettings { token: Some(token.to_owned()), ..settings("http://core") });
        assert_eq!(refused, "The wallet core's token must be visible ASCII characters without spaces.");
    }
}

#[test]
fn certificates_have_to_be_there_and_fit() {
    let with = |ca: Option<&[u8]>, identity: Option<&[u8]>| CoreSettings {
        ca_pem: ca.map(<[u8]>::to_vec),
        client_identity_pem: identity.map(<[u8]>::to_vec),
        ..settings("https://core")
    };
    let broken = String::from_utf8(AUTHORITY.to_vec()).unwrap().replacen("MII", "!!!", 1);
    for ca in ["", "no certificate", &broken] {
        let why = "The wallet core's file of certificate authorities does not hold certificates in PEM.";
        assert_eq!(refused(&with(Some(ca.as_bytes()), None)), why);
    }
    let key_of = |pem: &[u8]| String::from_utf8(pem.to_vec()).unwrap().split_once("-----BEGIN PRIVATE").unwrap().1.to_owned();
    let certificate_of =
        |pem: &[u8]| String::from_utf8(pem.to_vec()).unwrap().split_once("-----BEGIN PRIVATE").unwrap().0.to_owned();
    let key_alone = format!("-----BEGIN PRIVATE{}", key_of(CLIENT));
    for identity in ["", &certificate_of(CLIENT), &key_alone] {
        let why = "The client certificate and its private key must both be in PEM, the key without a passphrase.";
        assert_eq!(refused(&with(Some(AUTHORITY), Some(identity.as_bytes()))), why);
    }
    let of_two = format!("{}-----BEGIN PRIVATE{}", certificate_of(CLIENT), key_of(SERVER));
    assert!(refused(&with(Some(AUTHORITY), Some(of_two.as_bytes()))).starts_with("TLS cannot be prepared"));
    assert!(WalletCore::new(&with(Some(AUTHORITY), Some(CLIENT))).is_ok());
}

#[test]
fn certificates_without_tls_are_refused() {
    let ca = CoreSettings { ca_pem: Some(AUTHORITY.to_vec()), ..settings("http://core") };
    let identity = CoreSettings { client_identity_pem: Some(CLIENT.to_vec()), ..settings("http://core") };
    for settings in [ca, identity] {
        assert!(refused(&settings).contains("does not begin with https://"));
    }
}

#[tokio::test]
async fn the_token_is_sent_and_never_shown() {
    let server = Server::start([Act::Say(answer(401, "SECRET"))]);
    let with_token = CoreSettings { token: Some("SECRET".to_owned()), ..settings(&server.url()) };
    let core = WalletCore::new(&with_token).unwrap();
    assert_eq!(core.reverse(&refund()).await, ReversalOutcome::Unknown("status 401".to_owned()));
    assert_eq!(server.received()[0].header("authorization"), Some("Bearer SECRET"));
    for shown in [format!("{core:?}"), format!("{with_token:?}")] {
        assert!(!shown.contains("SECRET"), "{shown}");
    }
}

/// Runs the test of this name in a process of its own, with every proxy that an environment can name.
#[test]
fn a_proxy_of_the_environment_is_not_used() {
    let mut again = Command::new(env::current_exe().unwrap());
    again.args(["--exact", "settings::the_core_is_asked_directly", "--include-ignored"]);
    for name in ["HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"] {
        again.env(name, "http://proxy.invalid:9");
    }
    let output = again.env_remove("NO_PROXY").env_remove("no_proxy").output().unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success() && said.contains("1 passed"), "{said}");
}

#[tokio::test]
async fn the_core_is_asked_directly() {
    let server = Server::start([Act::Say(answer(200, r#"{"outcome":"done"}"#))]);
    assert_eq!(core_at(&server.url()).reverse(&refund()).await, ReversalOutcome::Done);
    assert_eq!(server.received()[0].line(), "PUT /core/reversals/20260301-7 HTTP/1.1");
}
