//! Listeners: plain HTTP/1.1 behind a proxy, or TLS here.

use std::future::ready;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::rc::Rc;
use std::time::Duration;

use actix_http::error::DispatchError;
use actix_http::{HttpService, Protocol};
use actix_server::{GracefulShutdownSignal, Server};
use actix_service::{IntoServiceFactory, ServiceFactory, ServiceFactoryExt, fn_service, map_config};
use actix_web::App;
use actix_web::dev::AppConfig;
use actix_web::web::ServiceConfig;
use socket2::SockRef;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use crate::connection::{CloseReason, ConnectionCounts, Limits, OpenConnection, PatientSocket, take_turns};
use crate::tls::ServerTls;

/// Longer than the 60 s after which proxies commonly close an idle connection. So the proxy closes it, and no request is sent into a
/// connection that is being closed here.
const KEEP_ALIVE: Duration = Duration::from_secs(75);
/// How many bytes of answers the system keeps for a reader; by itself it takes 4 MiB, which is the work of some ten thousand answers for a stranger
/// who reads none. A long answer to a reader 100 ms away still has 1 MiB a second.
const SEND_BUFFER: usize = 128 * 1024;
/// How long TLS may take to come about.
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);
/// How long a peer may go on to send what is not read, before its connection is closed under it.
const LINGER: Duration = Duration::from_secs(1);
/// What each connection is allowed. In a storm many connections are opened ahead and wait, so a head may take far longer than the 8 s that
/// Alipay+ waits. That only limits a caller that sends nothing.
const LIMITS: Limits = Limits { reader: Duration::from_secs(5), head: Duration::from_secs(30), idle: Duration::from_secs(90) };

/// A socket that accepts connections.
#[derive(Debug)]
pub struct Listening {
    /// Already bound.
    pub listener: TcpListener,
    /// HTTPS with this; `None` is plain HTTP.
    pub tls: Option<ServerTls>,
}

/// Serves what `configure` sets up. `patience` is how long a graceful stop waits for requests that are still going on.
pub(crate) fn serve(
    (name, Listening { listener, tls }): (&'static str, Listening),
    patience: Duration,
    configure: impl Fn(&mut ServiceConfig) + Clone + Send + 'static,
) -> io::Result<Server> {
    // Accepted sockets have it from the listener.
    SockRef::from(&listener).set_send_buffer_size(SEND_BUFFER)?;
    let server = Server::build().disable_signals().shutdown_timeout(patience.as_secs().saturating_add(1));
    let (counts, stopping) = (ConnectionCounts::of(name), server.graceful_shutdown_signal());
    let server = match tls {
        None => server.listen(name, listener, move || {
            let counts = counts.clone();
            let accepted = move |socket: TcpStream| ready(Ok(patient(open(&counts, &socket), socket)));
            fn_service(accepted).and_then(http(configure.clone(), stopping.clone()))
        })?,
        Some(tls) => server.listen(name, listener, move || {
            let (counts, tls) = (counts.clone(), tls.clone());
            let accepted = move |socket: TcpStream| shake_hands(TlsAcceptor::from(tls.present()), open(&counts, &socket), socket);
            fn_service(accepted).and_then(http(configure.clone(), stopping.clone()))
        })?,
    };
    Ok(server.run())
}

/// A connection as the HTTP service takes it.
type Accepted<T> = (PatientSocket<T>, Protocol, Option<SocketAddr>);

fn open(counts: &ConnectionCounts, socket: &TcpStream) -> OpenConnection {
    counts.accepted(socket.peer_addr().ok())
}

fn patient<T: AsyncRead + AsyncWrite + Unpin>(connection: OpenConnection, socket: T) -> Accepted<T> {
    let peer = connection.peer;
    (PatientSocket::new(socket, connection, LIMITS), Protocol::Http1, peer)
}

/// TLS of one connection. It is awaited beside all others: strangers who begin it and go no further must not keep anybody waiting.
async fn shake_hands(
    acceptor: TlsAcceptor,
    mut connection: OpenConnection,
    socket: TcpStream,
) -> Result<Accepted<TlsStream<TcpStream>>, DispatchError> {
    match timeout(HANDSHAKE_TIMEOUT, acceptor.accept(socket)).await {
        Ok(Ok(socket)) => Ok(patient(connection, socket)),
        failed => {
            // A peer that says nothing and closes looks whether somebody listens, as balancers do.
            let has_closed = matches!(&failed, Ok(Err(error)) if error.kind() == io::ErrorKind::UnexpectedEof);
            connection.end(if has_closed { CloseReason::Peer } else { CloseReason::NoHandshake });
            Err(DispatchError::DisconnectTimeout)
        }
    }
}

/// HTTP/1.1 on sockets of this kind.
fn http<T>(
    configure: impl Fn(&mut ServiceConfig) + 'static,
    stopping: GracefulShutdownSignal,
) -> impl ServiceFactory<Accepted<T>, Config = (), Response = (), Error = DispatchError, InitError = ()>
where
    T: AsyncRead + AsyncWrite + Unpin + 'static,
{
    let app = App::new().configure(configure).wrap_fn(take_turns);
    let app = app.into_factory().map_err(|error: actix_web::Error| error.error_response());
    HttpService::build()
        .keep_alive(KEEP_ALIVE)
        // The socket has a timer for every request, this one is for the first only.
        .client_request_timeout(Duration::ZERO)
        .client_disconnect_timeout(LINGER)
        .graceful_shutdown_signal(move || {
            let stopping = stopping.clone();
            async move { stopping.notified().await }
        })
        .on_connect_ext(|socket: &PatientSocket<T>, data| _ = data.insert(Rc::clone(socket.state())))
        .finish(map_config(app, |()| AppConfig::default()))
}
