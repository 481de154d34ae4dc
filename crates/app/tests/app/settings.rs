//! Settings that are wrong stop the start with one sentence, and `config check` shows those that are right.

use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;
use std::process::{Command, Output};

const GOOD: &str = r#"
[callback]
psp_id = "1022172000000000001"
signing_key = { version = 1, private_key_file = "keys/wallet-private.pem" }
[[callback.clients]]
client_id = "SANDBOX_ALIPAYPLUS"
keys = [{ version = 1, public_key_file = "alipayplus/wallet-public.pem" }]
"#;

fn rescind(dir: &Path, args: &[&str], environment: &[(&str, &str)]) -> Output {
    let mut command = Command::new(testkit::program("rescind"));
    command.current_dir(dir).args(args).env_clear().envs(environment.iter().copied());
    command.output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

/// A folder with keys and these settings.
fn folder(settings: &str) -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("rescind.toml"), settings).unwrap();
    for keys in ["keys", "alipayplus"] {
        assert!(rescind(dir.path(), &["keys", "generate", keys], &[]).status.success());
    }
    dir
}

/// A file that its owner alone may read.
fn write_secret(dir: &tempfile::TempDir, name: &str, content: &[u8]) {
    std::fs::write(dir.path().join(name), content).unwrap();
    set_mode(dir, name, 0o600);
}

fn set_mode(dir: &tempfile::TempDir, name: &str, mode: u32) {
    std::fs::set_permissions(dir.path().join(name), std::fs::Permissions::from_mode(mode)).unwrap();
}

fn refusal(settings: &str, environment: &[(&str, &str)]) -> String {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("rescind.toml"), settings).unwrap();
    let output = rescind(dir.path(), &["config", "check"], environment);
    assert_eq!(output.status.code(), Some(1), "{}", text(&output.stdout));
    assert_eq!(text(&output.stdout), "");
    text(&output.stderr).strip_prefix("rescind: ").unwrap().trim_end().to_owned()
}

/// The good settings with a value of the environment, where each value takes its place before it is checked.
fn refusal_of(key: &str, value: &str) -> String {
    refusal(GOOD, &[(&format!("RESCIND__{}", key.to_uppercase().replace('.', "__")), value)])
}

