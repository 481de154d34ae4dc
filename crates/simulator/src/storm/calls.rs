//! Calls on kept connections, repeated for as long as it takes.

use std::sync::OnceLock;
use std::time::Duration;

use serde_json::Value;
use tokio::time::Instant;

use crate::alipayplus::TIMEOUT;
use crate::output::CommandError;
use crate::wire::{Connection, Dialer, Request, Response, Target};

/// How long to wait before a call is repeated that was not answered.
const REPEAT_AFTER: Duration = Duration::from_millis(100);
/// For how long a connection that nobody uses is kept: shorter than any proxy keeps it, which may close it at the moment of the next
/// call, and then that call would seem to be without an answer.
const KEEP_IDLE: Duration = Duration::from_secs(5);

/// The moment at which whatever is not answered is given up. It may be set while calls are repeated.
#[derive(Debug, Default)]
pub(super) struct End(OnceLock<Instant>);

impl End {
    pub(super) fn after(wait: Duration) -> Self {
        Self(OnceLock::from(Instant::now() + wait))
    }

    /// Sets it, unless it is set already.
    pub(super) fn set_after(&self, wait: Duration) {
        self.0.get_or_init(|| Instant::now() + wait);
    }

    /// Whether it comes before so much time has passed.
    pub(super) fn comes_within(&self, wait: Duration) -> bool {
        self.0.get().is_some_and(|end| Instant::now() + wait >= *end)
    }
}

/// One caller of one host, which makes one call at a time.
pub(super) struct Caller {
    dialer: Dialer,
    /// With the moment of its last answer.
    kept: Option<(Connection, Instant)>,
}

impl Caller {
    pub(super) fn new(dialer: Dialer) -> Self {
        Self { dialer, kept: None }
    }

    /// Sends a request once and waits as long as Alipay+ would.
    ///
    /// # Errors
    /// Why there was no answer; the next call begins with a new connection then.
    pub(super) async fn exchange(&mut self, request: &Request) -> Result<Response, String> {
        self.exchange_within(request, TIMEOUT).await
    }

    /// The same, waiting for so long.
    pub(super) async fn exchange_within(&mut self, request: &Request, patience: Duration) -> Result<Response, String> {
        let exchange = async {
            let mut connection = match self.kept.take() {
                Some((connection, used)) if used.elapsed() < KEEP_IDLE => connection,
                _ => self.dialer.connect().await?,
            };
            connection.send(&request.bytes()).await?;
            let response = connection.receive().await?;
            let closes = response.header("connection").is_some_and(|value| value.eq_ignore_ascii_case("close"));
            Ok::<_, std::io::Error>((response, (!closes).then_some((connection, Instant::now()))))
        };
        let answered = tokio::time::timeout(patience, exchange).await.map_err(|_| "too slow".to_owned())?;
        let (response, kept) = answered.map_err(|error| error.to_string())?;
        self.kept = kept;
        Ok(response)
    }
}

/// A JSON API that wants a bearer token, or none where that is empty.
pub(super) struct Api {
    caller: Caller,
    target: Target,
    token: String,
}

impl Api {
    pub(super) fn new(url: &str, token: &str) -> Result<Self, CommandError> {
        let target = Target::parse(url)?;
        Ok(Self { caller: Caller::new(Dialer::new(target.clone(), None)?), target, token: token.to_owned() })
    }

    /// Calls until there is an answer that says something: everything but 5xx and silence.
    ///
    /// # Errors
    /// Why there was no answer until `end`.
    pub(super) async fn ask(
        &mut self,
        (method, path): (&str, &str),
        body: Option<&Value>,
        end: &End,
    ) -> Result<(u16, Value), String> {
        let place = format!("{}{path}", self.target.uri.trim_end_matches('/'));
        let content = body.map(Value::to_string).unwrap_or_default();
        let request = Request::new(method, &place, &self.target.authority, content);
        let request = request.with("Content-Type", "application/json");
        let request = match self.token.as_str() {
            "" => request,
            token => request.with("Authorization", &format!("Bearer {token}")),
        };
        loop {
            let why = match self.caller.exchange(&request).await {
                Ok(response) if response.status < 500 => {
                    return Ok((response.status, serde_json::from_slice(&response.body).unwrap_or_default()));
                }
                Ok(response) => format!("HTTP {}", response.status),
                Err(why) => why,
            };
            if end.comes_within(REPEAT_AFTER) {
                return Err(format!("{method} {path} was not answered to the end: {why}"));
            }
            tokio::time::sleep(REPEAT_AFTER).await;
        }
    }
}
