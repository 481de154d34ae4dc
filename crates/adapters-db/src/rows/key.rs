//! The key of a case, with which every key of its tables begins.

use domain::PaymentRequestId;
use sha2::{Digest, Sha256};

/// How many buckets there are: enough for as many machines, and few enough that a batch of one bucket is still a batch.
const BUCKETS: u8 = 32;

/// The key of a case in every table. Keys are in the order of their ids, which is the order of locks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct CaseKey<'a> {
    pub(crate) id: &'a str,
    /// One of 32, from the id alone: the lower five bits of its SHA-256's first byte.
    pub(crate) bucket: i16,
}

impl<'a> CaseKey<'a> {
    pub(crate) fn of(id: &'a str) -> Self {
        let [first, ..] = Sha256::digest(id.as_bytes()).0;
        Self { id, bucket: i16::from(first % BUCKETS) }
    }

    /// The keys of cases, in the order of the ids as they come.
    pub(crate) fn of_all(ids: &'a [String]) -> Vec<Self> {
        ids.iter().map(|id| Self::of(id)).collect()
    }
}

impl<'a> From<&'a PaymentRequestId> for CaseKey<'a> {
    fn from(id: &'a PaymentRequestId) -> Self {
        Self::of(id.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bucket_is_the_lower_five_bits_of_the_digests_first_byte() {
        // printf ID | sha256sum
        for (id, first_byte) in [("abc", 0xba), ("bench-0000000001", 0xcc), ("", 0xe3)] {
            assert_eq!(CaseKey::of(id).bucket, first_byte & 31, "{id}");
        }
    }
}
