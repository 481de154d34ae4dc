//! Asking again and again leaves nothing behind: no row, no socket, no memory.

use std::fs;
use std::process::Command;
use std::time::Duration;

use testkit::process::Process;
use testkit::{Deployment, TestEngine, for_each_engine};

use crate::broken::request::{Keys, Request};
use crate::broken::wire::Connection;

for_each_engine! { f42_repeats_leave_rows_sockets_and_memory_flat }

/// How much the memory may differ, in KiB: little more than a kilobyte for each of the repeats.
const UNEVEN: u64 = 2048;
/// How many repeats are made before and between two looks.
const REPEATS: usize = 1500;

/// What stands in the database, as far as it shows.
fn rows(deployment: &Deployment, engine: TestEngine) -> String {
    match engine {
        TestEngine::Sqlite => {
            let size = |name: &str| fs::metadata(deployment.dir().join(name)).map_or(0, |file| file.len());
            format!("{} and {} bytes", size("rescind.db"), size("rescind.db-wal"))
        }
        TestEngine::Postgres => {
            let tables = ["cases", "refunds", "reversals", "events", "ledger_entries", "served_terms"];
            let counts = tables.map(|table| format!("(select count(*) from {table})")).join(", ");
            let psql =
                Command::new("psql").args(["-XAtq", "-c", &format!("select {counts}"), &deployment.database_url()]).output();
            String::from_utf8(psql.unwrap().stdout).unwrap()
        }
    }
}

/// How many files and sockets the process has open.
fn open_files(process: &Process) -> usize {
    fs::read_dir(format!("/proc/{}/fd", process.id())).unwrap().count()
}

/// How much memory the process has, in KiB.
fn memory(process: &Process) -> u64 {
    let status = fs::read_to_string(format!("/proc/{}/status", process.id())).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}

/// The cancel, its questions, a stranger's nonsense and a caller who hangs up, each on a connection of its own now and then.
async fn again_and_again(process: &Process, keys: &Keys) {
    let mut request = Request::cancel("again");
    keys.sign(&mut request).await;
    let signed = request.bytes();
    let mut kept = Connection::to(process.callback);
    for time in 0..REPEATS {
        match time % 20 {
            0 => assert_eq!(process.wallet.payment("again").await.unwrap()["inquiry"]["resultCode"], "ORDER_IS_CLOSED"),
            5 => assert_eq!(Connection::to(process.callback).ask(&signed).await.brief(), "S SUCCESS"),
            10 => drop(Connection::to(process.callback).throw(b"GET / HTTP/1.1\r\n\r\n").await),
            15 => drop(Connection::to(process.callback).throw(&signed[..signed.len() / 2]).await),
            _ => assert_eq!(kept.ask(&signed).await.brief(), "S SUCCESS"),
        }
    }
}

async fn f42_repeats_leave_rows_sockets_and_memory_flat(engine: TestEngine) {
    let mut deployment = Deployment::on(engine);
    // A pool that may grow opens connections as chance has it.
    deployment.set("database.pool_size", "1");
    let (process, keys) = (deployment.start().await, Keys::of(&deployment));
    assert_eq!(process.wallet.announce("again", "user", 1000).await.unwrap(), "proceed");
    assert_eq!(process.wallet.report("again", "S").await.unwrap(), "stands");
    assert_eq!(process.alipayplus.cancel("again").await.unwrap().brief(), "S SUCCESS");
    again_and_again(&process, &keys).await;
    let before = (rows(&deployment, engine), open_files(&process), memory(&process));
    again_and_again(&process, &keys).await;
    // Connections that were closed here are closed there a little later.
    while open_files(&process) > before.1 {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let (rows_after, memory_after) = (rows(&deployment, engine), memory(&process));
    assert_eq!(rows_after, before.0);
    assert!(memory_after < before.2 + UNEVEN, "{} KiB became {memory_after}", before.2);
}
