//! One who is called over HTTP with JSON and a bearer token.

use std::path::Path;
use std::time::{Duration, Instant};

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::Value;
use tokio::time::{sleep, timeout};

use crate::alipayplus::TIMEOUT;
use crate::output::{CommandError, read};
use crate::wire::{Dialer, Request, Response, Target};

/// For how long a call is repeated that is answered "not now" or not at all, and after how long.
const REPEAT_FOR: Duration = Duration::from_secs(30);
const REPEAT_AFTER: Duration = Duration::from_millis(250);

/// A service with its token.
pub(crate) struct Peer {
    dialer: Dialer,
    token: Option<String>,
}

impl Peer {
    /// Reads the address and the certificates; nothing is sent yet.
    pub(crate) fn new(url: &str, token: Option<String>, authorities: Option<&Path>) -> Result<Self, CommandError> {
        Ok(Self { dialer: Dialer::new(Target::parse(url)?, authorities)?, token })
    }

    /// A request of this service: `path` comes after the path of its address.
    pub(crate) fn request(&self, method: &str, path: &str, body: Option<&Value>) -> Request {
        let target = self.dialer.target();
        let place = format!("{}{path}", target.uri.trim_end_matches('/'));
        let body = body.map(Value::to_string).unwrap_or_default();
        let request = Request::new(method, &place, &target.authority, body).with("Content-Type", "application/json");
        match &self.token {
            Some(token) => request.with("Authorization", &format!("Bearer {token}")),
            None => request,
        }
    }

    /// Sends a request once, on a connection of its own.
    ///
    /// # Errors
    /// Why there was no answer within `patience`.
    pub(crate) async fn exchange(&self, request: &Request, patience: Duration) -> Result<Response, String> {
        let exchange = async {
            let mut connection = self.dialer.connect().await?;
            connection.send(&request.bytes()).await?;
            connection.receive().await
        };
        let answered = timeout(patience, exchange).await.map_err(|_| format!("no answer within {} s", patience.as_secs()))?;
        answered.map_err(|error| error.to_string())
    }

    /// Sends a request and hangs up without waiting for an answer.
    pub(crate) async fn send_and_hang_up(&self, request: &Request) -> Result<(), String> {
        let sent = async {
            let mut connection = self.dialer.connect().await?;
            connection.send(&request.bytes()).await
        };
        sent.await.map_err(|error| error.to_string())
    }

    /// Calls until the answer is another one than "not now" or silence.
    ///
    /// # Errors
    /// Why there was none.
    pub(crate) async fn call(&self, method: &str, path: &str, body: Option<&Value>) -> Result<(u16, Vec<u8>), String> {
        let response = self.ask(&self.request(method, path, body)).await?;
        Ok((response.status, response.body))
    }

    /// Sends a request until the answer is another one than "not now" or silence.
    ///
    /// # Errors
    /// Why there was none.
    pub(crate) async fn ask(&self, request: &Request) -> Result<Response, String> {
        let begun = Instant::now();
        loop {
            let why = match self.exchange(request, TIMEOUT).await {
                Ok(response) if response.status != 503 => return Ok(response),
                Ok(_) => "HTTP 503".to_owned(),
                Err(why) => why,
            };
            if begun.elapsed() >= REPEAT_FOR {
                let (method, target, seconds) = (&request.method, &request.target, REPEAT_FOR.as_secs());
                return Err(format!("{method} {target} was not answered for {seconds} s: {why}"));
            }
            sleep(REPEAT_AFTER).await;
        }
    }
}

/// The first token of the role `pay` in a file with lines of NAME ROLE TOKEN.
pub(crate) fn pay_token(file: &Path) -> Result<String, CommandError> {
    let text = String::from_utf8_lossy(&read(file)?).into_owned();
    let with_role_pay = |line: &str| match line.split_whitespace().collect::<Vec<_>>()[..] {
        [_, "pay", token] => Some(token.to_owned()),
        _ => None,
    };
    let token = text.lines().find_map(with_role_pay);
    token.ok_or_else(|| CommandError::new(format!("{} has no line NAME pay TOKEN", file.display())))
}

/// The token that is all of a file.
pub(crate) fn only_token(file: Option<&Path>) -> Result<Option<String>, CommandError> {
    let token = file.map(read).transpose()?;
    Ok(token.map(|token| String::from_utf8_lossy(&token).trim().to_owned()))
}

/// A text as one segment of a path.
pub(crate) fn segment(text: &str) -> String {
    utf8_percent_encode(text, NON_ALPHANUMERIC).to_string()
}
