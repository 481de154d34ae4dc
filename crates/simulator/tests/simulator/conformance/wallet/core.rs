//! What the wallet asks of a core that has the money.

use std::io::{Read, Write};
use std::net::TcpStream;

/// Asks for the reversal of a payment, and believes whatever is answered with 200.
pub(crate) fn gives_back(core: &str, id: &str) {
    let body = format!(r#"{{"paymentRequestId":"{id}","taken":"debit"}}"#);
    let head =
        format!("PUT /reversals/{id} HTTP/1.1\r\nhost: core\r\nconnection: close\r\ncontent-length: {}\r\n\r\n", body.len());
    let mut stream = TcpStream::connect(core.trim_start_matches("http://")).unwrap();
    stream.write_all([head, body].concat().as_bytes()).unwrap();
    let mut status = [0; 13];
    stream.read_exact(&mut status).unwrap();
    assert_eq!(&status, b"HTTP/1.1 200 ");
}
