//! `rescind demo`: every rule at work, over HTTP, with keys and a database of its own.

mod folder;
mod manual_cancel;
mod partner;
mod rows;
mod wallet;

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Instant;

use ports::Clock;
use reqwest::Client;

use crate::clock::SystemClock;
use crate::output::{CliError, print_line};
use crate::serve::{Signals, until_stopped};
use crate::settings::{Settings, Sources};
use crate::telemetry::{self, LogTo};
use crate::wiring::{self, Service};

use folder::Folder;
use partner::DemoAlipayPlus;
use rows::{Exchange, ROWS, Row, TO_TRY, TO_TRY_CALLS};
use wallet::DemoWallet;

/// Both sides that talk to the service.
struct Players {
    alipayplus: DemoAlipayPlus,
    wallet: DemoWallet,
}

/// A client that never leaves this machine: it needs neither a proxy nor the certificates that a small system may not have.
fn loopback_client() -> Result<Client, CliError> {
    let client = Client::builder().tls_certs_only([]).no_proxy().build();
    client.map_err(|error| CliError::new(format!("HTTP cannot be used: {error}")))
}

/// Makes the folder, starts the service in this process, plays every row, and goes on serving unless it is `once`.
pub(crate) async fn run(dir: Option<PathBuf>, once: bool) -> Result<ExitCode, CliError> {
    let folder = Folder::make(dir)?;
    let (log, file) = folder.log()?;
    let _writing = telemetry::start(LogTo::File(file))?;
    let settings = Settings::load(&Sources { file: Some(folder.settings()), flags: vec![], isolated: true })?;
    wiring::migrate(&settings, false, &|_| ())?;
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let Service { callback, wallet_api, servers, stop, secrets: _ } = wiring::start(&settings, &clock)?;
    print_line(format_args!(
        "Keys, settings and database are in {}, the service's log in {}.",
        folder.path().display(),
        log.display()
    ))?;
    print_line(format_args!("Alipay+ calls http://{callback}, the wallet calls http://{wallet_api}\n"))?;

    let http = loopback_client()?;
    let players = Players {
        alipayplus: DemoAlipayPlus::new(http.clone(), &folder, (callback, &settings.callback.cancel_payment_path))?,
        wallet: DemoWallet::new(http, wallet_api, &folder.read(crate::keys::TOKENS)?)?,
    };
    let wrong = players.play_all().await?;
    if once {
        let finished = stop.gracefully().await;
        return Ok(if wrong == 0 && finished { ExitCode::SUCCESS } else { ExitCode::FAILURE });
    }
    for call in TO_TRY_CALLS {
        players.wallet.tell(&TO_TRY, call).await?;
    }
    print_line(manual_cancel::snippet(&folder, &settings, [callback, wallet_api]))?;
    until_stopped(servers, stop, &mut Signals::new()?).await
}

impl Players {
    /// Plays the rows and prints one line for each; returns how many are not as they should be.
    async fn play_all(&self) -> Result<usize, CliError> {
        print_line(format_args!("{:>65}{:>24}", "", "user's balance in JPY"))?;
        print_line(line(["cancelPayment for", "answer", "ms", "before", "after", ""]))?;
        let mut wrong = 0;
        for row in &ROWS {
            wrong += usize::from(!self.play(row).await?);
        }
        match wrong {
            0 => print_line(format_args!("\nAll {} are as they should be.", ROWS.len()))?,
            _ => print_line(format_args!("\n{wrong} of {} are not as they should be.", ROWS.len()))?,
        }
        Ok(wrong)
    }

    async fn play(&self, row: &Row) -> Result<bool, CliError> {
        for call in row.before {
            self.wallet.tell(row.payment, *call).await?;
        }
        let before = self.wallet.balance(row.payment.account).await?;
        let begun = Instant::now();
        let answer = match row.exchange {
            Exchange::Cancel { acquirer } => self.alipayplus.cancel(row.payment.id, acquirer).await?,
            Exchange::CancelSignedBadly => self.alipayplus.cancel_signed_badly(row.payment.id).await?,
            Exchange::Wallet(call) => self.wallet.tell(row.payment, call).await?,
        };
        let took = format!("{:.1}", begun.elapsed().as_secs_f64() * 1_000.0);
        let after = self.wallet.balance(row.payment.account).await?;
        let difference = row.difference(&answer, [before, after]);
        let verdict = difference.as_deref().unwrap_or("ok");
        print_line(line([row.what, &answer, &took, &before.to_string(), &after.to_string(), verdict]))?;
        Ok(difference.is_none())
    }
}

fn line([what, answer, took, before, after, verdict]: [&str; 6]) -> String {
    format!("{what:<36}{answer:<22}{took:>7}{before:>16}{after:>8}  {verdict}").trim_end().to_owned()
}
