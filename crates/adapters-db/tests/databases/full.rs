//! A disk without room, on both engines. A small one is mounted for it, which only root may do: elsewhere the tests say so and end.

use std::fs::File;
use std::io::Write;
use std::path::PathBuf;
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use domain::{Answer, CancelReply, Reply};
use ports::testing::{Wallet, ledger_policy};
use ports::{CancellationStore, UnavailableError, UnavailableKind};

use crate::fixtures::{decided, open_within};
use crate::server::{Server, id_of};

const CANCELLED: Reply = Reply::Cancel(CancelReply::Answered(Answer::Cancelled));

/// A disk of a test's own.
struct SmallDisk(tempfile::TempDir);

impl SmallDisk {
    fn mounted(megabytes: usize) -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        let size = format!("size={megabytes}m,mode=777");
        let mounted = Command::new("mount").args(["-t", "tmpfs", "-o", &size, "tmpfs"]).arg(folder.path()).output();
        let is_mounted = mounted.is_ok_and(|output| output.status.success());
        if !is_mounted {
            println!("no disk can be mounted here: nothing is tested");
        }
        is_mounted.then_some(Self(folder))
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn fill(&self) {
        let mut file = File::create(self.path("filling")).unwrap();
        for size in [1 << 16, 1 << 12, 1] {
            while file.write_all(&vec![0; size]).is_ok() {}
        }
    }

    fn make_room(&self) {
        std::fs::remove_file(self.path("filling")).unwrap();
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(self.0.path()).status();
    }
}

/// Payments that are never seen are cancelled until there is no room for another.
async fn fences_until_full(store: &Arc<dyn CancellationStore>) -> (Vec<Wallet>, Wallet, UnavailableError) {
    let mut cancelled = Vec::new();
    for number in 0..20_000 {
        let wallet = Wallet::of(&format!("fence-{number}"));
        match store.decide(vec![wallet.is_cancelled()]).await.remove(0) {
            Ok(decided) => assert_eq!(decided.reply, CANCELLED),
            Err(unavailable) => return (cancelled, wallet, unavailable),
        }
        cancelled.push(wallet);
    }
    panic!("there is room for everything");
}

async fn nothing_is_lost(store: &Arc<dyn CancellationStore>, disk: &SmallDisk) {
    disk.fill();
    let (cancelled, late, unavailable) = fences_until_full(store).await;
    assert_eq!(unavailable.kind(), UnavailableKind::StoreFull, "{unavailable}");
    for _ in 0..2 {
        let looked = store.check().await.unwrap_err();
        assert_eq!(looked.kind(), UnavailableKind::StoreFull, "{looked}");
    }
    disk.make_room();
    store.check().await.unwrap();
    assert_eq!(decided(store, vec![late.is_cancelled()]).await, [CANCELLED]);
    for wallet in cancelled.iter().chain([&late]) {
        let file = store.find(&wallet.id).await.unwrap().unwrap();
        assert!(file.case.is_cancelled(), "{}", wallet.id);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn f77_on_a_full_disk_sqlite_says_so_and_loses_nothing() {
    let Some(disk) = SmallDisk::mounted(4) else { return };
    let database = open_within(&format!("sqlite://{}", disk.path("cases.db").display()), 4, Duration::from_secs(6));
    database.migrate().unwrap();
    nothing_is_lost(&database.store(ledger_policy()), &disk).await;
}

/// The tables are on the small disk, and the log is not: a server that has no room for its log ends by itself.
#[tokio::test(flavor = "multi_thread")]
async fn f77_on_a_full_disk_postgres_says_so_and_loses_nothing() {
    let Some(disk) = SmallDisk::mounted(32) else { return };
    let tables = disk.path("tables");
    std::fs::create_dir(&tables).unwrap();
    std::os::unix::fs::chown(&tables, Some(id_of("-u", Some("postgres"))), Some(id_of("-g", Some("postgres")))).unwrap();
    let mut server = Server::new();
    server.start();
    server.says(&format!("create tablespace small location '{}'", tables.display()));
    server.says("create database small tablespace small");
    let database = open_within(&Server::url(&[&server], "small"), 4, Duration::from_secs(6));
    database.migrate().unwrap();
    nothing_is_lost(&database.store(ledger_policy()), &disk).await;
    drop(server);
}
