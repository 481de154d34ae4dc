//! A network between the program and PostgreSQL, that can fail.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use crate::fixtures::{Postgres, TestDatabase};

/// What goes wrong.
#[derive(Clone, Copy)]
pub(crate) enum Trouble {
    /// So many connections are taken and never answered.
    Silent(u32),
    /// One COMMIT arrives and is obeyed, and the connection is gone before its answer is back.
    LostCommit,
}

struct Network {
    server: String,
    trouble: Trouble,
    /// How often it has gone wrong.
    troubles: AtomicU32,
}

/// Starts a network and returns the database's URL through it.
pub(crate) fn between(database: &Postgres, trouble: Trouble) -> String {
    let url = database.url();
    let (user, place) = url.rsplit_once('@').expect("a user before the host");
    let (server, name) = place.split_once('/').expect("a host and a name");
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let network = Arc::new(Network { server: server.to_owned(), trouble, troubles: AtomicU32::new(0) });
    std::thread::spawn(move || {
        let mut unanswered = Vec::new();
        for client in listener.incoming().map_while(Result::ok) {
            match network.trouble {
                Trouble::Silent(times) if network.troubles.load(Ordering::SeqCst) < times => {
                    network.troubles.fetch_add(1, Ordering::SeqCst);
                    unanswered.push(client);
                }
                Trouble::Silent(_) | Trouble::LostCommit => {
                    let network = Arc::clone(&network);
                    std::thread::spawn(move || network.carry(client));
                }
            }
        }
    });
    format!("{user}@{address}/{name}?sslmode=disable")
}

impl Network {
    fn carry(&self, client: TcpStream) {
        let server = TcpStream::connect(&self.server).unwrap();
        let (mut from_server, mut to_client) = (server.try_clone().unwrap(), client.try_clone().unwrap());
        let lost = Arc::new(AtomicU32::new(0));
        let answers_lost = Arc::clone(&lost);
        std::thread::spawn(move || {
            let mut bytes = [0; 8192];
            while let Ok(length @ 1..) = from_server.read(&mut bytes) {
                // The answer to the COMMIT has come: it was obeyed. Nobody hears of it.
                if answers_lost.load(Ordering::SeqCst) == 1 || to_client.write_all(&bytes[..length]).is_err() {
                    break;
                }
            }
            let _ = (to_client.shutdown(Shutdown::Both), from_server.shutdown(Shutdown::Both));
        });
        self.forward((client, server), &lost);
    }

    fn forward(&self, (mut client, mut server): (TcpStream, TcpStream), lost: &AtomicU32) {
        let mut bytes = [0; 8192];
        while let Ok(length @ 1..) = client.read(&mut bytes) {
            let commits = bytes[..length].windows(6).any(|word| word == b"COMMIT");
            if commits && matches!(self.trouble, Trouble::LostCommit) && self.troubles.fetch_add(1, Ordering::SeqCst) == 0 {
                lost.store(1, Ordering::SeqCst);
            }
            if server.write_all(&bytes[..length]).is_err() {
                break;
            }
        }
        let _ = server.shutdown(Shutdown::Both);
    }
}
