//! The story of a batch: each record stands alone.

use aws_lambda_events::sqs::{SqsBatchResponse, SqsEvent};
use common::batch::{self, Record};
use common::config::{ConfigError, Live, Settings, SharedNumbers, StartError};
use common::domain::destination::AllowedCountries;
use common::ingest::{self, Hook, Policy};
use common::metrics::{self, Metric};
use common::receiver::Failure;
use common::spool::Spooled;
use common::store::{Error, Store};
use std::time::Duration;

struct Parts {
    store: Store,
    shared: SharedNumbers,
    countries: AllowedCountries,
}

impl Parts {
    fn from_settings(settings: &Settings) -> Result<Self, ConfigError> {
        Ok(Self {
            store: Store::from_settings(settings, Duration::from_secs(10))?,
            shared: settings.shared_numbers()?,
            countries: settings.allowed_countries()?,
        })
    }
}

/// The function.
pub struct App(Live<Parts>);

/// Why a record is not stored.
enum Stop {
    Again(Error),
    Poison(String),
}

impl App {
    /// Starts from the environment.
    ///
    /// # Errors
    /// A setting, by name.
    pub async fn start() -> Result<Self, StartError> {
        Live::start(Parts::from_settings).await.map(Self)
    }

    /// Starts from given settings.
    ///
    /// # Errors
    /// A setting, by name.
    pub async fn start_with(settings: Settings) -> Result<Self, StartError> {
        Live::start_with(settings, Parts::from_settings).await.map(Self)
    }

    /// Works on a batch; answers which records have to come again.
    pub async fn handle(&self, event: SqsEvent) -> SqsBatchResponse {
        batch::each(&event, |record| self.handle_record(record)).await
    }

    async fn handle_record(&self, record: Record<'_>) -> bool {
        let Record { id, body } = record;
        let mut parts = self.0.get().await;
        let mut result = replay(&parts, body).await;
        if matches!(result, Err(Stop::Again(Error::Credentials(_))))
            && let Some(renewed) = self.0.renewed(&parts).await
        {
            parts = renewed;
            result = replay(&parts, body).await;
        }
        match result {
            Ok(()) => true,
            Err(Stop::Again(error)) => {
                tracing::error!(record.id = id, %error, "Spooled webhook not stored yet");
                false
            }
            Err(Stop::Poison(reason)) => {
                metrics::count(Metric::EventsParked);
                tracing::error!(record.id = id, reason, "Spooled webhook parked");
                let parked = parts.store.park_event(id, &reason, body).await;
                parked.inspect_err(|error| tracing::error!(record.id = id, %error, "Spooled webhook could not be parked")).is_ok()
            }
        }
    }
}

async fn replay(parts: &Parts, body: &str) -> Result<(), Stop> {
    let spooled = Spooled::read(body).map_err(Stop::Poison)?;
    metrics::correlate(&spooled.id);
    let hook =
        Hook::at(&spooled.path).ok_or_else(|| Stop::Poison("there is no webhook at its path".to_owned()))?;
    let payload = spooled
        .payload()
        .map_err(|rejection| Stop::Poison(rejection.to_string()))?;
    let policy = Policy {
        shared: &parts.shared,
        countries: &parts.countries,
    };
    let stored = ingest::later(
        &parts.store,
        policy,
        hook,
        payload,
        &spooled.path,
        &spooled.query,
        spooled.moment(),
    );
    match stored.await {
        Ok(()) => {
            metrics::count(Metric::SpoolReplayed);
            Ok(())
        }
        Err(Failure::NotStored(error)) if error.is_transient() => Err(Stop::Again(error)),
        Err(failure) => Err(Stop::Poison(failure.to_string())),
    }
}
