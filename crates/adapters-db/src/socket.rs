//! The sockets that lead to a server, to end from outside what waits on one. libpq waits for an answer without end, and gives its
//! connection's socket to nobody.

use std::collections::BTreeMap;
use std::fs;
use std::os::fd::RawFd;
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

use nix::sys::socket::{Shutdown, SockaddrStorage, getpeername, getsockname, shutdown};

/// An open socket of this process.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Socket {
    number: RawFd,
    /// What the system calls it: a number is given again to another file, this is not.
    name: PathBuf,
}

/// One connects at a time, so that a socket that is new afterwards is the connection's.
static CONNECTING: Mutex<()> = Mutex::new(());

impl Socket {
    /// Connects, and finds the socket that this opened to one of the server's ports. `None` where it cannot be told from others.
    pub(crate) fn opened_by<T>(ports: &[u16], connect: impl FnOnce() -> T) -> (T, Option<Self>) {
        let _alone = CONNECTING.lock().unwrap_or_else(PoisonError::into_inner);
        let before = open_sockets();
        let connected = connect();
        let is_new = |(number, name): &(RawFd, PathBuf)| before.get(number) != Some(name);
        let mut new = open_sockets().into_iter().filter(is_new).filter(|(number, _)| leads_to(*number, ports));
        let found = new.next().map(|(number, name)| Self { number, name });
        (connected, found.filter(|_| new.next().is_none()))
    }

    /// The port at this end; `None` where it leads through a file.
    pub(crate) fn own_port(&self) -> Option<u16> {
        let own = getsockname::<SockaddrStorage>(self.number).ok()?;
        own.as_sockaddr_in().map(|own| own.port()).or_else(|| own.as_sockaddr_in6().map(|own| own.port()))
    }

    /// Ends what goes on over it: a reader finds its end. It stays open until its owner closes it.
    pub(crate) fn end(&self) {
        if named(self.number).as_ref() == Some(&self.name) {
            // A connection that has ended by itself needs nothing more.
            let _ = shutdown(self.number, Shutdown::Both);
        }
    }
}

/// The open sockets, where the system lists them.
fn open_sockets() -> BTreeMap<RawFd, PathBuf> {
    let files = fs::read_dir("/proc/self/fd").into_iter().flatten().flatten();
    let numbers = files.filter_map(|file| file.file_name().to_str()?.parse().ok());
    numbers.filter_map(|number| Some((number, named(number)?))).collect()
}

fn named(number: RawFd) -> Option<PathBuf> {
    let name = fs::read_link(format!("/proc/self/fd/{number}")).ok()?;
    name.to_str().is_some_and(|name| name.starts_with("socket:")).then_some(name)
}

/// Whether the other end is a server's: at one of these ports, or the file that is named after one.
fn leads_to(number: RawFd, ports: &[u16]) -> bool {
    let Ok(peer) = getpeername::<SockaddrStorage>(number) else { return false };
    if let Some(peer) = peer.as_sockaddr_in() {
        return ports.contains(&peer.port());
    }
    if let Some(peer) = peer.as_sockaddr_in6() {
        return ports.contains(&peer.port());
    }
    let path = peer.as_unix_addr().and_then(|peer| peer.path()).and_then(|path| path.to_str());
    path.is_some_and(|path| ports.iter().any(|port| path.ends_with(&format!("/.s.PGSQL.{port}"))))
}

#[cfg(test)]
mod tests {
    use std::io::Read;
    use std::net::{TcpListener, TcpStream};
    use std::time::Duration;

    use super::*;

    fn connected() -> (TcpListener, TcpStream, Socket) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let (stream, socket) = Socket::opened_by(&[address.port()], || TcpStream::connect(address).unwrap());
        (listener, stream, socket.unwrap())
    }

    #[test]
    fn what_waits_on_a_socket_is_ended_from_outside() {
        let (_listener, mut stream, socket) = connected();
        let reading = std::thread::spawn(move || stream.read(&mut [0]).unwrap());
        std::thread::sleep(Duration::from_millis(50));
        assert!(!reading.is_finished());
        socket.end();
        assert_eq!(reading.join().unwrap(), 0);
    }

    #[test]
    fn a_socket_knows_its_own_port() {
        let (_listener, stream, socket) = connected();
        assert_eq!(socket.own_port(), Some(stream.local_addr().unwrap().port()));
    }

    #[test]
    fn a_number_that_was_given_to_another_file_is_left_alone() {
        let (_listener, mut stream, socket) = connected();
        let other = Socket { name: PathBuf::from("socket:[0]"), ..socket };
        other.end();
        stream.set_read_timeout(Some(Duration::from_millis(50))).unwrap();
        assert!(stream.read(&mut [0]).is_err(), "it was ended");
    }

    #[test]
    fn a_socket_that_cannot_be_told_from_others_is_not_named() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let connect = || TcpStream::connect(address).unwrap();
        assert_eq!(Socket::opened_by(&[address.port()], || [connect(), connect()]).1, None);
        assert_eq!(Socket::opened_by(&[1], connect).1, None);
        assert_eq!(Socket::opened_by(&[address.port()], || ()).1, None);
    }
}
