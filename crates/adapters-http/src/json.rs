//! Strict JSON: two readers of a text must not be able to understand it differently.

use std::collections::HashSet;
use std::fmt;
use std::marker::PhantomData;

use serde::de::value::MapAccessDeserializer;
use serde::de::{DeserializeOwned, Error, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};

/// Why a text was not accepted.
#[derive(Debug)]
pub(crate) enum JsonError {
    /// The text is not JSON, or one of its objects has two members of one name.
    Malformed(serde_json::Error),
    /// The text is JSON, but not the object that is wanted; the error carries the path of the member.
    WrongShape(serde_path_to_error::Error<serde_json::Error>),
}

/// Reads the text as one object. Members that `T` does not name only have to be JSON.
pub(crate) fn parse_object<T: DeserializeOwned>(text: &[u8]) -> Result<T, JsonError> {
    let EachMemberOnce = serde_json::from_slice(text).map_err(JsonError::Malformed)?;
    let parsed = serde_path_to_error::deserialize(&mut serde_json::Deserializer::from_slice(text));
    parsed.map(|JsonObject(parsed)| parsed).map_err(JsonError::WrongShape)
}

/// A JSON object, where serde's own derived code would take an array of the members' values as well.
#[derive(Debug)]
pub(crate) struct JsonObject<T>(pub(crate) T);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for JsonObject<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(ObjectVisitor(PhantomData)).map(Self)
    }
}

struct ObjectVisitor<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for ObjectVisitor<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, members: A) -> Result<T, A::Error> {
        T::deserialize(MapAccessDeserializer::new(members))
    }
}

/// JSON in which no object, however deep and whether it is used or not, has two members of one name.
struct EachMemberOnce;

impl<'de> Deserialize<'de> for EachMemberOnce {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(EachMemberOnceVisitor)
    }
}

struct EachMemberOnceVisitor;

impl<'de> Visitor<'de> for EachMemberOnceVisitor {
    type Value = EachMemberOnce;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<EachMemberOnce, A::Error> {
        let mut names = HashSet::new();
        while let Some(name) = members.next_key::<String>()? {
            let EachMemberOnce = members.next_value()?;
            if let Some(repeated) = names.replace(name) {
                return Err(A::Error::custom(format_args!("the member `{repeated}` appears twice")));
            }
        }
        Ok(EachMemberOnce)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<EachMemberOnce, A::Error> {
        while let Some(EachMemberOnce) = items.next_element()? {}
        Ok(EachMemberOnce)
    }

    fn visit_bool<E: Error>(self, _: bool) -> Result<EachMemberOnce, E> {
        Ok(EachMemberOnce)
    }

    fn visit_i64<E: Error>(self, _: i64) -> Result<EachMemberOnce, E> {
        Ok(EachMemberOnce)
    }

    fn visit_u64<E: Error>(self, _: u64) -> Result<EachMemberOnce, E> {
        Ok(EachMemberOnce)
    }

    fn visit_f64<E: Error>(self, _: f64) -> Result<EachMemberOnce, E> {
        Ok(EachMemberOnce)
    }

    fn visit_str<E: Error>(self, _: &str) -> Result<EachMemberOnce, E> {
        Ok(EachMemberOnce)
    }

    fn visit_unit<E: Error>(self) -> Result<EachMemberOnce, E> {
        Ok(EachMemberOnce)
    }
}
