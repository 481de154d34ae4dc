//! The journal: an append-only file of JSON lines, each on the disk before anybody is answered.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::Path;
use std::sync::mpsc;

use chrono::SecondsFormat;
use serde::{Deserialize, Serialize};
use tokio::sync::{oneshot, watch};

use super::books::Entry;
use crate::clock::now;
use crate::output::CommandError;

/// One line.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Line {
    /// When it was decided, RFC 3339.
    pub(crate) at: String,
    #[serde(flatten)]
    pub(crate) entry: Entry,
}

/// What a file says.
pub(crate) struct Content {
    pub(crate) lines: Vec<Line>,
    /// How many bytes stand behind the last whole line. Nobody was answered for them.
    pub(crate) torn: usize,
}

/// The open end of a journal.
pub(crate) struct Journal {
    lines: mpsc::Sender<Vec<u8>>,
    appended: u64,
    durable: watch::Receiver<u64>,
}

/// Tells why a journal cannot be written any more. It has no other end.
pub(crate) type Broken = oneshot::Receiver<io::Error>;

/// Everything that was appended up to a moment.
pub(crate) struct Mark {
    position: u64,
    durable: watch::Receiver<u64>,
}

impl Mark {
    /// Waits until all of it is on the disk; false where it never will be.
    pub(crate) async fn becomes_durable(mut self) -> bool {
        self.durable.wait_for(|durable| *durable >= self.position).await.is_ok()
    }
}

impl Journal {
    /// Opens or makes a journal for one process alone, reads what is in it and cuts off a torn end.
    pub(crate) fn open(path: &Path) -> Result<(Self, Content, Broken), CommandError> {
        let failed = |error: io::Error| CommandError::new(format!("the journal {} cannot be opened: {error}", path.display()));
        let mut file = OpenOptions::new().read(true).append(true).create(true).open(path).map_err(failed)?;
        file.try_lock().map_err(|error| match error {
            TryLockError::WouldBlock => CommandError::new(format!("another process writes the journal {}", path.display())),
            TryLockError::Error(error) => failed(error),
        })?;
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes).map_err(failed)?;
        let content = parse(path, &bytes)?;
        file.set_len((bytes.len() - content.torn) as u64).map_err(failed)?;
        file.seek(SeekFrom::End(0)).map_err(failed)?;
        file.sync_all().map_err(failed)?;
        // A file that is new is found again only if its folder knows of it.
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        File::open(folder).and_then(|folder| folder.sync_all()).map_err(failed)?;

        let ((lines, to_write), (written, durable)) = (mpsc::channel(), watch::channel(0));
        let (breaks, broken) = oneshot::channel();
        std::thread::spawn(move || {
            if let Err(error) = write_all(&mut file, &to_write, &written) {
                // Where nobody listens any more, the process is ending anyway.
                let _ = breaks.send(error);
            }
        });
        Ok((Self { lines, appended: 0, durable }, content, broken))
    }

    /// Puts an entry in line and returns its moment. It counts once a [`mark`](Self::mark) made afterwards is durable.
    pub(crate) fn append(&mut self, entry: &Entry) -> Result<String, CommandError> {
        let at = now().to_rfc3339_opts(SecondsFormat::Micros, true);
        let line = Line { at: at.clone(), entry: entry.clone() };
        let mut line =
            serde_json::to_vec(&line).map_err(|error| CommandError::new(format!("a line cannot be written: {error}")))?;
        line.push(b'\n');
        self.lines.send(line).map_err(|_| CommandError::new("the journal cannot be written any more"))?;
        self.appended += 1;
        Ok(at)
    }

    /// All that was appended so far.
    pub(crate) fn mark(&self) -> Mark {
        Mark { position: self.appended, durable: self.durable.clone() }
    }
}

/// Reads a journal, also while it is being written.
pub(crate) fn read(path: &Path) -> Result<Content, CommandError> {
    parse(path, &crate::output::read(path)?)
}

/// While lines are on their way to the disk, the next ones gather and share the next way.
fn write_all(file: &mut File, lines: &mpsc::Receiver<Vec<u8>>, written: &watch::Sender<u64>) -> io::Result<()> {
    while let Ok(first) = lines.recv() {
        let gathered: Vec<_> = std::iter::once(first).chain(lines.try_iter()).collect();
        file.write_all(&gathered.concat())?;
        file.sync_data()?;
        written.send_modify(|written| *written += gathered.len() as u64);
    }
    Ok(())
}

fn parse(path: &Path, bytes: &[u8]) -> Result<Content, CommandError> {
    let whole = bytes.iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1);
    let lines = bytes[..whole].split_inclusive(|byte| *byte == b'\n').enumerate().map(|(at, line)| {
        let wrong = |error| CommandError::new(format!("{}, line {}: {error}", path.display(), at + 1));
        serde_json::from_slice(line).map_err(wrong)
    });
    Ok(Content { lines: lines.collect::<Result<_, _>>()?, torn: bytes.len() - whole })
}

#[cfg(test)]
mod tests {
    use super::super::books::Outcome;
    use super::*;

    fn fence(id: &str) -> Entry {
        let (payment_request_id, outcome) = (id.to_owned(), Outcome::NothingToDo);
        Entry::Reversal { payment_request_id, outcome, account: None, amount: None }
    }

    fn entries(content: &Content) -> Vec<Entry> {
        content.lines.iter().map(|line| line.entry.clone()).collect()
    }

    #[tokio::test]
    async fn what_is_durable_is_found_again_and_a_torn_end_is_cut_off() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("journal");
        let (mut journal, content, _broken) = Journal::open(&path).unwrap();
        assert_eq!((content.lines.len(), content.torn), (0, 0));
        for id in ["a", "b"] {
            journal.append(&fence(id)).unwrap();
        }
        assert!(journal.mark().becomes_durable().await);
        assert_eq!(entries(&read(&path).unwrap()), [fence("a"), fence("b")]);
        assert!(Journal::open(&path).err().unwrap().to_string().starts_with("another process writes the journal"));
        drop(journal);

        let torn = [std::fs::read(&path).unwrap(), b"{\"at\":".to_vec()].concat();
        std::fs::write(&path, torn).unwrap();
        // The writer lets go of the file once it has noticed that nobody writes any more.
        let (mut journal, content, _broken) = loop {
            if let Ok(opened) = Journal::open(&path) {
                break opened;
            }
            std::thread::yield_now();
        };
        assert_eq!((entries(&content), content.torn), (vec![fence("a"), fence("b")], 6));
        journal.append(&fence("c")).unwrap();
        assert!(journal.mark().becomes_durable().await);
        assert_eq!(entries(&read(&path).unwrap()), [fence("a"), fence("b"), fence("c")]);
    }

    #[test]
    fn a_line_that_cannot_be_read_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("journal");
        std::fs::write(
            &path,
            "{\"at\":\"2026-03-01T00:00:00Z\",\"entry\":\"reversal\",\"paymentRequestId\":\"a\",\"outcome\":\"done\"}\n{}\n",
        )
        .unwrap();
        let why = read(&path).err().unwrap().to_string();
        assert!(why.contains("journal, line 2: "), "{why}");
    }
}
