//! The columns of a row: one list, from which every statement that writes such rows is made.

use std::borrow::Cow;

/// One column of many rows. As arrays, rows cost PostgreSQL a fraction of what they cost as JSON.
#[derive(Debug)]
pub(crate) enum Column<'a> {
    Texts(Vec<Option<&'a str>>),
    Numbers(Vec<Option<i64>>),
}

/// A field of a row, which is a cell of a column.
pub(crate) trait Cell {
    fn column<'a>(cells: impl Iterator<Item = &'a Self>) -> Column<'a>
    where
        Self: 'a;
}

macro_rules! cells {
    ($($field:ty => $kind:ident($cell:expr);)+) => {
        $(
            impl Cell for $field {
                fn column<'a>(cells: impl Iterator<Item = &'a Self>) -> Column<'a>
                where
                    Self: 'a,
                {
                    let cell: fn(&'a Self) -> _ = $cell;
                    Column::$kind(cells.map(cell).collect())
                }
            }
        )+
    };
}

cells! {
    Cow<'_, str> => Texts(|text| Some(&**text));
    Option<Cow<'_, str>> => Texts(|text| text.as_deref());
    i16 => Numbers(|number| Some(i64::from(*number)));
    i32 => Numbers(|number| Some(i64::from(*number)));
    Option<i32> => Numbers(|number| number.map(i64::from));
    i64 => Numbers(|number| Some(*number));
    Option<i64> => Numbers(|number| *number);
}

/// Groups of a row's changing columns, by their place: what changes together is written together, and nothing else is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Groups(u8);

impl Groups {
    pub(crate) const ALL: Self = Self(u8::MAX);

    /// How many sets of these groups there are.
    pub(crate) const fn sets_of(groups: usize) -> usize {
        1 << groups
    }

    /// The set with this number, counted from nothing to every group.
    pub(crate) const fn numbered(number: usize) -> Self {
        Self((number & 0xFF) as u8)
    }

    /// The set's number.
    pub(crate) const fn number(self) -> usize {
        self.0 as usize
    }

    pub(crate) const fn with(self, place: usize) -> Self {
        Self(self.0 | 1 << place)
    }

    pub(crate) fn has(self, place: usize) -> bool {
        self.0 & 1 << place != 0
    }

    pub(crate) const fn and(self, others: Self) -> Self {
        Self(self.0 | others.0)
    }
}

/// How rows are written, which says what columns of them.
#[derive(Debug, Clone, Copy)]
pub(crate) enum WriteMode {
    /// All of them are new.
    Insert,
    /// All of them are there already.
    Update(Groups),
}

/// A row of a table, with the list of its columns.
pub(crate) trait TableRow: Sized {
    const TABLE: &'static str;
    /// The columns by which a row is found again.
    const KEY: &'static [&'static str];
    /// The columns that are written once, when the row is inserted.
    const FIXED: &'static [&'static str];
    /// The columns that an update may write, by group.
    const CHANGING: &'static [&'static [&'static str]];

    /// The columns that this way of writing sends: the key, the fixed columns of new rows, and the changing ones.
    fn columns(rows: &[Self], writing: WriteMode) -> Vec<Column<'_>>;

    /// The groups in which the row differs from what it was.
    fn differing(&self, was: &Self) -> Groups;

    /// The names of [`Self::columns`].
    fn names(writing: WriteMode) -> Vec<&'static str> {
        let mut names = Self::KEY.to_vec();
        match writing {
            WriteMode::Insert => names.extend(Self::FIXED.iter().chain(Self::CHANGING.iter().copied().flatten())),
            WriteMode::Update(groups) => names.extend(Self::changing(groups)),
        }
        names
    }

    /// The names of these groups' columns.
    fn changing(groups: Groups) -> impl Iterator<Item = &'static str> {
        Self::CHANGING
            .iter()
            .enumerate()
            .filter(move |(place, _)| groups.has(*place))
            .flat_map(|(_, names)| names.iter().copied())
    }
}

/// Makes a struct a [`TableRow`]. Every field has to be listed. Each line of `changing` is a group; `assigned` are the fields that the
/// database fills.
macro_rules! columns {
    (
        $row:ident in $table:ident
        $(key $($key:ident),+;)?
        $(fixed $($fixed:ident),+;)?
        $(changing $($changing:ident),+;)*
        $(assigned $($assigned:ident),+;)?
    ) => {
        impl $crate::sql::TableRow for $row<'_> {
            const TABLE: &'static str = stringify!($table);
            const KEY: &'static [&'static str] = &[$($(stringify!($key)),+)?];
            const FIXED: &'static [&'static str] = &[$($(stringify!($fixed)),+)?];
            const CHANGING: &'static [&'static [&'static str]] = &[$(&[$(stringify!($changing)),+]),*];

            fn columns(rows: &[Self], writing: $crate::sql::WriteMode) -> Vec<$crate::sql::Column<'_>> {
                use $crate::sql::{Cell, WriteMode};
                // A field that is not listed would never be written: this does not compile then.
                let _ = |Self { $($($key: _,)+)? $($($fixed: _,)+)? $($($changing: _,)+)* $($($assigned: _,)+)? }: Self| ();
                let mut columns = vec![$($(Cell::column(rows.iter().map(|row| &row.$key))),+)?];
                let (is_new, groups) = match writing {
                    WriteMode::Insert => (true, $crate::sql::Groups::ALL),
                    WriteMode::Update(groups) => (false, groups),
                };
                if is_new {
                    columns.extend([$($(Cell::column(rows.iter().map(|row| &row.$fixed))),+)?]);
                }
                let place = std::cell::Cell::new(0);
                $(
                    if groups.has(place.replace(place.get() + 1)) {
                        columns.extend([$(Cell::column(rows.iter().map(|row| &row.$changing))),+]);
                    }
                )*
                let _ = (place, groups);
                columns
            }

            fn differing(&self, was: &Self) -> $crate::sql::Groups {
                let _ = was;
                let differs: &[bool] = &[$($(self.$changing != was.$changing)||+),*];
                let places = differs.iter().enumerate().filter(|(_, differs)| **differs);
                places.fold($crate::sql::Groups::default(), |groups, (place, _)| groups.with(place))
            }
        }
    };
}

pub(crate) use columns;
