//! Calls of the wallet core.

use std::fmt;
use std::sync::Arc;

use domain::PaymentRequestId;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use reqwest::dns::Resolve;
use reqwest::{Client, Method};
use serde::Serialize;

use crate::generation::{Generation, Generations};
use crate::recipe::{CoreError, CoreSettings, Recipe};
use crate::reply::{CallError, CoreReply};

/// Everything but the characters that never mean anything in a path.
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// A wallet core. Clones share their connections.
#[derive(Debug, Clone)]
pub struct WalletCore {
    generations: Arc<Generations>,
}

/// A token, authorities and a client's identity that are read and fit, to be put in force.
pub struct CoreRenewal(Arc<Recipe>, Client);

/// Shows nothing that may be secret.
impl fmt::Debug for CoreRenewal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("CoreRenewal")
    }
}

impl WalletCore {
    /// Prepares the calls; connects to nothing yet.
    ///
    /// # Errors
    /// [`CoreError`] where a setting cannot be used.
    pub fn new(settings: &CoreSettings) -> Result<Self, CoreError> {
        Self::made(settings, None)
    }

    /// The same, with names looked up there and not by the system.
    ///
    /// # Errors
    /// [`CoreError`] as for [`Self::new`].
    pub fn resolving(settings: &CoreSettings, resolver: Arc<dyn Resolve>) -> Result<Self, CoreError> {
        Self::made(settings, Some(resolver))
    }

    fn made(settings: &CoreSettings, resolver: Option<Arc<dyn Resolve>>) -> Result<Self, CoreError> {
        let recipe = Arc::new(Recipe::read(settings, resolver)?);
        let first = recipe.client()?;
        Ok(Self { generations: Arc::new(Generations::beginning_with(recipe, first, settings.max_connection_age)) })
    }

    /// Prepares another token, other authorities and another identity, as the settings have them. The place and the times stay as they
    /// were when the process began.
    ///
    /// # Errors
    /// [`CoreError`] where they cannot be used; those in force stay.
    pub fn renewal(&self, settings: &CoreSettings) -> Result<CoreRenewal, CoreError> {
        let kept = self.generations.recipe();
        let settings = CoreSettings { url: kept.base.clone(), timeout: kept.timeout, ..settings.clone() };
        let recipe = Arc::new(Recipe::read(&settings, kept.resolver.clone())?);
        let client = recipe.client()?;
        Ok(CoreRenewal(recipe, client))
    }

    /// Puts them in force for every call that begins from now on, on connections of its own. Calls that have begun end as they began.
    pub fn exchange(&self, CoreRenewal(recipe, client): CoreRenewal) {
        self.generations.exchange(recipe, client);
    }

    /// Begins a call.
    pub(crate) fn call(&self) -> CoreCall<'_> {
        CoreCall { core: self, generation: self.generations.present() }
    }
}

/// One call, on the connections of one generation.
pub(crate) struct CoreCall<'a> {
    core: &'a WalletCore,
    generation: Generation,
}

impl CoreCall<'_> {
    /// Asks for one thing of a collection, once.
    pub(crate) async fn get(&self, collection: &str, id: &PaymentRequestId) -> Result<CoreReply, CallError> {
        self.send(Method::GET, (collection, id), None::<&()>).await
    }

    /// Puts one thing into a collection, once.
    pub(crate) async fn put(
        &self,
        collection: &str,
        id: &PaymentRequestId,
        body: &impl Serialize,
    ) -> Result<CoreReply, CallError> {
        self.send(Method::PUT, (collection, id), Some(body)).await
    }

    async fn send(
        &self,
        method: Method,
        (collection, id): (&str, &PaymentRequestId),
        body: Option<&impl Serialize>,
    ) -> Result<CoreReply, CallError> {
        let url = format!("{}/{collection}/{}", self.generation.recipe.base, utf8_percent_encode(id.as_str(), ENCODED));
        let request = self.generation.http.request(method, url);
        let request = match body {
            Some(body) => request.json(body),
            None => request,
        };
        request.send().await.map(CoreReply::new).map_err(|error| CallError::without_reply(&error))
    }

    /// Ends the call's connection where what came back is outside of the contract: it may lead to a machine that is the core no
    /// longer. What a client's pool holds besides may lead there too.
    pub(crate) fn ended<T>(&self, end: Result<T, CallError>) -> Result<T, CallError> {
        if end.as_ref().is_err_and(CallError::ends_connection) {
            self.core.generations.end(&self.generation);
        }
        end
    }
}
