//! `rescind health`: asks the process that serves with these settings whether it lives, so that a container needs no other program.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::process::ExitCode;
use std::time::Duration;

use crate::output::{CliError, print_line};
use crate::settings::Settings;

/// How long an answer may take. A process that is slower does not do its work either.
const PATIENCE: Duration = Duration::from_secs(2);

/// Asks `/livez` of the wallet API, which answers without the database: a container that is killed because its database is
/// away does not help. `/readyz` is for people: it also says no when money waits for too long.
pub(crate) async fn check(settings: Settings) -> Result<ExitCode, CliError> {
    let (scheme, address) =
        (if settings.wallet_api.tls.is_some() { "https" } else { "http" }, reachable(settings.wallet_api.listen));
    let url = format!("{scheme}://{address}/livez");
    let failed = |error: reqwest::Error| CliError::new(format!("{url} does not answer: {}", innermost(&error)));
    // A certificate names the host that others call, never this loopback address, and nothing secret is sent.
    let client = reqwest::Client::builder().no_proxy().timeout(PATIENCE).tls_danger_accept_invalid_certs(true);
    let response = client.build().map_err(failed)?.get(&url).send().await.map_err(failed)?;
    if !response.status().is_success() {
        return Err(CliError::new(format!("{url} answers {}", response.status())));
    }
    print_line(format_args!("{url} answers {}", response.status()))?;
    Ok(ExitCode::SUCCESS)
}

/// Where a process of this machine reaches a listener: one that listens everywhere is reached by the loopback address.
fn reachable(listen: SocketAddr) -> SocketAddr {
    let ip = match listen.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => IpAddr::V4(Ipv4Addr::LOCALHOST),
        IpAddr::V6(ip) if ip.is_unspecified() => IpAddr::V6(Ipv6Addr::LOCALHOST),
        ip @ (IpAddr::V4(_) | IpAddr::V6(_)) => ip,
    };
    SocketAddr::new(ip, listen.port())
}

/// What went wrong at the bottom of it, such as "Connection refused".
fn innermost(error: &reqwest::Error) -> String {
    let mut error: &dyn std::error::Error = error;
    while let Some(source) = error.source() {
        error = source;
    }
    error.to_string()
}
