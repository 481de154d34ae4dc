//! The words of files for what is neither payment nor refund.

use std::collections::BTreeMap;

/// How many different words are kept, and how many characters of each. A column that is not the type's may have any number.
const WORDS: usize = 20;
const LENGTH: usize = 32;
/// Counts all further words.
const FURTHER: &str = "…";

/// How many lines have each word.
#[derive(Default)]
pub(super) struct OtherTypes(BTreeMap<String, u64>);

impl OtherTypes {
    pub(super) fn add(&mut self, word: &str) {
        let word: String = word.chars().take(LENGTH).collect();
        let is_kept = self.0.contains_key(&word) || self.0.len() < WORDS;
        *self.0.entry(if is_kept { word } else { FURTHER.to_owned() }).or_default() += 1;
    }

    pub(super) fn counts(self) -> BTreeMap<String, u64> {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_counts_however_many_words_there_are() {
        let mut types = OtherTypes::default();
        (0..1_000).for_each(|n| types.add(&format!("{n}{}", "x".repeat(n))));
        types.add("0");
        let counts = types.counts();
        assert_eq!((counts.len(), counts["0"], counts[FURTHER]), (21, 2, 980));
        assert_eq!(counts.values().sum::<u64>(), 1_001);
    }
}
