//! HTTP/1.1 as bytes on a socket.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};

/// How long an answer may take before a test gives up; far beyond what it takes.
const PATIENCE: Duration = Duration::from_secs(60);

/// A connection that is kept for as long as the server keeps it.
pub(crate) struct Connection {
    to: SocketAddr,
    from: IpAddr,
    open: Option<TcpStream>,
    unread: Vec<u8>,
}

/// What came back.
#[derive(Debug, Clone)]
pub(crate) struct Response {
    pub(crate) status: u16,
    headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Connection {
    /// To a server on the loopback interface.
    pub(crate) fn to(to: SocketAddr) -> Self {
        Self { to, from: Ipv4Addr::LOCALHOST.into(), open: None, unread: Vec::new() }
    }

    /// Comes from another address of the loopback interface, 127.0.0.2 to 127.0.0.249.
    pub(crate) fn with_peer(mut self, number: usize) -> Self {
        let last = u8::try_from(2 + number % 248).unwrap();
        self.from = Ipv4Addr::new(127, 0, 0, last).into();
        self
    }

    /// Sends a request whose end is where it says, and returns its one answer.
    pub(crate) async fn ask(&mut self, request: &[u8]) -> Response {
        self.ask_within_patience(request).await.unwrap_or_else(|what| panic!("{what}: {}", request.escape_ascii()))
    }

    /// As [`ask`](Self::ask); `Err` says what came instead.
    pub(crate) async fn ask_within_patience(&mut self, request: &[u8]) -> Result<Response, String> {
        let answered = tokio::time::timeout(PATIENCE, self.one_answer(request));
        answered.await.unwrap_or_else(|_| Err("no answer came".to_owned()))
    }

    async fn one_answer(&mut self, request: &[u8]) -> Result<Response, String> {
        let mut stream = match self.open.take() {
            Some(stream) => stream,
            None => self.connect().await?,
        };
        // Where the head alone is refused, the server may close before it has read the rest.
        let _ = stream.write_all(request).await;
        let without_body = request.starts_with(b"HEAD ");
        loop {
            if let Some((response, used)) = Response::read(&self.unread, without_body)? {
                self.unread.drain(..used);
                if (100..200).contains(&response.status) {
                    continue;
                }
                if response.header("connection") != Some("close") {
                    self.open = Some(stream);
                } else {
                    self.unread.clear();
                }
                return Ok(response);
            }
            match stream.read_buf(&mut self.unread).await {
                Ok(0) => return Err("the server closed without an answer".to_owned()),
                Ok(_) => {}
                Err(error) => return Err(format!("the connection broke: {error}")),
            }
        }
    }

    /// Sends anything at all on a connection of its own, says that nothing more comes, and returns all that came back.
    pub(crate) async fn throw(&mut self, bytes: &[u8]) -> Result<Vec<Response>, String> {
        self.open = None;
        self.unread.clear();
        let mut stream = self.connect().await?;
        let all = async {
            let _ = stream.write_all(bytes).await;
            let _ = stream.shutdown().await;
            let mut back = Vec::new();
            // A server that closes before it has read everything resets the connection; what it said came before.
            while stream.read_buf(&mut back).await.is_ok_and(|read| read > 0) {}
            back
        };
        let back = tokio::time::timeout(PATIENCE, all).await.map_err(|_| "the connection was never closed".to_owned())?;
        Response::all(&back, bytes.windows(5).any(|word| word == b"HEAD "))
    }

    async fn connect(&mut self) -> Result<TcpStream, String> {
        self.unread.clear();
        let socket = TcpSocket::new_v4().unwrap();
        socket.bind(SocketAddr::new(self.from, 0)).unwrap();
        let stream = socket.connect(self.to).await.map_err(|error| format!("no connection: {error}"))?;
        stream.set_nodelay(true).unwrap();
        Ok(stream)
    }
}

impl Response {
    /// A header by its name in lower case.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// The body as JSON; null where it is none.
    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }

    /// Status and code of the result, such as `F PARAM_ILLEGAL`, else the HTTP status.
    pub(crate) fn brief(&self) -> String {
        let answer = self.json();
        let part = |name: &str| answer["result"][name].as_str().unwrap_or("?");
        if self.status == 200 { format!("{} {}", part("resultStatus"), part("resultCode")) } else { self.status.to_string() }
    }

    /// All answers in a row. Where the server may have taken a request for HEAD, an answer may come without its body.
    fn all(mut bytes: &[u8], perhaps_without_body: bool) -> Result<Vec<Self>, String> {
        let mut responses = Vec::new();
        while !bytes.is_empty() {
            let read = match Self::read(bytes, false)? {
                None if perhaps_without_body => Self::read(bytes, true)?,
                read => read,
            };
            let (response, used) = read.ok_or("an answer broke off")?;
            bytes = &bytes[used..];
            responses.push(response);
        }
        Ok(responses)
    }

    /// The first answer and its length; `None` where it is not complete.
    fn read(bytes: &[u8], without_body: bool) -> Result<Option<(Self, usize)>, String> {
        let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") else { return Ok(None) };
        let head = std::str::from_utf8(&bytes[..end]).map_err(|_| "a head that is no text")?;
        let mut lines = head.split("\r\n");
        let status = lines.next().and_then(|line| line.strip_prefix("HTTP/1.")?.get(2..5)?.parse().ok());
        let status = status.ok_or_else(|| format!("no status line: {head}"))?;
        let headers: Option<Vec<_>> =
            lines.map(|line| line.split_once(": ").map(|(name, value)| (name.to_owned(), value.to_owned()))).collect();
        let headers = headers.ok_or_else(|| format!("a line that is no header: {head}"))?;
        if let Some((name, _)) = headers.iter().find(|(name, _)| *name != name.to_lowercase()) {
            return Err(format!("{name} is not in lower case, as some clients need it"));
        }
        let mut response = Self { status, headers, body: Vec::new() };
        let length = response.header("content-length").map_or(Ok(0), str::parse::<usize>).map_err(|_| "no length")?;
        let (from, length) = (end + 4, if without_body { 0 } else { length });
        let Some(body) = bytes.get(from..from + length) else { return Ok(None) };
        response.body = body.to_vec();
        Ok(Some((response, from + length)))
    }
}
