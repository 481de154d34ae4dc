//! Reads Rust and SQL as text: what is code, what is a comment, what is a literal.

/// What a piece of a source is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Piece {
    /// One character of code.
    Code,
    Comment,
    /// A string with its quotes.
    Text,
    /// A character in its quotes, or the quote alone where a lifetime or a label begins.
    Character,
}

pub(crate) struct Function {
    pub(crate) name: String,
    pub(crate) line: usize,
    pub(crate) lines: usize,
}

/// Calls back with every piece of a source and the place where it begins.
pub(crate) fn pieces<'a>(text: &'a str, mut each: impl FnMut(Piece, usize, &'a str)) {
    let (mut rest, mut after_word) = (text, false);
    while let Some(first) = rest.chars().next() {
        let (length, piece) = match first {
            '/' if rest.starts_with("//") => (rest.find('\n').unwrap_or(rest.len()), Piece::Comment),
            '/' if rest.starts_with("/*") => (block_comment(rest), Piece::Comment),
            '"' => (1 + quoted(&rest[1..]), Piece::Text),
            '\'' => (character(rest), Piece::Character),
            'r' if !after_word && raw_string(rest).is_some() => (raw_string(rest).unwrap_or(1), Piece::Text),
            _ => (first.len_utf8(), Piece::Code),
        };
        each(piece, text.len() - rest.len(), &rest[..length]);
        // A raw string may begin behind its prefix b or c only.
        after_word = (first.is_alphanumeric() || first == '_') && !(!after_word && (first == 'b' || first == 'c'));
        rest = &rest[length..];
    }
}

/// The same text, byte by byte, with comments blank and literals made harmless.
pub(crate) fn code_only(text: &str) -> String {
    let mut code = String::with_capacity(text.len());
    pieces(text, |piece, _, part| {
        let shown = match piece {
            Piece::Code => return code.push_str(part),
            Piece::Comment => ' ',
            Piece::Text | Piece::Character => 's',
        };
        code.extend(part.bytes().map(|b| if b == b'\n' { '\n' } else { shown }));
    });
    code
}

/// What stands in the strings of a source, with the places where they begin. Escapes stay as they are written.
pub(crate) fn literals(text: &str) -> Vec<(usize, &str)> {
    let mut found = vec![];
    pieces(text, |piece, place, part| {
        if piece == Piece::Text {
            let inside = part.trim_start_matches('r').trim_matches('#');
            found.push((place, inside.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).unwrap_or(inside)));
        }
    });
    found
}

/// The line of a place, counted from one.
pub(crate) fn line_of(text: &str, place: usize) -> usize {
    1 + text.as_bytes()[..place].iter().filter(|b| **b == b'\n').count()
}

/// The length of a string's inside with its closing quote.
fn quoted(inside: &str) -> usize {
    let mut escaped = false;
    for (place, c) in inside.char_indices() {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => return place + 1,
            _ => {}
        }
    }
    inside.len()
}

/// The length of a character literal, or of the quote alone where a lifetime or a label begins.
fn character(text: &str) -> usize {
    let mut inside = text[1..].char_indices();
    match (inside.next(), inside.next()) {
        (Some((_, '\\')), Some((place, c))) => {
            let from = 1 + place + c.len_utf8();
            from + text[from..].find('\'').map_or(0, |end| end + 1)
        }
        (Some(_), Some((place, '\''))) => 1 + place + 1,
        (Some(_) | None, Some(_) | None) => 1,
    }
}

fn raw_string(text: &str) -> Option<usize> {
    let hashes = text[1..].bytes().take_while(|b| *b == b'#').count();
    let inside = text.get(1 + hashes..)?.strip_prefix('"')?;
    let end = format!("\"{}", "#".repeat(hashes));
    inside.find(&end).map(|place| 1 + hashes + 1 + place + end.len())
}

fn block_comment(text: &str) -> usize {
    let (mut depth, mut place) = (0_usize, 0);
    while place < text.len() {
        let here = &text.as_bytes()[place..];
        let step = if here.starts_with(b"/*") {
            1
        } else if here.starts_with(b"*/") {
            -1
        } else {
            0
        };
        depth = depth.saturating_add_signed(step);
        place += if step == 0 { 1 } else { 2 };
        if depth == 0 {
            break;
        }
    }
    place
}

/// The words of code, with the places where they begin.
pub(crate) fn words(code: &str) -> impl Iterator<Item = (usize, &str)> {
    let is_part = |c: char| c.is_alphanumeric() || c == '_';
    let pieces = code.split(move |c| !is_part(c)).filter(|piece| !piece.is_empty());
    pieces.map(move |piece| (piece.as_ptr() as usize - code.as_ptr() as usize, piece))
}

/// The place behind the brace that closes the first one opened at or after `from`; `None` where a semicolon ends it before.
pub(crate) fn end_of_block(code: &str, from: usize) -> Option<usize> {
    let (mut braces, mut others) = (0_usize, 0_usize);
    for (place, b) in code.bytes().enumerate().skip(from) {
        match b {
            b'{' => braces += 1,
            b'}' if braces == 1 => return Some(place + 1),
            b'}' => braces = braces.saturating_sub(1),
            b'(' | b'[' if braces == 0 => others += 1,
            b')' | b']' if braces == 0 => others = others.saturating_sub(1),
            b';' if braces == 0 && others == 0 => return None,
            _ => {}
        }
    }
    None
}

pub(crate) fn functions(code: &str) -> Vec<Function> {
    let mut found = vec![];
    let mut words = words(code).peekable();
    while let Some((place, word)) = words.next() {
        let Some((named_at, name)) = words.peek().copied().filter(|_| word == "fn") else { continue };
        // `fn(` is a type.
        if code[place + 2..named_at].trim().is_empty()
            && let Some(end) = end_of_block(code, named_at)
        {
            let line = line_of(code, place);
            found.push(Function { name: name.to_owned(), line, lines: line_of(code, end) - line + 1 });
        }
    }
    found
}

/// The same code, byte by byte, with its test modules blank.
pub(crate) fn without_test_modules(code: &str) -> String {
    const MARK: &str = "#[cfg(test)]";
    let mut kept = String::with_capacity(code.len());
    let mut rest = code;
    while let Some(place) = rest.find(MARK) {
        let (before, after) = rest.split_at(place);
        let end = end_of_block(after, MARK.len()).or_else(|| after.find(';').map(|end| end + 1));
        let (tests, behind) = after.split_at(end.unwrap_or(after.len()));
        kept.push_str(before);
        kept.extend(tests.bytes().map(|b| if b == b'\n' { '\n' } else { ' ' }));
        rest = behind;
    }
    kept + rest
}

/// SQL with comments and everything in quotes left out.
pub(crate) fn sql_only(text: &str) -> String {
    let mut kept = String::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let excluded = match first {
            '-' if rest.starts_with("--") => rest.find('\n').unwrap_or(rest.len()),
            '/' if rest.starts_with("/*") => block_comment(rest),
            '\'' | '"' => 1 + rest[1..].find(first).map_or(rest.len() - 1, |end| end + 1),
            _ => 0,
        };
        let taken = if excluded == 0 { first.len_utf8() } else { excluded };
        kept.extend(rest[..taken].chars().filter(|c| excluded == 0 || *c == '\n'));
        rest = &rest[taken..];
    }
    kept
}
