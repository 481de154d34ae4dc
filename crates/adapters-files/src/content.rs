//! A file's bytes, unpacked where they are packed, if they can be text at all.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::Path;
use std::sync::Arc;

use flate2::read::MultiGzDecoder;

/// Called with the number of bytes that each read took from a file.
pub(crate) type OnRead = Arc<dyn Fn(u64) + Send + Sync>;

const BUFFER: usize = 1 << 16;
/// What a file compressed by gzip begins with.
const GZIP: &[u8] = &[0x1f, 0x8b];

/// What files begin with that are no CSV in UTF-8, and what they are.
const OTHERS: [(&[u8], &str); 9] = [
    (b"PK", "a ZIP archive or an Excel workbook: unpack it, or have Alipay+'s own file"),
    (&[0xd0, 0xcf, 0x11, 0xe0], "an old Excel workbook: have Alipay+'s own file"),
    (&[0xff, 0xfe], "text in UTF-16: have Alipay+'s own file, or turn it into UTF-8, as `iconv -f UTF-16 -t UTF-8` does"),
    (&[0xfe, 0xff], "text in UTF-16: have Alipay+'s own file, or turn it into UTF-8, as `iconv -f UTF-16 -t UTF-8` does"),
    (b"BZh", "compressed by bzip2: unpack it"),
    (&[0xfd, b'7', b'z', b'X', b'Z'], "compressed by xz: unpack it"),
    (&[0x28, 0xb5, 0x2f, 0xfd], "compressed by zstd: unpack it"),
    (b"7z\xbc\xaf", "a 7z archive: unpack it"),
    (b"%PDF", "a PDF document: have Alipay+'s own file"),
];

/// A file that reports each read.
struct Counted {
    file: File,
    on_read: OnRead,
}

impl Read for Counted {
    fn read(&mut self, to: &mut [u8]) -> io::Result<usize> {
        let length = self.file.read(to)?;
        (self.on_read)(length as u64);
        Ok(length)
    }
}

/// Opens a file. The error says why it cannot be read, or what it is instead of CSV.
pub(crate) fn open(path: &Path, on_read: OnRead) -> Result<Box<dyn BufRead + Send>, String> {
    let mut content = plain_or_unpacked(path, on_read).map_err(|error| format!("the file cannot be read: {error}"))?;
    let begins = content.fill_buf().map_err(|error| format!("the file cannot be read on and may be cut off: {error}"))?;
    let other = OTHERS.iter().find(|(with, _)| begins.starts_with(with));
    other.map_or(Ok(content), |(_, what)| Err(format!("the file is not CSV but {what}")))
}

fn plain_or_unpacked(path: &Path, on_read: OnRead) -> io::Result<Box<dyn BufRead + Send>> {
    let mut file = BufReader::with_capacity(BUFFER, Counted { file: File::open(path)?, on_read });
    let packed = file.fill_buf()?.starts_with(GZIP);
    Ok(if packed { Box::new(BufReader::with_capacity(BUFFER, MultiGzDecoder::new(file))) } else { Box::new(file) })
}

/// What a line that is no UTF-8 may be, as the end of a sentence.
pub(crate) fn encoding_of(line: &[u8]) -> &'static str {
    if is_gbk(line) {
        "this is not text in UTF-8; it looks like GBK, which `iconv -f GB18030 -t UTF-8` turns into UTF-8"
    } else {
        "this is not text in UTF-8"
    }
}

/// Whether all that is not ASCII comes in pairs, as GBK has them.
fn is_gbk(line: &[u8]) -> bool {
    let mut bytes = line.iter();
    while let Some(first) = bytes.next() {
        let is_pair = |second: &u8| matches!(first, 0x81..=0xfe) && matches!(second, 0x40..=0x7e | 0x80..=0xfe);
        if !first.is_ascii() && !bytes.next().is_some_and(is_pair) {
            return false;
        }
    }
    true
}
