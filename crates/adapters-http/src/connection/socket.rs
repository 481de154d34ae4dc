//! A socket that no peer can use up.
//!
//! The server's own loop decodes and answers whatever it can read, also while nobody reads the answers, and has no timer for a reader, nor
//! for a request behind the first one. It reads again only where the socket lets it, and that is where it is held.

use std::io::{Error, ErrorKind};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Sleep, sleep};

use super::counts::{CloseReason, OpenConnection};
use super::state::ConnectionState;

/// What a connection is allowed.
#[derive(Clone, Copy)]
pub(crate) struct Limits {
    /// How long a write may wait for a reader that takes less than [`PROGRESS`].
    pub(crate) reader: Duration,
    /// How long a request's head may take, from its first byte or, for the first one, from the connection's beginning.
    pub(crate) head: Duration,
    /// How long nothing at all may happen. The server has a timer of its own for it; this one holds where that was stopped.
    pub(crate) idle: Duration,
}

/// How many bytes are read before what came before is answered, and the answers written: some hundred of the shortest requests.
const READ_AHEAD: usize = 4 * 1024;
/// How many bytes are read while a body is awaited. The longest body fits, with its head and some more. The server's own limit is above it, and
/// where that is met the server turns in circles.
const WITH_BODY: usize = 96 * 1024;
/// How much a reader has to take within [`Limits::reader`], in bytes.
const PROGRESS: usize = 16 * 1024;
/// How many bytes an answer's head has at most: a signature of 4096 bits takes 700.
const LONGEST_HEAD: usize = 2048;
/// How long a peer may go on to send after an announced end. A connection that is closed under it takes the answer along.
const LINGER: Duration = Duration::from_secs(1);

/// A socket that reads no further ahead than its peer reads, and waits for the peer only so long.
pub(crate) struct PatientSocket<T> {
    socket: T,
    limits: Limits,
    state: Rc<ConnectionState>,
    connection: OpenConnection,
    phase: Phase,
    /// Bytes that were read since the last complete flush.
    read_ahead: usize,
    /// Bytes that were read since nothing was in hand, or since the body is awaited.
    unanswered: usize,
    /// The request whose body they may be, by its number since nothing was in hand.
    body_of: u32,
    /// Whether the server was told to wait with reading, and has to be woken for it.
    is_held: bool,
    /// Runs while a write waits for its reader.
    reader: Option<Pin<Box<Sleep>>>,
    /// Bytes that went out since then.
    progress: usize,
    /// Runs always. Set again only when it ends, because there are many requests in that time.
    watch: Pin<Box<Sleep>>,
    /// When the first byte of the last request came, or the connection began.
    begun_at: Instant,
    has_answered: bool,
}

enum Phase {
    Open,
    /// The last answer is written. The peer is told that nothing more comes.
    Ending,
    /// The peer may finish what it sends, which nobody reads.
    Lingering(Pin<Box<Sleep>>),
    Over,
}

impl<T: AsyncRead + AsyncWrite + Unpin> PatientSocket<T> {
    pub(crate) fn new(socket: T, connection: OpenConnection, limits: Limits) -> Self {
        Self {
            socket,
            limits,
            state: Rc::default(),
            connection,
            phase: Phase::Open,
            read_ahead: 0,
            unanswered: 0,
            body_of: 0,
            is_held: false,
            reader: None,
            progress: 0,
            watch: Box::pin(sleep(limits.head)),
            begun_at: Instant::now(),
            has_answered: false,
        }
    }

    pub(crate) fn state(&self) -> &Rc<ConnectionState> {
        &self.state
    }

    /// Whether more may be read.
    fn may_read(&self) -> bool {
        let limit = if self.state.awaits_body() { WITH_BODY } else { READ_AHEAD };
        let is_far_ahead = self.state.is_in_hand() && self.unanswered >= limit;
        self.reader.is_none() && self.read_ahead < READ_AHEAD && !is_far_ahead
    }

    /// Waits for the reader, and ends in an error where that takes too long.
    fn wait_for_reader(&mut self, cx: &mut Context<'_>) -> Poll<Error> {
        let limit = self.limits.reader;
        let reader = self.reader.get_or_insert_with(|| Box::pin(sleep(limit)));
        ready!(reader.as_mut().poll(cx));
        self.connection.end(CloseReason::SlowReader);
        Poll::Ready(Error::new(ErrorKind::TimedOut, "the peer does not read"))
    }

    /// Waits for the next request, and ends in an error where it does not come in time.
    fn wait_for_request(&mut self, cx: &mut Context<'_>) -> Poll<Error> {
        while self.watch.as_mut().poll(cx).is_ready() {
            let (waited, Limits { head, idle, .. }) = (self.begun_at.elapsed(), self.limits);
            let limit = if self.unanswered > 0 || !self.has_answered { head } else { idle };
            let left = if self.state.is_in_hand() { head } else { limit.saturating_sub(waited).min(head) };
            if left.is_zero() {
                self.connection.end(CloseReason::NoRequest);
                return Poll::Ready(Error::new(ErrorKind::TimedOut, "no whole request came"));
            }
            self.watch.set(sleep(left));
        }
        Poll::Pending
    }

