//! HTTP/1.1 as the core speaks it: one request after another on a connection, and answers that may break off.

use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

pub(super) struct Request {
    pub(super) method: String,
    pub(super) collection: String,
    pub(super) id: String,
    pub(super) body: Value,
}

impl Request {
    /// `None` where there is no whole request any more.
    pub(super) async fn read(stream: &mut TcpStream) -> Option<Self> {
        let mut bytes = Vec::new();
        let head = loop {
            if let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") {
                break end;
            }
            stream.read_buf(&mut bytes).await.ok().filter(|read| *read > 0)?;
        };
        let text = String::from_utf8(bytes[..head].to_vec()).ok()?.to_ascii_lowercase();
        let length = text
            .lines()
            .find_map(|line| line.strip_prefix("content-length:"))
            .map_or(Some(0), |value| value.trim().parse().ok())?;
        while bytes.len() < head + 4 + length {
            stream.read_buf(&mut bytes).await.ok().filter(|read| *read > 0)?;
        }
        let line = String::from_utf8_lossy(&bytes[..head]).lines().next()?.to_owned();
        let (method, rest) = line.split_once(' ')?;
        let mut path = rest.split(' ').next()?.trim_start_matches("/core/").split('/').map(ToOwned::to_owned);
        let body = serde_json::from_slice(&bytes[head + 4..]).unwrap_or_default();
        Some(Self { method: method.to_owned(), collection: path.next()?, id: path.next()?, body })
    }
}

#[derive(Clone)]
pub(super) enum HttpReply {
    Whole(u16, Value),
    /// The answer's head and half of its body.
    Half(u16, Value),
    Closed,
}

impl HttpReply {
    /// Whether the connection can be used again.
    pub(super) async fn write(self, stream: &mut TcpStream) -> bool {
        let (status, body, whole) = match self {
            Self::Whole(status, body) => (status, body.to_string(), true),
            Self::Half(status, body) => (status, body.to_string(), false),
            Self::Closed => return false,
        };
        let length = body.len();
        let sent = if whole { &body[..] } else { &body[..length / 2] };
        let answer = format!("HTTP/1.1 {status} -\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\r\n{sent}");
        stream.write_all(answer.as_bytes()).await.is_ok() && whole
    }
}
