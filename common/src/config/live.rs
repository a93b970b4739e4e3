//! What a function made of its settings, kept up to date while it lives.

use super::secret::{SecretError, SecretReader};
use super::{ConfigError, Settings, runtime_environment};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// How long a secret that was read is used without another look.
const SECRET_FRESH: Duration = Duration::from_secs(5 * 60);

/// How long a request waits for a look: it has an answer to give, and the last secret to give it with.
const LOOK_MAX: Duration = Duration::from_secs(1);

/// How long to wait after a look that failed.
const RETRY_AFTER: Duration = Duration::from_secs(30);

/// Why a function cannot start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// A setting.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The secret.
    #[error(transparent)]
    Secret(#[from] SecretError),
}

/// A value built from settings: connections, keys, clients. When the secret changes it is built anew, and requests under way
/// keep the one that they began with.
pub struct Live<T> {
    build: fn(&Settings) -> Result<T, ConfigError>,
    environment: Settings,
    reader: Option<SecretReader>,
    state: Mutex<State<T>>,
}

struct State<T> {
    value: Arc<T>,
    secret: HashMap<String, String>,
    look_again: Instant,
}

impl<T> Live<T> {
    /// Builds the value from the environment, and from the secret where `APP_SECRET_ID` names one.
    ///
    /// # Errors
    /// A setting that is missing or malformed, or a secret that cannot be read.
    pub async fn start(build: fn(&Settings) -> Result<T, ConfigError>) -> Result<Self, StartError> {
        let live = Self::start_with(Settings::from_environment(), build).await?;
        runtime_environment::complete()?; // after it: what is wrong with a setting is said first
        Ok(live)
    }

    /// The same with a given environment.
    ///
    /// # Errors
    /// As [`Self::start`].
    pub async fn start_with(
        environment: Settings,
        build: fn(&Settings) -> Result<T, ConfigError>,
    ) -> Result<Self, StartError> {
        let reader = environment
            .optional("APP_SECRET_ID")
            .map(|id| SecretReader::new(id, &environment));
        let secret = match &reader {
            Some(reader) => reader.read().await?,
            None => HashMap::new(),
        };
        let value = Arc::new(build(&environment.with_secret(secret.clone()))?);
        let state = Mutex::new(State {
            value,
            secret,
            look_again: Instant::now() + SECRET_FRESH,
        });
        Ok(Self {
            build,
            environment,
            reader,
            state,
        })
    }

    /// The value, from a secret not older than five minutes; an older one stays in use while the secret cannot be read.
    pub async fn get(&self) -> Arc<T> {
        let (value, due) = {
            let mut state = self.lock();
            let due = self.reader.is_some() && Instant::now() >= state.look_again;
            if due {
                state.look_again = Instant::now() + RETRY_AFTER; // one request looks, the others go on
            }
            (state.value.clone(), due)
        };
        if due { self.look().await } else { value }
    }

    /// Whether there is no secret behind it, so that it will never change.
    pub fn is_fixed(&self) -> bool {
        self.reader.is_none()
    }

    /// After a credential was refused: looks at once, and gives the new value if there is one.
    pub async fn renewed(&self, refused: &Arc<T>) -> Option<Arc<T>> {
        let current = self.lock().value.clone();
        if !Arc::ptr_eq(&current, refused) {
            return Some(current);
        }
        let looked = self.look().await;
        (!Arc::ptr_eq(&looked, refused)).then_some(looked)
    }

    async fn look(&self) -> Arc<T> {
        let Some(reader) = &self.reader else {
            return self.lock().value.clone();
        };
        let secret = match tokio::time::timeout(LOOK_MAX, reader.read()).await {
            Ok(Ok(secret)) => secret,
            failed => {
                let error = failed.map_or_else(
                    |_| "no answer in time".to_owned(),
                    |read| format!("{:?}", read.err()),
                );
                tracing::warn!(error, "Secret could not be read again; the last one stays in use");
                return self.lock().value.clone();
            }
        };
        let changed = self.lock().secret != secret;
        let built = changed.then(|| (self.build)(&self.environment.with_secret(secret.clone())));
        let mut state = self.lock();
        state.look_again = Instant::now() + SECRET_FRESH;
        match built {
            Some(Ok(value)) => {
                tracing::info!("Secret has changed; the new one is in use");
                state.value = Arc::new(value);
                state.secret = secret;
            }
            Some(Err(error)) => tracing::error!(%error, "Secret has changed into one that cannot be used"),
            None => {}
        }
        state.value.clone()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, State<T>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
