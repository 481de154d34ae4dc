//! `rescind events`: the feed where no API can be reached, and what a restored database has to be told.

use std::io::{self, Write};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use chrono::SecondsFormat;
use ports::{Clock, FeedCursor, FeedPage, PublishedEvent};
use serde_json::{Map, Value, json};
use use_cases::FeedReaders;

use crate::clock::SystemClock;
use crate::output::{CliError, print_line};
use crate::serve::Signals;
use crate::settings::Settings;
use crate::wiring;

/// How many are read at once.
const AT_ONCE: u32 = 500;
/// How long one look waits for more.
const WAIT: Duration = Duration::from_secs(30);

/// Prints events as they come, one a line, until it is stopped or nobody reads on.
pub(crate) async fn follow(settings: Settings, after: Option<FeedCursor>, as_json: bool) -> Result<ExitCode, CliError> {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let readers = FeedReaders::new(wiring::feed(&settings)?, clock);
    let mut signals = Signals::new()?;
    tokio::select! {
        followed = print_all(&readers, after, as_json) => followed.map(|()| ExitCode::SUCCESS),
        _ = signals.next() => Ok(ExitCode::SUCCESS),
    }
}

async fn print_all(readers: &FeedReaders, mut after: Option<FeedCursor>, as_json: bool) -> Result<(), CliError> {
    loop {
        let read = readers.read(after, AT_ONCE, WAIT).await;
        let FeedPage { events, cursor, is_end: _ } =
            read.map_err(|error| CliError::new(format!("the feed cannot be read on: {error}")))?;
        for event in &events {
            let line = if as_json { in_json(event).to_string() } else { in_words(event) };
            if !print_or_stop(&line)? {
                return Ok(());
            }
        }
        after = Some(cursor);
    }
}

/// False where nobody reads on.
fn print_or_stop(line: &str) -> Result<bool, CliError> {
    let mut out = io::stdout().lock();
    match writeln!(out, "{line}").and_then(|()| out.flush()) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(false),
        Err(error) => Err(CliError::new(format!("standard output cannot be written: {error}"))),
    }
}

fn in_words(PublishedEvent { cursor, at, payment_request_id, event }: &PublishedEvent) -> String {
    let amount = event.amount.map(|amount| format!("  {amount}")).unwrap_or_default();
    let details: String = event.details.iter().map(|(name, text)| format!("  {name}={text:?}")).collect();
    let at = at.to_rfc3339_opts(SecondsFormat::Millis, true);
    format!("{at}  {}  {payment_request_id}{amount}{details}  after {cursor}", event.event_type)
}

/// The members of the wallet API's events.
fn in_json(PublishedEvent { cursor, at, payment_request_id, event }: &PublishedEvent) -> Value {
    let texts = event.details.iter().map(|(name, text)| (name.clone(), Value::from(text.as_str())));
    let amount = event.amount.map(|amount| json!({ "value": amount.minor().to_string(), "currency": amount.currency().code() }));
    let data: Map<_, _> = texts.chain(amount.map(|amount| ("amount".to_owned(), amount))).collect();
    json!({
        "cursor": cursor.to_string(),
        "at": at.to_rfc3339_opts(SecondsFormat::Micros, true),
        "type": event.event_type.as_str(),
        "paymentRequestId": payment_request_id.as_str(),
        "data": data,
    })
}

/// Has cursors of before refused.
pub(crate) fn begin_generation(settings: &Settings) -> Result<(), CliError> {
    let generation = wiring::begin_feed_generation(settings)?;
    print_line(format_args!(
        "the feed is of generation {generation} from now on: readers with a cursor of before are told to read from the beginning"
    ))
}
