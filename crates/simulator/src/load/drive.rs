//! Sends requests over connections that are kept, and takes their answers: one thread, which neither waits for one connection while
//! another is ready nor makes more calls of the system than one to send and one to receive.

use std::collections::VecDeque;
use std::io::{self, ErrorKind, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, ToSocketAddrs};
use std::time::{Duration, Instant};

use mio::event::Event;
use mio::net::TcpStream;
use mio::{Events, Interest, Poll, Token};
use socket2::{Domain, Socket, Type};

use super::pace::{Pace, Schedule};
use super::requests::Requests;
use super::tally::{Kind, NO_ANSWER, Tally};
use crate::alipayplus::TIMEOUT;
use crate::output::CommandError;
use crate::wire::Target;

/// How long opening a connection may take.
const CONNECT_WITHIN: Duration = Duration::from_secs(5);
/// How many connections come from one address.
const PER_SOURCE: usize = 20_000;
/// How often calls are looked for that have waited too long.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// What is sent where, and how.
pub(super) struct Drive<'a> {
    pub(super) address: SocketAddr,
    pub(super) requests: &'a Requests,
    pub(super) connections: usize,
    pub(super) pace: Pace,
    /// Nothing is sent any more after this time.
    pub(super) stop_after: Duration,
}

/// Where a connection to this machine itself comes from, if it matters: to one place an address has ports for some 28,000.
fn source(to: SocketAddr, number: usize) -> Option<Ipv4Addr> {
    let more = u8::try_from(number / PER_SOURCE).ok().filter(|more| *more > 0 && to.is_ipv4() && to.ip().is_loopback())?;
    Some(Ipv4Addr::new(127, 0, 0, 1 + more.min(250)))
}

/// How long this thread has run on a processor; nothing where the system does not tell.
fn processor_time() -> Duration {
    let told = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    Duration::from_nanos(told.split(' ').next().and_then(|nanoseconds| nanoseconds.parse().ok()).unwrap_or_default())
}

/// Where a target is. Only plain HTTP: encrypting would be measured here too.
///
/// # Errors
/// For HTTPS, and for a name that leads nowhere.
pub(super) fn address_of(target: &Target) -> Result<SocketAddr, CommandError> {
    if target.tls {
        return Err(CommandError::new("load speaks plain HTTP only: name the http:// address behind what ends TLS"));
    }
    let found = (target.host.as_str(), target.port).to_socket_addrs().ok().and_then(|mut addresses| addresses.next());
    found.ok_or_else(|| CommandError::new(format!("the host {:?} has no address", target.host)))
}

/// Reads answers.
pub(super) trait Reader {
    /// Takes the first whole answer off `received` and names what it is; `None` where more bytes are needed.
    ///
    /// # Errors
    /// Why it is no answer; the connection is of no more use.
    fn read(&mut self, index: usize, received: &mut Vec<u8>, tally: &mut Tally) -> Result<Option<Kind>, String>;
}

/// One connection, with the request that it waits for.
struct Line {
    stream: TcpStream,
    received: Vec<u8>,
    asked: Option<Asked>,
}

#[derive(Clone, Copy)]
struct Asked {
    index: usize,
    due: Instant,
    sent: Instant,
    /// How many of its bytes the kernel has taken.
    taken: usize,
}

/// A run that is going on.
struct Run<'a, R> {
    drive: &'a Drive<'a>,
    reader: R,
    poll: Poll,
    lines: Vec<Line>,
    free: VecDeque<usize>,
    schedule: Schedule,
    begun: Instant,
    next: usize,
    tally: Tally,
}

impl Drive<'_> {
    /// Sends requests until there are no more or the time is over, and waits for the last answers. `seen` hears now and then how
    /// many have been sent.
    ///
    /// # Errors
    /// Where the wallet cannot be reached at all.
    pub(super) fn run(&self, reader: impl Reader, seen: impl Fn(usize)) -> Result<Tally, CommandError> {
        let broken = |error: io::Error| CommandError::new(format!("{} cannot be reached: {error}", self.address));
        let poll = Poll::new().map_err(broken)?;
        let lines = (0..self.connections).map(|number| self.open(&poll, number)).collect::<io::Result<Vec<_>>>();
        let lines = lines.map_err(broken)?;
        let begun = Instant::now();
        let schedule = Schedule::begin(self.pace, begun);
        let (free, tally) = ((0..lines.len()).collect(), Tally::new(self.requests.len())?);
        let mut run = Run { drive: self, reader, poll, lines, free, schedule, begun, next: 0, tally };
        let used_before = processor_time();
        run.send_all(seen).map_err(broken)?;
        run.tally.processor = processor_time().saturating_sub(used_before);
        Ok(run.tally)
    }

    fn open(&self, poll: &Poll, number: usize) -> io::Result<Line> {
        let socket = Socket::new(Domain::for_address(self.address), Type::STREAM, None)?;
        if let Some(source) = source(self.address, number) {
            socket.bind(&SocketAddr::from((source, 0)).into())?;
        }
        socket.connect_timeout(&self.address.into(), CONNECT_WITHIN)?;
        socket.set_tcp_nodelay(true)?;
        socket.set_nonblocking(true)?;
        let mut stream = TcpStream::from_std(socket.into());
        poll.registry().register(&mut stream, Token(number), Interest::READABLE | Interest::WRITABLE)?;
        Ok(Line { stream, received: Vec::new(), asked: None })
    }
}

