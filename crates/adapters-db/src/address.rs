//! Where sessions are opened, with the password that is right at the moment.

use std::fmt::Display;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use diesel::{ConnectionError, ConnectionResult};
use metrics::gauge;
use tracing::{info, warn};

/// Reads the password for the server: for each connection anew, so that one that was exchanged is used from the next connection on.
#[derive(Clone)]
pub struct PasswordSource(Arc<dyn Fn() -> Result<String, String> + Send + Sync>);

impl PasswordSource {
    /// `read` returns the password, or one sentence without it.
    pub fn reading(read: impl Fn() -> Result<String, String> + Send + Sync + 'static) -> Self {
        Self(Arc::new(read))
    }
}

/// Puts a password into an address.
pub(crate) type WithPassword = fn(address: &str, password: &str) -> String;

/// An address of sessions.
pub(crate) struct Address {
    text: String,
    password: Option<ChangingPassword>,
    /// What no error may show.
    secrets: Vec<String>,
}

struct ChangingPassword {
    source: PasswordSource,
    with_password: WithPassword,
    /// The last one that opened a session.
    proven: Mutex<Option<String>>,
    /// Whether sessions are opened with that one although its file says another.
    is_refused: AtomicBool,
}

impl Address {
    /// One that is complete.
    pub(crate) fn complete(text: String) -> Self {
        Self { text, password: None, secrets: Vec::new() }
    }

    /// One that may lack its password, and holds these secrets.
    pub(crate) fn secret(text: String, password: Option<(PasswordSource, WithPassword)>, secrets: Vec<String>) -> Self {
        let changing = |(source, with_password)| {
            let (proven, is_refused) = (Mutex::default(), AtomicBool::new(false));
            ChangingPassword { source, with_password, proven, is_refused }
        };
        Self { text, password: password.map(changing), secrets }
    }

    /// It without its password.
    pub(crate) fn text(&self) -> &str {
        &self.text
    }

    /// Opens a connection, and says which address opened it. Where the password of the file does not, the last one that did is
    /// tried: the file may have been exchanged before the server's password was, or may be half written.
    pub(crate) fn open<T>(&self, connect: impl Fn(&str) -> ConnectionResult<T>) -> ConnectionResult<(T, String)> {
        let Some(password) = &self.password else { return connect(&self.text).map(|opened| (opened, self.text.clone())) };
        let try_with = |secret: &str| {
            let address = (password.with_password)(&self.text, secret);
            connect(&address).map(|opened| (opened, address)).map_err(|error| self.hide(&error, Some(secret)))
        };
        let read = (password.source.0)();
        let opened = match &read {
            Ok(secret) => try_with(secret),
            Err(sentence) => Err(ConnectionError::BadConnection(sentence.clone())),
        };
        let proven = password.proven().clone();
        match (opened, read.ok(), proven) {
            (Ok(opened), Some(secret), _) => {
                password.record_accepted(secret);
                Ok(opened)
            }
            (Err(error), read, Some(proven)) if read.as_ref() != Some(&proven) => {
                let opened = try_with(&proven).map_err(|_| error)?;
                password.record_refused();
                Ok(opened)
            }
            (opened, ..) => opened,
        }
    }

    /// What is said of a session that does not come about, without secrets: the client library is not ours, and quotes what it was
    /// given.
    pub(crate) fn hide_in(&self, error: &impl Display) -> ConnectionError {
        let proven = self.password.as_ref().and_then(|password| password.proven().clone());
        self.hide(error, proven.as_deref())
    }

    fn hide(&self, error: &impl Display, tried: Option<&str>) -> ConnectionError {
        let mut secrets: Vec<_> =
            self.secrets.iter().map(String::as_str).chain(tried).filter(|secret| !secret.is_empty()).collect();
        // One may be the beginning of another.
        secrets.sort_by_key(|secret| std::cmp::Reverse(secret.len()));
        ConnectionError::BadConnection(secrets.iter().fold(error.to_string(), |said, secret| said.replace(secret, "…")))
    }
}

