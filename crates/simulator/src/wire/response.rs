//! A response as its bytes.

use std::ops::Range;

use httparse::{EMPTY_HEADER, Status};

/// How many headers a response may have.
const MOST_HEADERS: usize = 64;
/// How long a response may be.
const LARGEST: usize = 1024 * 1024;

/// A whole response, in one piece of memory.
#[derive(Debug, Clone)]
pub(crate) struct Response {
    pub(crate) status: u16,
    head: Vec<u8>,
    pub(crate) body: Vec<u8>,
}

/// How a response's body ends.
enum Body {
    Sized(usize),
    Chunked,
    UntilClosed,
}

/// What is read of a response's head.
struct Head {
    status: u16,
    length: usize,
    body: Body,
}

impl Response {
    /// The header's value, if there is exactly one and it is text.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let mut values = self.headers().filter(|(known, _)| known.eq_ignore_ascii_case(name));
        values.next().filter(|_| values.next().is_none()).map(|(_, value)| value)
    }

    /// All headers that are text, their names as they are spelled.
    pub(crate) fn headers(&self) -> impl Iterator<Item = (&str, &str)> {
        let lines = std::str::from_utf8(&self.head).unwrap_or_default().split("\r\n").skip(1);
        lines.filter_map(|line| line.split_once(':')).map(|(name, value)| (name, value.trim()))
    }

    /// The head as it came.
    pub(crate) fn head(&self) -> String {
        String::from_utf8_lossy(&self.head).into_owned()
    }

    /// Takes the first whole response off `buffer`. Interim responses (1xx) are left out.
    ///
    /// `Ok(None)` where more bytes are needed; `closed` says that there are none.
    ///
    /// # Errors
    /// What makes it no response.
    pub(crate) fn take(buffer: &mut Vec<u8>, closed: bool) -> Result<Option<Self>, String> {
        loop {
            let Some(head) = Head::read(buffer)? else { return enough(buffer) };
            if (100..200).contains(&head.status) {
                buffer.drain(..head.length);
                continue;
            }
            let Some((body, end)) = head.body(buffer, closed)? else { return enough(buffer) };
            let rest = buffer.split_off(end);
            let mut head_bytes = std::mem::replace(buffer, rest);
            let body = match body {
                Found::At(place) => head_bytes[place].to_vec(),
                Found::Decoded(body) => body,
            };
            head_bytes.truncate(head.length);
            return Ok(Some(Self { status: head.status, head: head_bytes, body }));
        }
    }
}

/// A body as it lies in the buffer, or put together from chunks.
enum Found {
    At(Range<usize>),
    Decoded(Vec<u8>),
}

fn enough<T>(buffer: &[u8]) -> Result<Option<T>, String> {
    if buffer.len() > LARGEST { Err(format!("the response is longer than {LARGEST} bytes")) } else { Ok(None) }
}

impl Head {
    fn read(buffer: &[u8]) -> Result<Option<Self>, String> {
        let mut headers = [EMPTY_HEADER; MOST_HEADERS];
        let mut response = httparse::Response::new(&mut headers);
        let not_http = |error| match buffer {
            // An alert or a handshake of TLS.
            [0x15 | 0x16, 3, ..] => "what answers there speaks TLS: https:// instead of http:// may be meant".to_owned(),
            _ => format!("the response is not HTTP: {error}"),
        };
        let length = match response.parse(buffer).map_err(not_http)? {
            Status::Complete(length) => length,
            Status::Partial => return Ok(None),
        };
        let status = response.code.unwrap_or_default();
        let values = |name: &str| {
            let named = response.headers.iter().filter(|header| header.name.eq_ignore_ascii_case(name));
            named.map(|header| String::from_utf8_lossy(header.value).trim().to_ascii_lowercase()).collect::<Vec<_>>()
        };
        let chunked = values("transfer-encoding").iter().any(|value| value == "chunked");
        let lengths = values("content-length");
        let body = match (status, chunked, lengths.first()) {
            (100..=199 | 204 | 304, ..) => Body::Sized(0),
            (_, true, _) => Body::Chunked,
            (_, false, Some(sized)) => Body::Sized(sized.parse().map_err(|_| format!("its Content-Length is {sized:?}"))?),
            (_, false, None) => Body::UntilClosed,
        };
        Ok(Some(Self { status, length, body }))
    }

