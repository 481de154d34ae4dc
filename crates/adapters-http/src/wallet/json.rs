//! JSON bodies, taken strictly.

use std::collections::HashSet;
use std::fmt;
use std::future::Future;
use std::marker::PhantomData;
use std::pin::Pin;

use actix_web::dev::Payload;
use actix_web::http::StatusCode;
use actix_web::{FromRequest, HttpRequest, web};
use serde::de::value::MapAccessDeserializer;
use serde::de::{DeserializeOwned, Error, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};

use super::problem::Problem;

/// How long a body may be, in bytes.
pub(crate) const LONGEST_BODY: usize = 64 * 1024;

/// A request's body. What is no JSON is malformed (400); JSON that lacks what the route needs is not acceptable (422). Unknown
/// members are left aside, because a wallet may send more than is asked for.
pub(crate) struct Body<T>(pub(crate) T);

impl<T: DeserializeOwned + 'static> FromRequest for Body<T> {
    type Error = Problem;
    type Future = Pin<Box<dyn Future<Output = Result<Self, Problem>>>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let bytes = web::Bytes::from_request(request, payload);
        Box::pin(async move {
            let bytes = bytes.await.map_err(|error| match error.as_response_error().status_code() {
                StatusCode::PAYLOAD_TOO_LARGE => Problem::too_large(LONGEST_BODY),
                _ => Problem::malformed("the body could not be read to its end"),
            })?;
            parse(&bytes).map(Self)
        })
    }
}

fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Problem> {
    let EachMemberOnce = serde_json::from_slice(bytes).map_err(|error| Problem::malformed(format!("the body: {error}")))?;
    let taken = serde_path_to_error::deserialize(&mut serde_json::Deserializer::from_slice(bytes));
    let Object(taken) = taken.map_err(|error: serde_path_to_error::Error<serde_json::Error>| {
        let place = if error.path().iter().next().is_some() { error.path().to_string() } else { "the body".to_owned() };
        Problem::not_acceptable(format!("{place}: {}", error.inner()))
    })?;
    Ok(taken)
}

/// A JSON object, where serde's own derived code would take an array of the members' values as well.
#[derive(Debug)]
pub(crate) struct Object<T>(pub(crate) T);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Object<T> {
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

/// JSON in which no object, however deep and however little it is asked for, has two members of one name: two readers could
/// take different ones.
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
            if let Some(double) = names.replace(name) {
                return Err(A::Error::custom(format_args!("the member `{double}` stands there twice")));
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