impl ChangingPassword {
    fn proven(&self) -> MutexGuard<'_, Option<String>> {
        self.proven.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn record_accepted(&self, password: String) {
        *self.proven() = Some(password);
        if self.is_refused.swap(false, Ordering::Relaxed) {
            gauge!("rescind_database_password_refused").set(0.0);
            info!("the database takes the password of its file again");
        }
    }

    fn record_refused(&self) {
        if !self.is_refused.swap(true, Ordering::Relaxed) {
            gauge!("rescind_database_password_refused").set(1.0);
            warn!(
                "the database does not take the password of its file: the one before is used (exchange it in the database too)"
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use super::*;

    /// A server that takes these passwords, and what each attempt tried.
    struct Attempts {
        address: Address,
        file: Arc<Mutex<Result<String, String>>>,
        tried: RefCell<Vec<String>>,
    }

    impl Attempts {
        fn new() -> Self {
            let file = Arc::new(Mutex::new(Ok("old".to_owned())));
            let of_source = Arc::clone(&file);
            let source = PasswordSource::reading(move || of_source.lock().unwrap().clone());
            let address = Address::secret("at:".to_owned(), Some((source, |text, password| format!("{text}{password}"))), vec![]);
            Self { address, file, tried: RefCell::default() }
        }

        fn with_server_taking(&self, password: &str) -> Result<String, String> {
            self.tried.borrow_mut().clear();
            let connect = |address: &str| {
                self.tried.borrow_mut().push(address.to_owned());
                let right = address == format!("at:{password}");
                if right { Ok(()) } else { Err(ConnectionError::BadConnection(format!("{address} is wrong"))) }
            };
            self.address.open(connect).map(|((), address)| address).map_err(|error| error.to_string())
        }

        fn file_says(&self, what: Result<&str, &str>) {
            *self.file.lock().unwrap() = what.map(ToOwned::to_owned).map_err(ToOwned::to_owned);
        }
    }

    #[test]
    fn f81_a_password_is_read_for_each_connection_and_the_last_one_that_worked_stands_in() {
        let attempts = Attempts::new();
        let opened = |password: &str| Ok(format!("at:{password}"));
        assert_eq!(attempts.with_server_taking("old"), opened("old"));
        // The file first, then the server.
        attempts.file_says(Ok("new"));
        assert_eq!(attempts.with_server_taking("old"), opened("old"));
        assert_eq!(*attempts.tried.borrow(), ["at:new", "at:old"]);
        assert_eq!(attempts.with_server_taking("new"), opened("new"));
        assert_eq!(*attempts.tried.borrow(), ["at:new"]);
        // A file that is half written, or cannot be read.
        for broken in [Ok("ne"), Err("unreadable")] {
            attempts.file_says(broken);
            assert_eq!(attempts.with_server_taking("new"), opened("new"));
        }
        // The last one that worked is not tried twice, and one from before that not at all.
        attempts.file_says(Ok("new"));
        assert!(attempts.with_server_taking("old").is_err());
        assert_eq!(*attempts.tried.borrow(), ["at:new"]);
    }

    #[test]
    fn f82_an_error_is_about_the_password_of_the_file_and_does_not_show_it() {
        let attempts = Attempts::new();
        attempts.with_server_taking("old").unwrap();
        attempts.file_says(Ok("new"));
        assert_eq!(attempts.with_server_taking("another"), Err("at:… is wrong".to_owned()));
        attempts.file_says(Err("unreadable"));
        assert_eq!(attempts.with_server_taking("another"), Err("unreadable".to_owned()));
        let fresh = Attempts::new();
        fresh.file_says(Err("unreadable"));
        assert_eq!(fresh.with_server_taking("old"), Err("unreadable".to_owned()));
        assert!(fresh.tried.borrow().is_empty());
    }
}
