//! Many callers in the same millisecond.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use tokio::sync::Barrier;
use tokio::task::JoinHandle;

use super::{Bench, Reply, lost};
use crate::suite::verdict::CaseError;
use crate::wire::Request;

/// Something that the wallet tells while Alipay+ cancels.
pub(crate) type Telling = Pin<Box<dyn Future<Output = Result<String, CaseError>> + Send>>;

impl Bench {
    /// Sends all of them at once, each on a connection of its own: every connection is open, and every request has been sent but
    /// for its last byte, before any of those bytes goes out. What the wallet tells begins at the same moment.
    pub(crate) async fn at_once(
        &self,
        requests: Vec<Request>,
        tellings: Vec<Telling>,
    ) -> Result<(Vec<Reply>, Vec<String>), CaseError> {
        let barrier = Arc::new(Barrier::new(requests.len() + tellings.len()));
        let requests: Vec<_> = requests.into_iter().map(|request| self.start(request, Arc::clone(&barrier))).collect();
        let tellings = tellings.into_iter().map(|telling| {
            let barrier = Arc::clone(&barrier);
            tokio::spawn(async move {
                barrier.wait().await;
                telling.await
            })
        });
        let tellings: Vec<_> = tellings.collect();
        Ok((joined(requests).await?, joined(tellings).await?))
    }

    /// The same cancel from so many connections.
    pub(crate) async fn cancel_at_once(
        &self,
        id: &str,
        callers: usize,
        tellings: Vec<Telling>,
    ) -> Result<(Vec<Reply>, Vec<String>), CaseError> {
        let request = self.cancel_request(id)?;
        self.at_once(vec![request; callers], tellings).await
    }

    fn start(&self, request: Request, barrier: Arc<Barrier>) -> JoinHandle<Result<Reply, CaseError>> {
        let bench = self.clone();
        tokio::spawn(async move {
            let bytes = request.bytes();
            let (last, before) = bytes.split_last().map_or((0, &[][..]), |(last, before)| (*last, before));
            let ready = async {
                let mut connection = bench.connect().await?;
                connection.send(before).await.map_err(lost)?;
                Ok(connection)
            };
            let ready = bench.within_patience(&request, ready).await;
            // A caller that fails before has to be counted too, or nobody would begin.
            barrier.wait().await;
            let mut connection = ready?;
            let exchange = async {
                connection.send(&[last]).await.map_err(lost)?;
                bench.receive(&mut connection, &request).await
            };
            bench.within_patience(&request, exchange).await
        })
    }
}

async fn joined<T>(tasks: Vec<JoinHandle<Result<T, CaseError>>>) -> Result<Vec<T>, CaseError> {
    let mut results = Vec::with_capacity(tasks.len());
    for task in tasks {
        results.push(task.await.map_err(|error| CaseError::NotRun(format!("a caller broke down: {error}")))?);
    }
    results.into_iter().collect()
}
