//! The demonstration plays to its end, and the lines that it prints to be pasted work.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

fn demo(dir: &std::path::Path, args: &[&str]) -> Command {
    let mut command = Command::new(testkit::program("rescind"));
    command.arg("demo").args(args).current_dir(dir).stdin(Stdio::null());
    command
}

#[test]
fn every_row_of_the_demonstration_is_as_it_should_be() {
    let dir = tempfile::tempdir().unwrap();
    let output = demo(dir.path(), &["--once", "--dir", "new"]).output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{text}{}", String::from_utf8_lossy(&output.stderr));
    assert!(text.ends_with("All 11 are as they should be.\n"), "{text}");
    assert_eq!(text.lines().filter(|line| line.ends_with("  ok")).count(), 11, "{text}");

    let again = demo(dir.path(), &["--once", "--dir", "new"]).output().unwrap();
    assert_eq!(again.status.code(), Some(1));
    assert_eq!(String::from_utf8_lossy(&again.stderr), "rescind: new is there already; the demonstration makes a new folder\n");
}

struct Killed(Child);

impl Drop for Killed {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn the_lines_to_paste_cancel_a_payment_with_openssl_and_curl() {
    let dir = tempfile::tempdir().unwrap();
    let mut child = Killed(demo(dir.path(), &["--dir", "it's new"]).stdout(Stdio::piped()).spawn().unwrap());
    let mut lines = BufReader::new(child.0.stdout.take().unwrap()).lines().map_while(Result::ok);
    assert!(lines.any(|line| line.ends_with("paste this into another shell to cancel it:")));
    let mut snippet = String::new();
    for line in lines.by_ref() {
        snippet.push_str(&line);
        snippet.push('\n');
        if line.starts_with("curl 'http") {
            break;
        }
    }
    let output = Command::new("sh").arg("-ec").arg(&snippet).stdin(Stdio::null()).output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{snippet}{}", String::from_utf8_lossy(&output.stderr));
    assert!(text.starts_with("HTTP/1.1 200 OK"), "{text}");
    let answer = r#"{"result":{"resultCode":"SUCCESS","resultStatus":"S","resultMessage":"Success"}}"#;
    assert!(text.contains(answer), "{text}");
    assert!(text.contains(r#""state":"cancelled""#), "{text}");
}
