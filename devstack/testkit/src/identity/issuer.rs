//! The server of the key set, and the signer.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use axum::extract::State as Extract;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use jsonwebtoken::Algorithm;
use serde_json::{Value, json};
use tokio::task::AbortHandle;

use super::{Claims, keys};
use crate::{Error, background};

#[derive(Debug, Default)]
struct State {
    generation: AtomicU64,
    keeps_previous: AtomicBool,
    down: AtomicBool,
    requests: AtomicU64,
}

impl State {
    fn key_set(&self) -> Value {
        let generation = self.generation.load(Ordering::SeqCst);
        let mut keys = keys::public(generation);
        if generation > 0 && self.keeps_previous.load(Ordering::SeqCst) {
            keys.extend(keys::public(generation - 1));
        }
        json!({ "keys": keys })
    }
}

/// An issuer on loopback. Dropping it closes its port.
#[derive(Debug)]
pub struct Issuer {
    address: SocketAddr,
    state: Arc<State>,
    server: AbortHandle,
}

impl Issuer {
    /// Serves on a free port.
    pub fn start() -> Result<Self, Error> {
        Self::start_at(0)
    }

    /// Serves on this port, so that tokens stay valid when a local stack is started again.
    pub fn start_at(port: u16) -> Result<Self, Error> {
        let state = Arc::new(State::default());
        let (listener, address) = background::listen(port)?;
        let router = Router::new()
            .route("/.well-known/jwks.json", get(key_set))
            .route(
                "/.well-known/openid-configuration",
                get(move || configuration(address)),
            )
            .with_state(Arc::clone(&state));
        let server = background::serve_on(listener, router);
        Ok(Self {
            address,
            state,
            server,
        })
    }

    /// What tokens say in `iss`.
    pub fn url(&self) -> String {
        url(self.address)
    }

    /// Where the key set is.
    pub fn jwks_url(&self) -> String {
        format!("{}/.well-known/jwks.json", self.url())
    }

    /// The key set as it is served now.
    pub fn jwks(&self) -> Value {
        self.state.key_set()
    }

    /// How often the key set was asked for, failures included.
    pub fn jwks_requests(&self) -> u64 {
        self.state.requests.load(Ordering::SeqCst)
    }

    /// While on, the key set is answered with 503.
    pub fn fail_jwks(&self, on: bool) {
        self.state.down.store(on, Ordering::SeqCst);
    }

    /// Signs with new keys from now on. The keys before stay in the set, or, after a leak, do not.
    pub fn rotate(&self, keep_previous: bool) {
        self.state.keeps_previous.store(keep_previous, Ordering::SeqCst);
        self.state.generation.fetch_add(1, Ordering::SeqCst);
    }

    /// A token signed with RS256, as Clerk does.
    pub fn token(&self, claims: &Claims) -> String {
        self.token_with(Algorithm::RS256, claims)
    }

    /// A token signed with RS256 or ES256.
    ///
    /// # Panics
    ///
    /// For any other algorithm.
    pub fn token_with(&self, algorithm: Algorithm, claims: &Claims) -> String {
        let generation = self.generation();
        keys::sign(
            algorithm,
            generation,
            &keys::id(algorithm, generation),
            &claims.document(&self.url()),
        )
    }

    pub(super) fn generation(&self) -> u64 {
        self.state.generation.load(Ordering::SeqCst)
    }
}

impl Drop for Issuer {
    fn drop(&mut self) {
        self.server.abort();
    }
}

async fn key_set(Extract(state): Extract<Arc<State>>) -> Response {
    state.requests.fetch_add(1, Ordering::SeqCst);
    if state.down.load(Ordering::SeqCst) {
        return StatusCode::SERVICE_UNAVAILABLE.into_response();
    }
    Json(state.key_set()).into_response()
}

async fn configuration(address: SocketAddr) -> Json<Value> {
    let issuer = url(address);
    let jwks = format!("{issuer}/.well-known/jwks.json");
    Json(json!({
        "issuer": issuer,
        "jwks_uri": jwks,
        "id_token_signing_alg_values_supported": ["RS256", "ES256"],
        "response_types_supported": ["code"],
        "subject_types_supported": ["public"],
    }))
}

fn url(address: SocketAddr) -> String {
    format!("http://{address}")
}
