//! A wallet core that follows a script, one act a request, or answers by what it receives. It remembers its requests.

use std::collections::VecDeque;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Barrier, Mutex};
use std::thread;

use rustls::{ServerConfig, ServerConnection, StreamOwned};

/// What it does about one request.
#[derive(Clone)]
pub(crate) enum Act {
    /// Says this and keeps the connection.
    Say(String),
    /// Says this and closes the connection.
    SayAndClose(String),
    /// Says this, and then nothing until the caller leaves.
    SayAndWait(String),
    /// Says this once somebody else has come to the barrier for the second time, and keeps the connection.
    SayTogether(String, Arc<Barrier>),
    /// Says this again and again until the caller leaves.
    SayForEver(String),
    /// Closes the connection without having read.
    CloseUnread,
}

/// One request as it came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ReceivedRequest {
    /// Which connection it came over, counted from 1.
    pub(crate) connection: usize,
    /// Everything up to the empty line.
    pub(crate) head: String,
    pub(crate) body: String,
}

impl ReceivedRequest {
    pub(crate) fn line(&self) -> &str {
        self.head.lines().next().unwrap()
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let named = |line: &'_ &str| line.split(':').next().unwrap().eq_ignore_ascii_case(name);
        self.head.lines().skip(1).find(named).map(|line| line.split_once(':').unwrap().1.trim())
    }
}

/// What to do about a request, where no script says it.
pub(crate) type Respond = Box<dyn Fn(&ReceivedRequest) -> Act + Send>;

#[derive(Default)]
struct Played {
    script: VecDeque<Act>,
    respond: Option<Respond>,
    received: Vec<ReceivedRequest>,
    connections: usize,
}

pub(crate) struct Server {
    pub(crate) port: u16,
    played: Arc<Mutex<Played>>,
}

impl Server {
    pub(crate) fn start(script: impl IntoIterator<Item = Act>) -> Self {
        Self::start_with(script, None)
    }

    /// Speaks TLS where there is a configuration for it.
    pub(crate) fn start_with(script: impl IntoIterator<Item = Act>, tls: Option<Arc<ServerConfig>>) -> Self {
        Self::play(Played { script: script.into_iter().collect(), ..Played::default() }, tls)
    }

    /// Answers every request by what it is.
    pub(crate) fn responding(respond: Respond) -> Self {
        Self::play(Played { respond: Some(respond), ..Played::default() }, None)
    }

    fn play(played: Played, tls: Option<Arc<ServerConfig>>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let played = Arc::new(Mutex::new(played));
        let of_thread = Arc::clone(&played);
        thread::spawn(move || {
            for stream in listener.incoming() {
                let (played, tls) = (Arc::clone(&of_thread), tls.clone());
                thread::spawn(move || receive(stream.unwrap(), &played, tls));
            }
        });
        Self { port, played }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://127.0.0.1:{}/core", self.port)
    }

    pub(crate) fn received(&self) -> Vec<ReceivedRequest> {
        self.played.lock().unwrap().received.clone()
    }
}

fn receive(stream: TcpStream, played: &Mutex<Played>, tls: Option<Arc<ServerConfig>>) {
    let connection = {
        let mut played = played.lock().unwrap();
        played.connections += 1;
        if matches!(played.script.front(), Some(Act::CloseUnread)) {
            played.script.pop_front();
            return;
        }
        played.connections
    };
    match tls {
        Some(tls) => converse(StreamOwned::new(ServerConnection::new(tls).unwrap(), stream), played, connection),
        None => converse(stream, played, connection),
    }
}

fn converse(mut stream: impl Read + Write, played: &Mutex<Played>, connection: usize) {
    while let Some((head, body)) = request(&mut stream) {
        let act = {
            let mut played = played.lock().unwrap();
            let received = ReceivedRequest { connection, head, body };
            let act = played.respond.as_ref().map(|respond| respond(&received));
            played.received.push(received);
            act.or_else(|| played.script.pop_front())
        };
        // Without an act left, the request is remembered, and the connection closed.
        match act {
            Some(Act::Say(text)) => {
                let _ = say(&mut stream, &text);
                continue;
            }
            Some(Act::SayTogether(text, barrier)) => {
                barrier.wait();
                barrier.wait();
                let _ = say(&mut stream, &text);
                continue;
            }
            Some(Act::SayAndClose(text)) => drop(say(&mut stream, &text)),
            Some(Act::SayAndWait(text)) => {
                let _ = say(&mut stream, &text);
                while matches!(stream.read(&mut [0; 64]), Ok(1..)) {}
            }
            Some(Act::SayForEver(text)) => while say(&mut stream, &text).is_ok() {},
            Some(Act::CloseUnread) | None => {}
        }
        return;
    }
}

fn say(stream: &mut impl Write, text: &str) -> std::io::Result<()> {
    stream.write_all(text.as_bytes())?;
    stream.flush()
}

fn request(stream: &mut impl Read) -> Option<(String, String)> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        stream.read_exact(&mut byte).ok()?;
        head.extend(byte);
    }
    let head = String::from_utf8(head).unwrap();
    let length = |line: &str| line.to_ascii_lowercase().strip_prefix("content-length:")?.trim().parse::<usize>().ok();
    let mut body = vec![0; head.lines().find_map(length).unwrap_or(0)];
    stream.read_exact(&mut body).ok()?;
    Some((head, String::from_utf8(body).unwrap()))
}

/// An HTTP answer with a body.
pub(crate) fn answer(status: u16, body: &str) -> String {
    format!("HTTP/1.1 {status} Said\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}", body.len())
}
