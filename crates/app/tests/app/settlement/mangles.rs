//! The ways in which spreadsheets, editors and transports mangle a line. The page on settlement lists them.

/// The line that is mangled, and what mangling it needs.
pub(crate) struct Place<'a> {
    /// Its fields.
    pub(crate) fields: &'a [String],
    /// Which of them is the id, the amount and the time.
    pub(crate) id: usize,
    pub(crate) amount: usize,
    pub(crate) time: usize,
    /// The id in the line above.
    pub(crate) above: &'a str,
    /// Whether all fields stand in quotes.
    pub(crate) quoted: bool,
    /// Chooses where in the line it happens.
    pub(crate) chance: usize,
}

/// Makes the bytes that stand in the place of the line and its end.
type Mangle = fn(&Place<'_>) -> Vec<u8>;

/// What a spreadsheet makes of the id's cell.
macro_rules! cell {
    ($make:expr) => {
        |place| {
            let make: fn(&Place<'_>, &str) -> String = $make;
            place.with(place.id, &make(place, &place.fields[place.id]))
        }
    };
}

/// Every way, by the name that the page has.
pub(crate) const WAYS: [(&str, Mangle); 30] = [
    ("shortened-number", cell!(|_, id| shortened(id))),
    ("rounded-number", cell!(|_, id| rounded(id))),
    ("leading-zeros-lost", cell!(|_, id| id.trim_start_matches('0').to_owned())),
    ("apostrophe-before", cell!(|_, id| format!("'{id}"))),
    ("formula", cell!(|_, id| format!("=\"{id}\""))),
    ("grouped-digits", cell!(|_, id| grouped(id))),
    ("decimal-point", cell!(|_, id| format!("{id}.0"))),
    ("error-value", cell!(|_, _| "#VALUE!".to_owned())),
    ("missing-value", cell!(|_, _| "NaN".to_owned())),
    ("cell-emptied", cell!(|_, _| String::new())),
    ("cell-filled-down", cell!(|place, _| place.above.to_owned())),
    ("cell-counted-up", cell!(|_, id| counted_up(id))),
    ("amount-with-decimals", |place| place.with(place.amount, &format!("{}.00", place.fields[place.amount]))),
    ("time-reformatted", |place| place.with(place.time, "3/1/2026 9:15")),
    ("cells-shifted", |place| {
        let mut fields = place.fields.to_vec();
        fields.remove(place.id);
        fields.push(String::new());
        place.line(&fields)
    }),
    ("row-cleared", |place| place.line(&vec![String::new(); place.fields.len()])),
    ("backtick-before", cell!(|_, id| format!("`{id}"))),
    ("curly-quotes", cell!(|_, id| format!("“{id}”"))),
    ("stray-quote", |place| place.insert(b"\"")),
    ("line-wrapped", |place| {
        let mut line = place.honest();
        let middle = line.len() / 2;
        line.insert(middle, b'\n');
        line
    }),
    ("line-joined", |place| {
        let mut line = place.honest();
        line.pop();
        line
    }),
    ("line-emptied", |_| b"\n".to_vec()),
    (
        "zero-width-space",
        cell!(|place, id| {
            let (before, behind) = id.split_at(place.chance % (id.len() + 1));
            format!("{before}\u{200b}{behind}")
        }),
    ),
    ("semicolons", |place| place.honest().iter().map(|byte| if *byte == b',' { b';' } else { *byte }).collect()),
    ("byte-lost", |place| {
        place.change_id(|id, at| {
            id.remove(at);
        })
    }),
    ("byte-doubled", |place| place.change_id(|id, at| id.insert(at, id[at]))),
    ("bit-flipped", |place| {
        let bit = 1 << (place.chance / 64 % 8);
        place.change_id(|id, at| id[at] ^= bit)
    }),
    ("nul-byte", |place| place.insert(b"\0")),
    ("line-cut-off", |place| {
        let mut line = place.honest();
        line.truncate(place.chance % line.len());
        line.push(b'\n');
        line
    }),
    ("other-encoding", |place| place.change_id(|id, at| drop(id.splice(at..at, *b"\xb5\xe7")))),
];

impl Place<'_> {
    /// A line of these fields, as a program writes it that knows CSV.
    fn line(&self, fields: &[String]) -> Vec<u8> {
        line_of(fields, self.quoted).into_bytes()
    }

    fn honest(&self) -> Vec<u8> {
        self.line(self.fields)
    }

    fn with(&self, field: usize, text: &str) -> Vec<u8> {
        let mut fields = self.fields.to_vec();
        text.clone_into(&mut fields[field]);
        self.line(&fields)
    }

    /// Puts bytes somewhere into the line.
    fn insert(&self, bytes: &[u8]) -> Vec<u8> {
        let mut line = self.honest();
        let at = self.chance % line.len();
        drop(line.splice(at..at, bytes.iter().copied()));
        line
    }

    /// Changes the bytes of the id where they stand, at one of them.
    fn change_id(&self, change: impl Fn(&mut Vec<u8>, usize)) -> Vec<u8> {
        let mut id = self.fields[self.id].clone().into_bytes();
        let at = self.chance % id.len();
        change(&mut id, at);
        let line = self.with(self.id, "\u{1}");
        line.into_iter().flat_map(|byte| if byte == 1 { id.clone() } else { vec![byte] }).collect()
    }
}

/// A line of these fields with its end.
pub(crate) fn line_of(fields: &[String], quoted: bool) -> String {
    let field = |text: &String| {
        let special = quoted || text.contains([',', '"', '\n']);
        if special { format!("\"{}\"", text.replace('"', "\"\"")) } else { text.clone() }
    };
    fields.iter().map(field).collect::<Vec<_>>().join(",") + "\n"
}

fn is_number(id: &str) -> bool {
    id.len() > 11 && id.bytes().all(|byte| byte.is_ascii_digit())
}

fn shortened(id: &str) -> String {
    let digits = id.trim_start_matches('0');
    if is_number(digits) { format!("{}.{}E+{}", &digits[..1], &digits[1..6], digits.len() - 1) } else { id.to_owned() }
}

/// A spreadsheet keeps fifteen digits.
fn rounded(id: &str) -> String {
    if is_number(id) && id.len() > 15 { format!("{}{}", &id[..15], "0".repeat(id.len() - 15)) } else { id.to_owned() }
}

fn grouped(id: &str) -> String {
    if !is_number(id) {
        return id.to_owned();
    }
    let with_comma =
        |(n, digit): (usize, char)| if n > 0 && (id.len() - n).is_multiple_of(3) { vec![',', digit] } else { vec![digit] };
    id.chars().enumerate().flat_map(with_comma).collect()
}

/// The id with its last digits counted up by one, as a series goes on.
fn counted_up(id: &str) -> String {
    let kept = id.trim_end_matches(|c: char| c.is_ascii_digit()).len().max(id.len().saturating_sub(18));
    let (before, number) = id.split_at(kept);
    let next = number.parse::<u64>().unwrap_or_default() + 1;
    format!("{before}{next:0width$}", width = number.len())
}