#[test]
fn a_wrong_value_is_told_with_its_key_and_what_is_right() {
    for (key, value, must_be) in [
        ("callback.listen", "localhost:8080", r#"an IP address and a port, such as "127.0.0.1:8080""#),
        ("callback.listen", "127.0.0.1", r#"an IP address and a port, such as "127.0.0.1:8080""#),
        ("wallet_api.listen", "[::1]", r#"an IP address and a port, such as "127.0.0.1:8080""#),
        (
            "callback.cancel_payment_path",
            "v1/cancel",
            r#"a path that begins with "/", such as "/aps/api/v1/payments/cancelPayment""#,
        ),
        ("callback.cancel_payment_path", "/a?b", r#"a path that begins with "/", such as "/aps/api/v1/payments/cancelPayment""#),
        ("callback.cancel_payment_path", "/{id}", r#"a path that begins with "/", such as "/aps/api/v1/payments/cancelPayment""#),
        ("callback.psp_id", "10 22", "the wallet's id at Alipay+, 1 to 64 visible ASCII characters"),
        ("callback.signing_key.version", "one", "the key's version at Alipay+, an integer from 0 to 4294967295"),
        ("callback.signing_key.version", "-1", "the key's version at Alipay+, an integer from 0 to 4294967295"),
        ("callback.signing_key.version", "4294967296", "the key's version at Alipay+, an integer from 0 to 4294967295"),
        ("callback.answer_budget", "6", r#"a duration from 1s to 7500ms, such as "6s""#),
        ("callback.answer_budget", "999ms", r#"a duration from 1s to 7500ms, such as "6s""#),
        ("callback.answer_budget", "7501ms", r#"a duration from 1s to 7500ms, such as "6s""#),
        ("callback.freshness", "on", r#""off" or a duration from 1s to 1day, such as "15m""#),
        ("wallet_api.oldest_open_reversal", "never", r#"a duration from 1s to 1day, such as "5m""#),
        ("wallet_api.four_eyes", "yes", "true or false"),
        ("database.url", "mysql://db/rescind", r#""sqlite://FILE" or "postgres://USER@HOST/NAME""#),
        ("database.url", "sqlite://", r#""sqlite://FILE" or "postgres://USER@HOST/NAME""#),
        ("database.pool_size", "0", "an integer from 1 to 1000"),
        ("database.pool_size", "+8", "an integer from 1 to 1000"),
        ("payments.kind", "none", r#""recorded" or "core""#),
        ("funds.kind", "bank", r#""ledger" or "http""#),
        ("funds.url", "ftp://core", "a URL that begins with http:// or https://, without a user"),
        ("funds.timeout", "1ms", r#"a duration from 100ms to 1m, such as "2s""#),
        ("cancellable_period.closes_next_day_at", "24:00", r#"a time of day, HH:MM, such as "00:30""#),
        ("cancellable_period.closes_next_day_at", "0:30", r#"a time of day, HH:MM, such as "00:30""#),
        ("cancellable_period.zone", "Asia/Beijing", r#"the name of a time zone in the IANA database, such as "Asia/Shanghai""#),
        ("cancellable_period.grace", "-1s", r#"a duration from 0s to 7days, such as "15m""#),
        ("settlement.unknown_lines", "fine", r#""doubt" or "allowed""#),
        ("settlement.line_breaks", "yes", r#""refused" or "allowed""#),
        ("settlement.slashed_dates", "iso", r#""year-first", "month-first" or "day-first""#),
        (
            "settlement.types.payment",
            "A,,B",
            r#"words of the type's column, with commas between them, such as "PAYMENT, CAPTURE""#,
        ),
        ("results.never_received", "success", r#""SUCCESS" or "ORDER_NOT_EXIST""#),
        ("results.period_over", "FAIL", r#""PROCESS_FAIL" or "CANCEL_WINDOW_EXCEED""#),
        ("results.other_acquirer", "", "a value"),
        ("results.other_acquirer", "accept", r#""PARAM_ILLEGAL" or "ignore""#),
    ] {
        let sentence = match value {
            "" => format!("{key} is blank, but must be \"PARAM_ILLEGAL\" or \"ignore\""),
            _ => format!("{key} is {value:?}, but must be {must_be}"),
        };
        assert_eq!(refusal_of(key, value), sentence);
    }
}

#[test]
fn no_word_means_a_payment_and_a_refund() {
    let both = "settlement.types.refund has \"payment\", which settlement.types.payment has too";
    assert_eq!(refusal_of("settlement.types.refund", "REFUND, payment"), both);
}

#[test]
fn what_is_no_setting_is_refused_wherever_it_stands() {
    for (extra, sentence) in [
        ("[calback]\nlisten = \"x\"", "calback is not a setting; the settings have security, callback, wallet_api, database, "),
        ("[database]\nurk = \"x\"", "database.urk is not a setting; database has url, password_file, pool_size"),
        (
            "[wallet_api]\ntls = { certificate_file = \"a\", private_key_file = \"b\", ca = \"c\" }",
            "wallet_api.tls.ca is not a setting; wallet_api.tls has certificate_file, private_key_file",
        ),
    ] {
        let refused = refusal(&format!("{GOOD}\n{extra}"), &[]);
        assert!(refused.starts_with(sentence), "{refused}");
    }
    assert_eq!(
        refusal(&GOOD.replace("client_id", "name = \"x\"\nclient_id"), &[]),
        "callback.clients[0].name is not a setting; callback.clients[0] has client_id, keys"
    );
    assert_eq!(
        refusal_of("callback.signing_key.file", "x"),
        "callback.signing_key.file is not a setting; callback.signing_key has version, private_key_file"
    );
}

#[test]
fn what_nobody_can_guess_has_to_be_there() {
    for (settings, sentence) in [
        ("".to_owned(), "callback.psp_id is missing: it must be the wallet's id at Alipay+, 1 to 64 visible ASCII characters"),
        (
            "callback.psp_id = \"1\"".to_owned(),
            "callback.signing_key is missing: it must be { version = 1, private_key_file = \"keys/wallet-private.pem\" }, \
             the key that signs answers",
        ),
        (
            GOOD[..GOOD.find("[[callback.clients]]").unwrap()].to_owned(),
            "callback.clients is missing: name each client of Alipay+ with client_id and keys, or nobody can call",
        ),
        (
            GOOD[..GOOD.find("keys = [").unwrap()].to_owned(),
            "callback.clients[0].keys is missing: it must be [{ version = 1, public_key_file = \"…\" }]",
        ),
    ] {
        assert_eq!(refusal(&settings, &[]), sentence);
    }
}

#[test]
fn a_client_and_a_key_version_stand_there_once() {
    let client = &GOOD[GOOD.find("[[callback.clients]]").unwrap()..];
    assert_eq!(
        refusal(&format!("{GOOD}{client}"), &[]),
        "callback.clients[1].client_id is \"SANDBOX_ALIPAYPLUS\" a second time: list all keys of a client in one entry"
    );
    let key = "{ version = 1, public_key_file = \"alipayplus/wallet-public.pem\" }";
    assert_eq!(
        refusal(&GOOD.replace(key, &format!("{key}, {key}")), &[]),
        "callback.clients[0].keys[1].version is 1 a second time: each key of a client has a version of its own"
    );
    assert_eq!(
        refusal(&GOOD.replace("ALIPAYPLUS", "ALIPAY+"), &[]),
        "callback.clients[0].client_id is \"SANDBOX_ALIPAY+\", but must be the client's id at Alipay+, 1 to 64 letters, \
         digits, \"_\" or \"-\""
    );
}

#[test]
fn a_key_is_in_force_for_some_time() {
    let limited = |limits: &str| GOOD.replace("public.pem\" }", &format!("public.pem\", {limits} }}"));
    assert_eq!(
        refusal(&limited("not_before = \"2026-01-01\""), &[]),
        "callback.clients[0].keys[0].not_before is \"2026-01-01\", but must be a time in RFC 3339 with its offset, such as \
         \"2026-11-23T08:00:00+08:00\""
    );
    let turned = "not_before = \"2026-01-02T00:00:00Z\", not_after = \"2026-01-02T08:00:00+08:00\"";
    assert_eq!(
        refusal(&limited(turned), &[]),
        "callback.clients[0].keys[0].not_after is 2026-01-02 00:00:00 UTC, but must be later than not_before"
    );
}

#[test]
fn f41_the_wallet_cores_settings_have_to_fit_each_other() {
    assert_eq!(refusal_of("funds.kind", "core"), "funds.kind is \"core\", but must be \"ledger\" or \"http\"");
    assert_eq!(
        refusal_of("payments.kind", "core"),
        "payments.kind is \"core\", but funds.kind is \"ledger\": it must be \"http\" as well"
    );
    let core = |more: &str| format!("{GOOD}\n[funds]\nkind = \"http\"\n{more}");
    assert_eq!(
        refusal(&core("timeout = \"5100ms\""), &[]),
        "callback.answer_budget is \"6s\", but must be at least the sum of funds.timeout (5s 100ms), payments.timeout (0s) and 1s \
         for the database"
    );
    assert_eq!(
        refusal(&core("client_key_file = \"keys/core.pem\""), &[]),
        "funds.client_certificate_file and funds.client_key_file must be there both or not at all"
    );
}

#[test]
fn the_two_listeners_have_addresses_of_their_own() {
    assert_eq!(
        refusal_of("wallet_api.listen", "127.0.0.1:8080"),
        "wallet_api.listen is \"127.0.0.1:8080\", but must differ from callback.listen"
    );
}

#[test]
fn a_value_of_another_shape_is_refused() {
    assert_eq!(
        refusal(&GOOD.replace("\"1022172000000000001\"", "[\"1\"]"), &[]),
        "callback.psp_id must be the wallet's id at Alipay+, 1 to 64 visible ASCII characters, written as a text in quotes"
    );
    assert_eq!(refusal("callback = 1", &[]), "callback must be a table of settings, not a single value");
    assert_eq!(refusal_of("callback.clients", "SANDBOX"), "callback.clients must be a list of tables, such as [{ … }, { … }]");
}

#[test]
fn a_file_that_cannot_be_used_is_named_with_its_key() {
    let dir = folder(GOOD);
    let refused = |environment: &[(&str, &str)]| {
        let output = rescind(dir.path(), &["config", "check"], environment);
        assert_eq!(output.status.code(), Some(1));
        text(&output.stderr)
    };
    let missing = refused(&[("RESCIND__WALLET_API__TOKENS_FILE", "keys/none")]);
    assert!(
        missing.starts_with("rescind: wallet_api.tokens_file names the file \"keys/none\", which cannot be read: No such file")
    );
    set_mode(&dir, "keys/wallet-public.pem", 0o600);
    let public = refused(&[("RESCIND__CALLBACK__SIGNING_KEY__PRIVATE_KEY_FILE", "keys/wallet-public.pem")]);
    let sentence =
        "rescind: callback.signing_key.private_key_file names the file \"keys/wallet-public.pem\", which cannot be used: ";
    assert!(public.starts_with(sentence), "{public}");
    write_secret(&dir, "blank", b"\n");
    let blank = refused(&[("RESCIND__DATABASE__PASSWORD_FILE", "blank")]);
    assert_eq!(blank, "rescind: database.password_file names the file \"blank\", which is blank, but must hold a secret\n");
    let named = rescind(dir.path(), &["--config", "none.toml", "config", "check"], &[]);
    assert!(text(&named.stderr).starts_with("rescind: the settings file \"none.toml\" cannot be read: "));
}

/// What a check of this folder says, as success or as the one sentence.
fn checked(dir: &tempfile::TempDir, environment: &[(&str, &str)]) -> Result<(), String> {
    let output = rescind(dir.path(), &["config", "check"], environment);
    let sentence = text(&output.stderr).strip_prefix("rescind: ").unwrap_or_default().trim_end().to_owned();
    if output.status.success() { Ok(()) } else { Err(sentence) }
}

#[test]
fn f66_the_wallet_s_own_public_key_is_not_a_client_s() {
    let dir = folder(&GOOD.replace("alipayplus/wallet-public.pem", "keys/wallet-public.pem"));
    let named = "callback.clients[0].keys[0].public_key_file names the file \"keys/wallet-public.pem\", which holds the wallet's own public key";
    for args in
        [["config", "check"].as_slice(), &["serve", "--callback-listen", "127.0.0.1:0", "--wallet-api-listen", "127.0.0.1:0"]]
    {
        let output = rescind(dir.path(), args, &[]);
        assert_eq!(output.status.code(), Some(1), "{args:?}");
        assert!(text(&output.stderr).contains(named), "{args:?}: {}", text(&output.stderr));
    }
    // Nor in another form of it, nor where the right key stands beside it.
    let bare: String = std::fs::read_to_string(dir.path().join("keys/wallet-public.pem")).unwrap();
    let bare: String = bare.lines().filter(|line| !line.starts_with('-')).collect();
    std::fs::write(dir.path().join("bare"), bare).unwrap();
    let both = r#"[{ client_id = "A", keys = [{ version = 1, public_key_file = "alipayplus/wallet-public.pem" }, { version = 2, public_key_file = "bare" }] }]"#;
    let sentence = checked(&dir, &[("RESCIND__CALLBACK__CLIENTS", both)]).unwrap_err();
    assert!(
        sentence.contains("keys[1].public_key_file names the file \"bare\", which holds the wallet's own public key"),
        "{sentence}"
    );
}

#[test]
fn f66_two_clients_have_two_keys() {
    let dir = folder(GOOD);
    let clients = r#"[{ client_id = "A", keys = [{ version = 1, public_key_file = "alipayplus/wallet-public.pem" }] },
                      { client_id = "B", keys = [{ version = 5, public_key_file = "alipayplus/wallet-public.pem" }] }]"#;
    let sentence = checked(&dir, &[("RESCIND__CALLBACK__CLIENTS", clients)]).unwrap_err();
    let named = "Key version 5 of client \"B\" cannot be used: It is also version 1 of client \"A\"";
    assert!(sentence.starts_with("callback.clients cannot be used") && sentence.contains(named), "{sentence}");
}

#[test]
fn f67_a_key_for_tls_or_for_the_core_is_taken_under_any_armour_and_never_encrypted() {
    const PRIVATE: &str = include_str!("../../../adapters-http/tests/http/fixtures/tls-private.pem");
    const CERTIFICATE: &[u8] = include_bytes!("../../../adapters-http/tests/http/fixtures/tls-certificate.pem");
    const ENCRYPTED: &[u8] = include_bytes!("../../../adapters-keys/tests/fixtures/encrypted-private.pem");
    let dir = folder(GOOD);
    std::fs::write(dir.path().join("certificate"), CERTIFICATE).unwrap();
    write_secret(&dir, "other-armour", PRIVATE.replace("PRIVATE KEY", "RSA PRIVATE KEY").as_bytes());
    write_secret(&dir, "encrypted", ENCRYPTED);
    let of = |key: &str, file: &str| {
        let tls = format!("{{ certificate_file = \"certificate\", private_key_file = \"{file}\" }}");
        let settings = match key {
            "callback.tls" => GOOD.replace("[callback]\n", &format!("[callback]\ntls = {tls}\n")),
            "wallet_api.tls" => format!("{GOOD}[wallet_api]\ntls = {tls}\n"),
            _ => format!(
                "{GOOD}[funds]\nkind = \"http\"\nurl = \"https://core\"\nclient_certificate_file = \"certificate\"\nclient_key_file = \"{file}\"\n"
            ),
        };
        std::fs::write(dir.path().join("rescind.toml"), settings).unwrap();
        checked(&dir, &[])
    };
    for key in ["callback.tls", "wallet_api.tls", "funds.client_key_file"] {
        assert_eq!(of(key, "other-armour"), Ok(()), "{key}");
        let sentence = of(key, "encrypted").unwrap_err();
        assert!(sentence.starts_with(key) && sentence.contains("The private key in the file is encrypted"), "{sentence}");
    }
}

#[test]
fn f90_a_secret_that_everybody_may_read_is_refused() {
    let dir = folder(GOOD);
    std::fs::write(
        dir.path().join("certificate"),
        include_bytes!("../../../adapters-http/tests/http/fixtures/tls-certificate.pem"),
    )
    .unwrap();
    write_secret(&dir, "tls-key", include_bytes!("../../../adapters-http/tests/http/fixtures/tls-private.pem"));
    for name in ["password", "core-token", "payments-token"] {
        write_secret(&dir, name, b"a-long-secret-of-mine");
    }
    let tls = "tls = { certificate_file = \"certificate\", private_key_file = \"tls-key\" }\n";
    let core = "client_certificate_file = \"certificate\"\nclient_key_file = \"tls-key\"\n";
    let settings = format!(
        "{}[wallet_api]\n{tls}[database]\nurl = \"postgres://rescind@db/rescind\"\npassword_file = \"password\"\n\
         [funds]\nkind = \"http\"\nurl = \"https://core\"\ntoken_file = \"core-token\"\n{core}[payments]\nkind = \"core\"\ntoken_file = \"payments-token\"\n",
        GOOD.replace("[callback]\n", &format!("[callback]\n{tls}")),
    );
    std::fs::write(dir.path().join("rescind.toml"), settings).unwrap();
    assert_eq!(checked(&dir, &[]), Ok(()));
    let files = ["keys/wallet-private.pem", "keys/wallet-api-tokens", "password", "core-token", "payments-token", "tls-key"];
    for file in files {
        for mode in [0o644, 0o604, 0o444] {
            set_mode(&dir, file, mode);
            let sentence = checked(&dir, &[]).unwrap_err();
            for part in [
                &format!("names the file {file:?}"),
                &format!("(mode {mode:04o})"),
                "`defaultMode: 0440`",
                "security.allow_readable_secrets",
            ] {
                assert!(sentence.contains(part), "{sentence}");
            }
            let allowed = [("RESCIND__SECURITY__ALLOW_READABLE_SECRETS", "true")];
            assert_eq!(checked(&dir, &allowed), Ok(()), "{file} {mode:o}");
        }
        for mode in [0o640, 0o440, 0o600, 0o400] {
            set_mode(&dir, file, mode);
            assert_eq!(checked(&dir, &[]), Ok(()), "{file} {mode:o}");
        }
    }
    // What everybody may know is not a secret, and a link is what it leads to.
    set_mode(&dir, "alipayplus/wallet-public.pem", 0o644);
    std::fs::rename(dir.path().join("password"), dir.path().join("elsewhere")).unwrap();
    symlink("elsewhere", dir.path().join("password")).unwrap();
    assert_eq!(checked(&dir, &[]), Ok(()));
    set_mode(&dir, "elsewhere", 0o644);
    assert!(checked(&dir, &[]).unwrap_err().starts_with("database.password_file names the file \"password\", which everybody"));
}

#[test]
fn f90_readable_secrets_are_allowed_by_a_word_without_quotes() {
    let dir = folder(&format!("{GOOD}[security]\nallow_readable_secrets = true\n"));
    set_mode(&dir, "keys/wallet-private.pem", 0o644);
    assert_eq!(checked(&dir, &[]), Ok(()));
    assert_eq!(
        refusal_of("security.allow_readable_secrets", "yes"),
        "security.allow_readable_secrets is \"yes\", but must be true or false"
    );
    let refused = refusal(&format!("{GOOD}[database]\npool_size = true\n"), &[]);
    assert!(refused.starts_with("database.pool_size must be an integer from 1 to 1000"), "{refused}");
}

#[test]
fn f82_no_command_shows_a_piece_of_a_database_s_password() {
    let dir = folder(GOOD);
    let pieces = ["Pl4nted", "S3cret"];
    let mut said = String::new();
    for url in [
        "postgres://rescind:Pl4nted%S3cret@127.0.0.1:1/rescind",
        "postgres://rescind:Pl4nted@S3cret@127.0.0.1:1/rescind",
        "postgres://rescind:Pl4nted/S3cret@127.0.0.1:1/rescind",
        "postgres://rescind:Pl4nted?S3cret@127.0.0.1:1/rescind",
        "postgres://rescind:Pl4nted%40S3cret@127.0.0.1:1/rescind",
        "postgres://rescind:Pl4nted%40S3cret@no-such-host.invalid/rescind",
        "postgres://127.0.0.1:1/rescind?password=Pl4nted%S3cret",
        "postgres://127.0.0.1:1/rescind?password=Pl4nted%25S3cret&sslmode=nonsense",
        "postgres://rescind:Pl4ntedS3cret",
        "postgres://rescind:Pl4ntedS3cret@[::1/rescind",
        "mysql://rescind:Pl4ntedS3cret@127.0.0.1:1/rescind",
        "rescind:Pl4ntedS3cret@127.0.0.1:1/rescind",
        "host=127.0.0.1 port=1 password=Pl4ntedS3cret",
    ] {
        for args in [
            ["config", "check"].as_slice(),
            &["config", "adopt"],
            &["migrate"],
            &["serve"],
            &["explain", "p1"],
            &["reversals", "retry", "p1"],
        ] {
            let output = rescind(dir.path(), args, &[("RESCIND__DATABASE__URL", url)]);
            let all = text(&output.stdout) + &text(&output.stderr);
            assert!(pieces.iter().all(|piece| !all.contains(piece)), "{args:?} {url}: {all}");
            said += &all;
        }
    }
    assert!(
        said.contains("database.url cannot be read") && said.contains("could not translate host name"),
        "every path is walked: {said}"
    );
}

#[test]
fn the_environment_wins_over_the_file_and_keeps_leading_zeros() {
    let dir = folder(GOOD);
    let environment = [
        ("RESCIND__CALLBACK__PSP_ID", "0012"),
        ("RESCIND__DATABASE__POOL_SIZE", "3"),
        (
            "RESCIND__CALLBACK__CLIENTS",
            r#"[{ client_id = "007", keys = [{ version = 2, public_key_file = "alipayplus/wallet-public.pem" }] }]"#,
        ),
    ];
    let output = rescind(dir.path(), &["config", "check"], &environment);
    assert!(output.status.success(), "{}", text(&output.stderr));
    let shown = text(&output.stdout);
    for line in [
        "callback.psp_id = \"0012\"",
        "callback.clients[0].client_id = \"007\"",
        "callback.clients[0].keys[0].version = \"2\"",
        "database.pool_size = \"3\"",
        "callback.listen = \"127.0.0.1:8080\"",
        "ok",
    ] {
        assert!(shown.lines().any(|shown| shown == line), "{line} is not in\n{shown}");
    }
}

#[test]
fn a_flag_wins_over_the_environment() {
    let dir = folder(GOOD);
    let args = ["serve", "--callback-listen", "nowhere"];
    let output = rescind(dir.path(), &args, &[("RESCIND__CALLBACK__LISTEN", "127.0.0.1:0")]);
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stderr).starts_with("rescind: callback.listen is \"nowhere\", but must be an IP address"));
}

#[test]
fn no_secret_is_shown() {
    let dir = folder(GOOD);
    let output =
        rescind(dir.path(), &["config", "check"], &[("RESCIND__DATABASE__URL", "postgres://rescind:hunter2@db/rescind")]);
    let shown = text(&output.stdout);
    assert!(shown.contains("database.url = \"postgres://rescind:…@db/rescind\""), "{shown}");
    let tokens = std::fs::read_to_string(dir.path().join("keys/wallet-api-tokens")).unwrap();
    for secret in tokens.split_whitespace().filter(|word| word.len() > 16).chain(["hunter2"]) {
        assert!(!shown.contains(secret));
    }
    let refused = refusal_of("database.url", "mysql://rescind:hunter2@db/rescind");
    assert_eq!(
        refused,
        r#"database.url is "mysql://rescind:…@db/rescind", but must be "sqlite://FILE" or "postgres://USER@HOST/NAME""#
    );
}

#[test]
fn the_example_shows_every_setting_with_its_default() {
    let example =
        std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/reference/rescind.toml")).unwrap();
    let shown = |settings: &str| {
        let dir = folder(settings);
        std::fs::copy(dir.path().join("alipayplus/wallet-public.pem"), dir.path().join("keys/alipayplus-public.pem")).unwrap();
        let output = rescind(dir.path(), &["config", "check"], &[]);
        assert!(output.status.success(), "{}", text(&output.stderr));
        text(&output.stdout)
    };
    let of_example = shown(&example);
    let of_defaults = shown(&GOOD.replace("\"alipayplus/wallet-public.pem\"", "\"keys/alipayplus-public.pem\""));
    let without_limits: Vec<_> = of_example.lines().filter(|line| !line.contains("not_before")).collect();
    assert_eq!(without_limits, of_defaults.lines().collect::<Vec<_>>());
    for line in of_defaults.lines().filter(|line| line.contains(" = ")) {
        let (section, rest) = line.split_once('.').unwrap();
        let (table, key) = line.split(" = ").next().unwrap().rsplit_once('.').unwrap();
        let under =
            |table: &str| example.split_once(&format!("\n[{table}]")).map(|(_, after)| after.split("\n[").next().unwrap());
        let of_section = under(table).or_else(|| under(section)).unwrap();
        let of_list = example.split_once("\n[[callback.clients]]").unwrap().1.split("\n[").next().unwrap();
        let written = |text: &str| text.contains(&format!("{key} = "));
        assert!(written(of_section) || (rest.starts_with("clients[") && written(of_list)), "{line} is not in the example");
    }
}