    fn body(&self, buffer: &[u8], closed: bool) -> Result<Option<(Found, usize)>, String> {
        let start = self.length;
        match self.body {
            Body::Sized(size) => match start.checked_add(size).filter(|end| *end <= LARGEST) {
                None => Err(format!("the response is longer than {LARGEST} bytes")),
                Some(end) => Ok((buffer.len() >= end).then_some((Found::At(start..end), end))),
            },
            Body::Chunked => chunks(buffer, start),
            Body::UntilClosed => Ok(closed.then_some((Found::At(start..buffer.len()), buffer.len()))),
        }
    }
}

fn chunks(buffer: &[u8], start: usize) -> Result<Option<(Found, usize)>, String> {
    let (mut body, mut at) = (Vec::new(), start);
    loop {
        let Some(rest) = buffer.get(at..) else { return Ok(None) };
        let (line, size) = match httparse::parse_chunk_size(rest).map_err(|_| "a chunk's size is no number".to_owned())? {
            Status::Complete(sized) => sized,
            Status::Partial => return Ok(None),
        };
        let size = usize::try_from(size).ok().filter(|size| *size <= LARGEST).ok_or("a chunk is too long")?;
        let from = at + line;
        let Some(chunk) = buffer.get(from..from + size) else { return Ok(None) };
        if buffer.len() < from + size + 2 {
            return Ok(None);
        }
        body.extend_from_slice(chunk);
        at = from + size + 2;
        if size == 0 {
            return Ok(Some((Found::Decoded(body), at)));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn taken(bytes: &str) -> Option<(u16, String, String)> {
        let mut buffer = bytes.as_bytes().to_vec();
        let response = Response::take(&mut buffer, false).unwrap()?;
        Some((response.status, String::from_utf8(response.body).unwrap(), String::from_utf8(buffer).unwrap()))
    }

    #[test]
    fn a_response_is_taken_once_it_is_whole_and_what_follows_stays() {
        for whole in [
            "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\n{\r\n1;a=b\r\n}\r\n0\r\n\r\n",
            "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}",
        ] {
            for cut in 1..whole.len() {
                assert_eq!(taken(&whole[..cut]), None, "{:?}", &whole[..cut]);
            }
            assert_eq!(taken(&format!("{whole}HTTP")), Some((200, "{}".into(), "HTTP".into())), "{whole}");
        }
    }

    #[test]
    fn a_body_without_a_length_ends_with_its_connection() {
        let mut buffer = b"HTTP/1.1 400 Bad Request\r\nA: b\r\na: c\r\nD: e\r\n\r\nno".to_vec();
        assert!(Response::take(&mut buffer, false).unwrap().is_none());
        let response = Response::take(&mut buffer, true).unwrap().unwrap();
        assert_eq!((response.status, response.body.as_slice()), (400, b"no".as_slice()));
        assert_eq!((response.header("a"), response.header("d")), (None, Some("e")), "a header that is doubled has no one value");
    }

    #[test]
    fn an_answer_in_tls_is_said_to_be_one() {
        let why = Response::take(&mut b"\x15\x03\x01\x00\x02\x02\x46".to_vec(), false).unwrap_err();
        assert_eq!(why, "what answers there speaks TLS: https:// instead of http:// may be meant");
    }

    #[test]
    fn what_is_not_http_is_an_error() {
        for bytes in [
            "SMTP\r\n\r\n",
            "HTTP/1.1 200 OK\r\ncontent-length: -1\r\n\r\n",
            "HTTP/1.1 200 OK\r\ncontent-length: 9999999\r\n\r\n",
        ] {
            assert!(Response::take(&mut bytes.as_bytes().to_vec(), false).is_err(), "{bytes}");
        }
    }
}