impl<R: Reader> Run<'_, R> {
    fn send_all(&mut self, seen: impl Fn(usize)) -> io::Result<()> {
        let mut events = Events::with_capacity(1024);
        let mut looked = self.begun;
        loop {
            let now = Instant::now();
            let sending = self.is_sending(now);
            if sending {
                self.send_due(now);
                self.tally.sending = now - self.begun;
            } else if self.free.len() == self.lines.len() {
                return Ok(());
            }
            if now - looked >= LOOK_EVERY {
                looked = now;
                self.give_up(now);
                seen(self.next);
            }
            self.poll.poll(&mut events, Some(self.pause(now)))?;
            for event in &events {
                self.attend(event, sending);
            }
        }
    }

    fn is_sending(&self, now: Instant) -> bool {
        self.next < self.drive.requests.len() && now - self.begun < self.drive.stop_after
    }

    /// How long nothing has to be done unless an answer comes.
    fn pause(&self, now: Instant) -> Duration {
        let next = if self.is_sending(now) && !self.free.is_empty() { self.schedule.due(self.next) } else { None };
        next.map_or(LOOK_EVERY, |due| due.saturating_duration_since(now)).min(LOOK_EVERY)
    }

    fn send_due(&mut self, now: Instant) {
        while self.next < self.drive.requests.len() {
            let due = self.schedule.due(self.next).unwrap_or(now);
            if due > now {
                return;
            }
            let Some(number) = self.free.pop_front() else { return };
            let Some(line) = self.lines.get_mut(number) else { return };
            line.asked = Some(Asked { index: self.next, due, sent: Instant::now(), taken: 0 });
            self.next += 1;
            if line.send(self.drive.requests).is_err() {
                self.end(number, NO_ANSWER);
                self.reopen(number);
            }
        }
    }

    /// Looks after a connection of which the kernel has told something.
    fn attend(&mut self, event: &Event, sending: bool) {
        let number = event.token().0;
        let Some(line) = self.lines.get_mut(number) else { return };
        let received = line.send(self.drive.requests).and_then(|()| line.receive(event.is_read_closed()));
        let Some(Asked { index, due, sent, .. }) = line.asked else {
            if !matches!(received, Ok(true)) {
                self.reopen(number);
            }
            return;
        };
        match self.reader.read(index, &mut line.received, &mut self.tally) {
            Ok(Some(kind)) => {
                let now = Instant::now();
                self.tally.took(now - due, now - sent);
                self.tally.answered_while_sending += u64::from(sending);
                self.end(number, kind);
            }
            Ok(None) if matches!(received, Ok(true)) => return,
            Ok(None) | Err(_) => {
                self.end(number, NO_ANSWER);
                self.reopen(number);
                return;
            }
        }
        if !matches!(received, Ok(true)) {
            self.reopen(number);
        }
    }

    fn end(&mut self, number: usize, kind: Kind) {
        if let Some(asked) = self.lines.get_mut(number).and_then(|line| line.asked.take()) {
            self.tally.ended(asked.index, kind);
            self.free.push_back(number);
        }
    }

    /// Drops calls that have waited for longer than Alipay+ would.
    fn give_up(&mut self, now: Instant) {
        for number in 0..self.lines.len() {
            let asked = self.lines.get(number).and_then(|line| line.asked);
            if asked.is_some_and(|asked| now.saturating_duration_since(asked.sent) > TIMEOUT) {
                self.end(number, NO_ANSWER);
                self.reopen(number);
            }
        }
    }

    /// Puts a new connection in the place of one that is of no more use. Where that fails, the next request meets the old one's end.
    fn reopen(&mut self, number: usize) {
        if let (Ok(fresh), Some(line)) = (self.drive.open(&self.poll, number), self.lines.get_mut(number)) {
            *line = fresh;
        }
    }
}

