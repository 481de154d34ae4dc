//! Searching the cases in a database, as the port promises it.

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use chrono::DateTime;
use domain::PaymentRequestId;
use ports::{CaseSearch, FoundCases, Search, SearchPage, SearchPosition, UnavailableError};
use tokio::sync::Semaphore;

use crate::engine::SqlConnection;
use crate::pool::Connections;
use crate::rows::{CaseKey, InconsistentRowError, RowRef, inconsistent};
use crate::tables::{FoundPlace, FoundPlaces, find_places};
use crate::transaction::read;

/// Searches on the connections that others read from, but never on more than a part of them: those who look for something do not make
/// those wait who have to be answered.
pub(crate) struct SqlSearch<C: SqlConnection> {
    readers: Connections<C>,
    at_once: Arc<Semaphore>,
}

impl<C: SqlConnection> SqlSearch<C> {
    pub(crate) fn on(readers: Connections<C>) -> Self {
        let at_once = readers.size().div_ceil(4);
        Self { readers, at_once: Arc::new(Semaphore::new(usize::try_from(at_once).unwrap_or(1))) }
    }
}

fn position(FoundPlace { began_at, payment_request_id }: &FoundPlace) -> Result<SearchPosition, InconsistentRowError> {
    let row = RowRef { table: "cases", id: payment_request_id };
    let id = row.parsed("payment_request_id", PaymentRequestId::parse(row.id))?;
    Ok(SearchPosition { began_at: row.required("initiated_at", DateTime::from_timestamp_micros(*began_at))?, id })
}

#[async_trait]
impl<C: SqlConnection> CaseSearch for SqlSearch<C> {
    async fn search(&self, search: &Search, page: &SearchPage) -> Result<FoundCases, UnavailableError> {
        let closed = |_| UnavailableError::because("searches are not answered any more");
        let turn = Arc::clone(&self.at_once).acquire_owned().await.map_err(closed)?;
        let (search, page) = (search.clone(), page.clone());
        let found = read(&self.readers, move |connection| {
            // The work goes on where nobody waits for it any more, and so does its turn.
            let _turn = turn;
            Ok(match find_places(connection, &search, &page)? {
                FoundPlaces::TooMany => None,
                FoundPlaces::Page { places, next } => {
                    let ids: Vec<_> = places.into_iter().map(|place| place.payment_request_id).collect();
                    let rows = connection.load(&CaseKey::of_all(&ids))?;
                    Some((ids, rows, next))
                }
            })
        });
        let Some((ids, rows, next)) = found.await? else { return Ok(FoundCases::TooMany) };
        let cases = rows.into_readable("it is left out of what was searched for");
        let mut by_id: BTreeMap<_, _> = cases.into_iter().map(|case| (case.id.to_string(), case)).collect();
        let cases = ids.iter().filter_map(|id| by_id.remove(id)).collect();
        let next = next.as_ref().map(position).transpose().map_err(inconsistent)?;
        Ok(FoundCases::Page { cases, next })
    }
}
