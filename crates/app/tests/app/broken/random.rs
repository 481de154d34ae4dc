//! Random changes that a seed repeats.

/// SplitMix64.
pub(crate) struct Random(u64);

impl Random {
    /// What happens to one message depends on the seed and the message's number alone.
    pub(crate) fn of(seed: u64, number: usize) -> Self {
        let mut random = Self(seed);
        random.0 = random.next() ^ (number as u64).wrapping_mul(0xd134_2543_de82_ef95);
        random
    }

    /// Any number.
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// Less than `end`; 0 where that is 0.
    pub(crate) fn below(&mut self, end: usize) -> usize {
        usize::try_from(self.next() % end.max(1) as u64).unwrap()
    }

    /// One of these.
    pub(crate) fn pick<'a, T>(&mut self, among: &'a [T]) -> &'a T {
        &among[self.below(among.len())]
    }

    /// Some byte, more often one that means something.
    fn byte(&mut self) -> u8 {
        let telling = b"\0\t\n\r \"#%&'+,-./0:;=?[\\]{}\x7f\x80\xc3\xed\xff";
        if self.below(2) == 0 { *self.pick(telling) } else { self.next().to_le_bytes()[0] }
    }

    /// A short stretch of `0..length`.
    fn stretch(&mut self, length: usize) -> std::ops::Range<usize> {
        let from = self.below(length);
        let longest = if self.below(8) == 0 { 200 } else { 4 };
        from..length.min(from + 1 + self.below(longest))
    }

    /// Changes bytes once.
    pub(crate) fn change(&mut self, bytes: &mut Vec<u8>, pieces: &[&[u8]]) {
        let (at, length) = (self.below(bytes.len()), bytes.len());
        match self.below(if bytes.is_empty() { 2 } else { 11 }) {
            0 => bytes.insert(at, self.byte()),
            1 => drop(bytes.splice(at..at, self.pick(pieces).iter().copied())),
            2 => bytes[at] ^= 1 << self.below(8),
            3 => bytes[at] = self.byte(),
            4 => drop(bytes.drain(self.stretch(length))),
            5 => {
                let stretch = self.stretch(length);
                let copy = bytes[stretch.clone()].to_vec();
                drop(bytes.splice(at..at, copy));
            }
            6 => bytes.swap(at, self.below(length)),
            7 => {
                let stretch = self.stretch(length);
                let piece = self.pick(pieces);
                drop(bytes.splice(stretch, piece.iter().copied()));
            }
            8 => bytes.truncate(length.saturating_sub(self.below(3))),
            _ => {
                let mut digits: Vec<_> = bytes.iter_mut().filter(|byte| byte.is_ascii_digit()).collect();
                let which = self.below(digits.len());
                digits.get_mut(which).into_iter().for_each(|digit| **digit = *self.pick(b"0123456789"));
            }
        }
    }

    /// Changes whole lines once: one is left out, comes twice, changes places with another, or is changed itself.
    pub(crate) fn change_lines(&mut self, bytes: &mut Vec<u8>, pieces: &[&[u8]]) {
        let mut lines: Vec<Vec<u8>> = bytes.split_inclusive(|byte| *byte == b'\n').map(<[u8]>::to_vec).collect();
        let (at, other) = (self.below(lines.len()), self.below(lines.len()));
        match self.below(9) {
            _ if lines.is_empty() => return self.change(bytes, pieces),
            0 => drop(lines.remove(at)),
            1 => lines.insert(other, lines[at].clone()),
            2 => lines.swap(at, other),
            3 => self.change(&mut lines[at], pieces),
            // What decides stands at a line's beginning.
            _ => {
                let line = &mut lines[at];
                let tail = line.split_off(line.len().min(45));
                self.change(line, pieces);
                line.extend(tail);
            }
        }
        *bytes = lines.concat();
    }
}

/// Parts of JSON and of cancels.
pub(crate) const JSON_PIECES: &[&[u8]] = &[
    b"{",
    b"}",
    b"[",
    b"]",
    b":",
    b",",
    b"\"",
    b"\\",
    b"null",
    b"true",
    b"false",
    b"0",
    b"-1",
    b"1e999",
    b"1.5",
    b"\"\"",
    b"{}",
    b"[[]]",
    b"\\u0000",
    b"\\ud800",
    b"\\ud83d\\ude00",
    b"\\u0031",
    b"\\/",
    b"\\x",
    b"\xc3\xa9",
    b"\xff",
    b"\xed\xa0\x80",
    b"\xef\xbb\xbf",
    b"\xf0\x9f\x98\x80",
    b"\x00",
    b"\x1f",
    b"\r\n",
    b" ",
    b"\t",
    b"//",
    b",\"pspId\":\"1022172000000000001\"",
    b",\"x\":1",
    b",\"x\":{\"y\":[1,{\"y\":2}]}",
    b"\"pspId\":null,",
    b"\"paymentRequestId\":\"\",",
    b"\"acquirerId\":\"2\",",
    b"paymentRequestId",
    b"acquirerId",
    b"pspId",
    b"PSPID",
    b"..",
    b"[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[",
    b"9999999999999999999999999999999999999999999999999999999999999999",
];

/// Parts of HTTP heads and of the three headers.
pub(crate) const HTTP_PIECES: &[&[u8]] = &[
    b"\r\n",
    b"\n",
    b"\r",
    b"\r\n\r\n",
    b": ",
    b":",
    b" ",
    b"\t",
    b"\0",
    b"\xff",
    b"%00",
    b"%2F",
    b"../",
    b"//",
    b"?a=b",
    b"#x",
    b"http://wallet.example",
    b"GET ",
    b"HEAD ",
    b"CONNECT ",
    b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    b" HTTP/1.0",
    b" HTTP/1.1",
    b"HTTP/9.9",
    b"Content-Length: 0\r\n",
    b"Content-Length: 10\r\n",
    b"Content-Length: 4294967297\r\n",
    b"Content-Length: 99999999999999999999\r\n",
    b"Content-Length: -1\r\n",
    b"Content-Length: +1\r\n",
    b"Transfer-Encoding: chunked\r\n",
    b"Transfer-Encoding: gzip, chunked\r\n",
    b"Transfer-Encoding: identity\r\n",
    b"Expect: 100-continue\r\n",
    b"Expect: x\r\n",
    b"Connection: close\r\n",
    b"Connection: Upgrade\r\nUpgrade: h2c\r\n",
    b"Connection: Upgrade\r\nUpgrade: websocket\r\n",
    b"Content-Encoding: gzip\r\n",
    b"Content-Type: text/plain\r\n",
    b"Content-Type: application/json; charset=utf-16\r\n",
    b"Client-Id: x\r\n",
    b"Client-Id:\r\n",
    b"Request-Time: 1\r\n",
    b"Signature: x\r\n",
    b" folded\r\n",
    b"algorithm=ECC224,",
    b"algorithm=rsa256,",
    b"keyVersion=2,",
    b"keyVersion=-1,",
    b"keyVersion=4294967296,",
    b"signature=",
    b"signature=AAAA,",
    b"%3D",
    b"=",
    b"-",
    b"99999",
];