    /// Everything is written. What the peer has sent since may be read again.
    fn flushed(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        (self.reader, self.progress, self.read_ahead) = (None, 0, 0);
        let is_awaited = self.state.flushed();
        if self.state.is_closing() {
            self.phase = Phase::Ending;
            if self.end(cx).is_ready() {
                cx.waker().wake_by_ref();
            }
            return Poll::Ready(Ok(()));
        }
        if !self.state.is_in_hand() && self.state.begun() > 0 {
            (self.unanswered, self.body_of, self.has_answered) = (0, 0, true);
            self.is_held |= self.state.idle();
        }
        let may_go_on = self.is_held && self.may_read();
        if may_go_on || is_awaited {
            self.is_held &= !may_go_on;
            cx.waker().wake_by_ref();
        }
        match self.wait_for_request(cx) {
            Poll::Ready(late) => Poll::Ready(Err(late)),
            Poll::Pending => Poll::Ready(Ok(())),
        }
    }

    /// Ends the connection after its last answer.
    fn end(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        self.connection.end(CloseReason::Announced);
        loop {
            match &mut self.phase {
                Phase::Open | Phase::Ending => {
                    if Pin::new(&mut self.socket).poll_shutdown(cx).is_pending() {
                        ready!(self.wait_for_reader(cx));
                    }
                    self.phase = Phase::Lingering(Box::pin(sleep(LINGER)));
                }
                Phase::Lingering(time) => {
                    let (mut room, is_over) = ([0; 4096], time.as_mut().poll(cx).is_ready());
                    let mut unread = ReadBuf::new(&mut room);
                    let read = if is_over { Poll::Ready(Ok(())) } else { Pin::new(&mut self.socket).poll_read(cx, &mut unread) };
                    if ready!(read).is_err() || unread.filled().is_empty() {
                        self.phase = Phase::Over;
                    }
                }
                Phase::Over => return Poll::Ready(()),
            }
        }
    }
}

/// Whether this is an answer that announces the end. The server by itself does so where the body of a later request is still on its way.
/// Answers are written one by one, so a head is at the beginning.
fn announces_close(bytes: &[u8]) -> bool {
    const CLOSE: &[u8] = b"\r\nconnection: close\r\n";
    let head = bytes.get(..LONGEST_HEAD).unwrap_or(bytes);
    head.windows(CLOSE.len()).any(|line| line == CLOSE)
}

impl<T: AsyncRead + AsyncWrite + Unpin> AsyncRead for PatientSocket<T> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<Result<(), Error>> {
        if !matches!(self.phase, Phase::Open) {
            ready!(self.end(cx));
            // A request that still waits for its answer is dropped by this.
            return Poll::Ready(Err(ErrorKind::ConnectionAborted.into()));
        }
        if self.state.awaits_body() && self.body_of != self.state.begun() {
            (self.body_of, self.unanswered) = (self.state.begun(), 0);
        }
        if !self.may_read() {
            self.is_held = true;
            return Poll::Pending;
        }
        // No more than may be read, however much room there is: all of it is decoded at once.
        let limit = buffer.remaining().min(READ_AHEAD - self.read_ahead);
        let mut part = ReadBuf::new(buffer.initialize_unfilled_to(limit));
        let read = ready!(Pin::new(&mut self.socket).poll_read(cx, &mut part));
        let more = part.filled().len();
        buffer.advance(more);
        if self.unanswered == 0 && more > 0 && self.has_answered {
            self.begun_at = Instant::now();
        }
        self.read_ahead += more;
        self.unanswered += more;
        if read.is_err() || more == 0 {
            self.connection.end(CloseReason::Peer);
        }
        Poll::Ready(read)
    }
}

impl<T: AsyncRead + AsyncWrite + Unpin> AsyncWrite for PatientSocket<T> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<Result<usize, Error>> {
        if announces_close(bytes) {
            self.state.announce_close();
        }
        match Pin::new(&mut self.socket).poll_write(cx, bytes) {
            Poll::Ready(Ok(written)) => {
                self.progress += written;
                if self.progress >= PROGRESS {
                    (self.reader, self.progress) = (None, 0);
                }
                Poll::Ready(Ok(written))
            }
            Poll::Ready(Err(broken)) => {
                self.connection.end(CloseReason::Peer);
                Poll::Ready(Err(broken))
            }
            Poll::Pending => self.wait_for_reader(cx).map(Err),
        }
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        if !matches!(self.phase, Phase::Open) {
            return Poll::Ready(Ok(()));
        }
        match Pin::new(&mut self.socket).poll_flush(cx) {
            Poll::Ready(Ok(())) => self.flushed(cx),
            Poll::Ready(Err(broken)) => Poll::Ready(Err(broken)),
            Poll::Pending => self.wait_for_reader(cx).map(Err),
        }
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        if !matches!(self.phase, Phase::Open) {
            return self.end(cx).map(Ok);
        }
        match Pin::new(&mut self.socket).poll_shutdown(cx) {
            Poll::Ready(done) => Poll::Ready(done),
            Poll::Pending => self.wait_for_reader(cx).map(Err),
        }
    }
}