impl Line {
    /// Sends as much of the request as the kernel takes.
    fn send(&mut self, requests: &Requests) -> io::Result<()> {
        let Some(asked) = &mut self.asked else { return Ok(()) };
        while let Some(rest) = requests.get(asked.index).get(asked.taken..).filter(|rest| !rest.is_empty()) {
            match self.stream.write(rest) {
                Ok(taken) => asked.taken += taken,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Receives what there is; returns whether the connection is still open.
    fn receive(&mut self, until_closed: bool) -> io::Result<bool> {
        let mut piece = [0; 4096];
        loop {
            match self.stream.read(&mut piece) {
                Ok(0) => return Ok(false),
                Ok(length) => {
                    self.received.extend_from_slice(piece.get(..length).unwrap_or_default());
                    // A piece that is not full was the last one, unless the connection's end is behind it.
                    if length < piece.len() && !until_closed {
                        return Ok(true);
                    }
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(true),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::{BufRead, BufReader};
    use std::net::TcpListener;

    use super::*;

    /// Lines instead of HTTP: the answer to a line is the same line.
    struct Lines;

    impl Reader for Lines {
        fn read(&mut self, index: usize, received: &mut Vec<u8>, tally: &mut Tally) -> Result<Option<Kind>, String> {
            if !received.ends_with(b"\n") {
                return Ok(None);
            }
            let line = String::from_utf8(std::mem::take(received)).map_err(|error| error.to_string())?;
            if line == format!("{index}\n") { Ok(Some(tally.kind("echo"))) } else { Err(line) }
        }
    }

    /// Echoes lines in two pieces; a connection on which a line is asked that `drops` names ends without an answer.
    fn echo(drops: fn(usize) -> bool) -> SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                std::thread::spawn(move || {
                    for line in BufReader::new(&stream).lines().map_while(Result::ok) {
                        if drops(line.parse().unwrap()) {
                            return;
                        }
                        (&stream).write_all(line.as_bytes()).unwrap();
                        (&stream).write_all(b"\n").unwrap();
                    }
                });
            }
        });
        address
    }

    fn drive(address: SocketAddr, requests: usize, pace: Pace) -> Tally {
        let requests = Requests::make(requests, |index| Ok(format!("{index}\n").into_bytes()), || {}).unwrap();
        let drive = Drive { address, requests: &requests, connections: 7, pace, stop_after: Duration::MAX };
        drive.run(Lines, |_| {}).unwrap()
    }

    #[test]
    fn every_request_is_answered_once_at_either_pace() {
        for pace in [Pace::AsFastAsItGoes, Pace::PerSecond(20_000.0)] {
            let tally = drive(echo(|_| false), 1000, pace);
            assert!((0..1000).all(|index| tally.of(index) == "echo"), "{pace:?}");
            assert_eq!((tally.count("echo"), tally.rate() > 0.0), (1000, true));
        }
    }

    #[test]
    fn a_connection_that_ends_costs_one_answer_and_is_replaced() {
        let tally = drive(echo(|index| index % 100 == 50), 1000, Pace::AsFastAsItGoes);
        let unanswered: Vec<_> = (0..1000).filter(|index| tally.of(*index) == "no answer").collect();
        assert_eq!(unanswered, Vec::from_iter((50..1000).step_by(100)));
        assert_eq!(tally.count("echo"), 990);
    }

    #[test]
    fn nothing_is_sent_after_the_time_is_over() {
        let requests = Requests::make(10, |_| Ok(b"0\n".to_vec()), || {}).unwrap();
        let (address, pace) = (echo(|_| false), Pace::AsFastAsItGoes);
        let drive = Drive { address, requests: &requests, connections: 1, pace, stop_after: Duration::ZERO };
        let tally = drive.run(Lines, |_| {}).unwrap();
        assert_eq!((tally.count("echo"), tally.of(9)), (0, "not sent"));
    }

    #[test]
    fn connections_beyond_the_ports_of_one_address_come_from_others() {
        let here = "127.0.0.1:80".parse().unwrap();
        let sources: Vec<_> = [0, 19_999, 20_000, 59_999].iter().map(|number| source(here, *number)).collect();
        assert_eq!(sources, [None, None, Some(Ipv4Addr::new(127, 0, 0, 2)), Some(Ipv4Addr::new(127, 0, 0, 3))]);
        assert_eq!((source("[::1]:80".parse().unwrap(), 20_000), source("10.0.0.1:80".parse().unwrap(), 20_000)), (None, None));
    }

    #[test]
    fn where_nobody_listens_that_is_said() {
        let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let requests = Requests::make(1, |_| Ok(vec![0]), || {}).unwrap();
        let pace = Pace::AsFastAsItGoes;
        let drive = Drive { address: free, requests: &requests, connections: 1, pace, stop_after: Duration::MAX };
        assert!(drive.run(Lines, |_| {}).err().unwrap().to_string().contains("cannot be reached"));
    }
}
