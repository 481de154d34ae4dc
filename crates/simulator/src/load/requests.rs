//! Requests as the bytes that go over the wire, made before anything is measured.

use std::num::NonZero;
use std::thread;

use crate::output::CommandError;

/// Many requests in one piece of memory.
#[derive(Debug, Default)]
pub(crate) struct Requests {
    bytes: Vec<u8>,
    ends: Vec<usize>,
}

impl Requests {
    /// Makes `count` requests on every core; `made` hears of each.
    ///
    /// # Errors
    /// The first failure of `make`.
    pub(crate) fn make<F, P>(count: usize, make: F, made: P) -> Result<Self, CommandError>
    where
        F: Fn(usize) -> Result<Vec<u8>, CommandError> + Sync,
        P: Fn() + Sync,
    {
        let cores = thread::available_parallelism().map_or(1, NonZero::get);
        let share = count.div_ceil(cores).max(1);
        let part = |first: usize| {
            (first..count.min(first + share)).try_fold(Self::default(), |mut part, index| {
                part.push(&make(index)?);
                made();
                Ok::<_, CommandError>(part)
            })
        };
        let parts = thread::scope(|scope| {
            let running: Vec<_> = (0..count).step_by(share).map(|first| scope.spawn(move || part(first))).collect();
            let died = |_| CommandError::new("a thread that made requests died");
            running.into_iter().map(|part| part.join().map_err(died)?).collect::<Result<Vec<_>, _>>()
        })?;
        let mut parts = parts.into_iter();
        let mut all = parts.next().unwrap_or_default();
        parts.for_each(|part| (0..part.len()).for_each(|index| all.push(part.get(index))));
        Ok(all)
    }

    fn push(&mut self, request: &[u8]) {
        self.bytes.extend_from_slice(request);
        self.ends.push(self.bytes.len());
    }

    pub(crate) fn len(&self) -> usize {
        self.ends.len()
    }

    /// The bytes of one request; none beyond the last.
    pub(crate) fn get(&self, index: usize) -> &[u8] {
        let end = self.ends.get(index).copied().unwrap_or(self.bytes.len());
        let start = index.checked_sub(1).and_then(|before| self.ends.get(before)).copied().unwrap_or(0);
        self.bytes.get(start..end).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_made_on_many_cores_stand_in_their_order() {
        let requests = Requests::make(1000, |index| Ok(index.to_string().into_bytes()), || {}).unwrap();
        assert_eq!(requests.len(), 1000);
        for index in 0..1000 {
            assert_eq!(requests.get(index), index.to_string().as_bytes());
        }
        assert_eq!(Requests::make(0, |_| Ok(vec![1]), || {}).unwrap().len(), 0);
    }

    #[test]
    fn one_request_that_cannot_be_made_spoils_all() {
        let make = |index| if index == 7 { Err(CommandError::new("seven")) } else { Ok(vec![0]) };
        assert_eq!(Requests::make(10, make, || {}).unwrap_err().to_string(), "seven");
    }
}
