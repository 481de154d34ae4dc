//! Searching the cases in memory.

use async_trait::async_trait;
use domain::Case;

use super::store::MemoryStore;
use crate::{CaseSearch, FoundCases, Search, SearchPage, SearchPosition, UnavailableError};

#[async_trait]
impl CaseSearch for MemoryStore {
    async fn search(&self, search: &Search, page: &SearchPage) -> Result<FoundCases, UnavailableError> {
        let place = |case: &Case| Some((SearchPosition::of(case)?, case.clone()));
        let kept = self.kept();
        let mut found: Vec<_> =
            kept.cases.values().map(|file| &file.case).filter(|case| search.matches(case)).filter_map(place).collect();
        found.retain(|(position, _)| page.after.as_ref().is_none_or(|after| position < after));
        found.sort_by(|(one, _), (other, _)| other.cmp(one));
        found.truncate(page.limit as usize);
        let next = found.last().filter(|_| found.len() == page.limit as usize).map(|(position, _)| position.clone());
        Ok(FoundCases::Page { cases: found.into_iter().map(|(_, case)| case).collect(), next })
    }
}
