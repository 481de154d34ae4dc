//! Columns as arrays in PostgreSQL's binary form.
//!
//! diesel writes an array in many small pieces, each of which may make its buffer grow. A batch sends some thirty arrays, most of them
//! with one element where cancels come one by one: they are written here in one piece.

use std::io::Write;
use std::num::TryFromIntError;

use diesel::QueryResult;
use diesel::pg::Pg;
use diesel::query_builder::AstPass;
use diesel::serialize::{IsNull, Output, ToSql};
use diesel::sql_types::{Array, BigInt, Nullable, Text};

use super::columns::Column;
use super::statement::Parameter;

/// The types of the elements, by the numbers that PostgreSQL's catalogue has for them in every version.
const BIGINT: i32 = 20;
const TEXT: i32 = 25;

/// Stands for the length of an element that is null.
const NULL: i32 = -1;

/// The array's head: one dimension, whether any element is null, their type and number, and that they are counted from 1.
fn head(element: i32, (count, has_null): (usize, bool)) -> Result<[u8; 20], TryFromIntError> {
    let mut head = [0; 20];
    let fields = [1, i32::from(has_null), element, i32::try_from(count)?, 1];
    for (place, field) in head.chunks_exact_mut(4).zip(fields) {
        place.copy_from_slice(&field.to_be_bytes());
    }
    Ok(head)
}

/// The array of these elements; `length` is that of each, `write` appends it.
fn array<T: Copy>(
    element: i32,
    elements: &[Option<T>],
    (length, write): (impl Fn(T) -> usize, impl Fn(T, &mut Vec<u8>)),
) -> Result<Vec<u8>, TryFromIntError> {
    let lengths: usize = elements.iter().flatten().map(|element| length(*element)).sum();
    let mut array = Vec::with_capacity(20 + 4 * elements.len() + lengths);
    array.extend_from_slice(&head(element, (elements.len(), elements.iter().any(Option::is_none)))?);
    for element in elements {
        match element {
            None => array.extend_from_slice(&NULL.to_be_bytes()),
            Some(element) => {
                array.extend_from_slice(&i32::try_from(length(*element))?.to_be_bytes());
                write(*element, &mut array);
            }
        }
    }
    Ok(array)
}

impl ToSql<Array<Nullable<Text>>, Pg> for Column<'_> {
    fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, Pg>) -> diesel::serialize::Result {
        out.write_all(&self.as_array()?)?;
        Ok(IsNull::No)
    }
}

impl ToSql<Array<Nullable<BigInt>>, Pg> for Column<'_> {
    fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, Pg>) -> diesel::serialize::Result {
        out.write_all(&self.as_array()?)?;
        Ok(IsNull::No)
    }
}

impl Column<'_> {
    fn as_array(&self) -> Result<Vec<u8>, TryFromIntError> {
        match self {
            Self::Texts(texts) => array(TEXT, texts, (str::len, |text, out| out.extend_from_slice(text.as_bytes()))),
            Self::Numbers(numbers) => array(BIGINT, numbers, (|_| 8, |number, out| out.extend_from_slice(&number.to_be_bytes()))),
        }
    }
}

impl Parameter<Pg> for Column<'_> {
    fn push<'b>(&'b self, out: &mut AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        match self {
            Self::Texts(_) => out.push_bind_param::<Array<Nullable<Text>>, Self>(self),
            Self::Numbers(_) => out.push_bind_param::<Array<Nullable<BigInt>>, Self>(self),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_array_is_as_postgresql_reads_it() {
        let texts = Column::Texts(vec![Some("ab"), None]).as_array().unwrap();
        let expected: Vec<u8> = [1, 1, 25, 2, 1, 2].iter().flat_map(|field: &i32| field.to_be_bytes()).collect();
        assert_eq!(texts, [expected.as_slice(), b"ab", &[0xff; 4]].concat());
        let numbers = Column::Numbers(vec![Some(-2)]).as_array().unwrap();
        let expected: Vec<u8> = [1, 0, 20, 1, 1, 8].iter().flat_map(|field: &i32| field.to_be_bytes()).collect();
        assert_eq!(numbers, [expected.as_slice(), &(-2_i64).to_be_bytes()].concat());
    }
}
