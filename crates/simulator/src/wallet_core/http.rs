//! HTTP/1.1 as a server, with nothing between a request and its connection, so that an answer can be late, half or none.

use std::io::{self, ErrorKind};

use httparse::{EMPTY_HEADER, Status};
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

const MOST_HEADERS: usize = 64;
/// How long a head, and how long a body may be.
const LARGEST: usize = 64 * 1024;

/// A connection that requests come from.
pub(super) struct Connection {
    stream: TcpStream,
    received: Vec<u8>,
}

/// A request, as far as it is looked at.
#[derive(Debug)]
pub(super) struct Received {
    pub(super) method: String,
    /// The path, without its query.
    pub(super) path: String,
    pub(super) query: String,
    /// The `Authorization` header.
    pub(super) authorization: Option<String>,
    pub(super) body: Vec<u8>,
}

impl Connection {
    pub(super) fn new(stream: TcpStream) -> Self {
        Self { stream, received: Vec::new() }
    }

    /// Waits for the next request; nothing where the caller has closed the connection between two of them.
    ///
    /// # Errors
    /// Where the connection breaks, or what comes is no request of HTTP/1.1 with a length.
    pub(super) async fn receive(&mut self) -> io::Result<Option<Received>> {
        loop {
            if let Some(request) = self.take()? {
                return Ok(Some(request));
            }
            if self.stream.read_buf(&mut self.received).await? == 0 {
                let between = self.received.is_empty();
                return if between { Ok(None) } else { Err(ErrorKind::UnexpectedEof.into()) };
            }
        }
    }

    /// Sends an answer in one piece.
    pub(super) async fn answer(&mut self, status: u16, body: &Value) -> io::Result<()> {
        let body = body.to_string();
        let head = format!("HTTP/1.1 {status} -\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n", body.len());
        self.stream.write_all(&[head.as_bytes(), body.as_bytes()].concat()).await
    }

    fn take(&mut self) -> io::Result<Option<Received>> {
        let malformed = |why: &str| io::Error::new(ErrorKind::InvalidData, why.to_owned());
        let mut headers = [EMPTY_HEADER; MOST_HEADERS];
        let mut request = httparse::Request::new(&mut headers);
        let head = match request.parse(&self.received).map_err(|error| malformed(&error.to_string()))? {
            Status::Complete(head) => head,
            Status::Partial if self.received.len() > LARGEST => return Err(malformed("the head is too long")),
            Status::Partial => return Ok(None),
        };
        let header = |name: &str| {
            let found = request.headers.iter().find(|header| header.name.eq_ignore_ascii_case(name));
            found.and_then(|header| std::str::from_utf8(header.value).ok()).map(str::to_owned)
        };
        if header("transfer-encoding").is_some() {
            return Err(malformed("a body needs a Content-Length"));
        }
        let length: usize =
            header("content-length").map_or(Ok(0), |length| length.parse().map_err(|_| malformed("no length")))?;
        if length > LARGEST {
            return Err(malformed("the body is too long"));
        }
        if self.received.len() < head + length {
            return Ok(None);
        }
        let (method, target) = (request.method.unwrap_or_default().to_owned(), request.path.unwrap_or_default());
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let (path, query) = (path.to_owned(), query.to_owned());
        let authorization = header("authorization");
        let body = self.received.drain(..head + length).skip(head).collect();
        Ok(Some(Received { method, path, query, authorization, body }))
    }
}
