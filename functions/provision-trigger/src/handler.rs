//! The story of a batch: each record stands alone.

use crate::order::{self, Progress};
use crate::release::{self, Released};
use aws_lambda_events::sqs::{SqsBatchResponse, SqsEvent};
use common::batch::{self, Record};
use common::config::{ConfigError, Live, Settings, StartError};
use common::event::{Event, Kind, Poison};
use common::metrics::{self, Metric};
use common::signalwire::Client;
use common::store::{self, Store, WorkspaceChange};
use common::webhook::urls::AppUrl;
use std::sync::Arc;
use std::time::Duration;
use uuid::Uuid;

/// What the function is made of.
pub struct Parts {
    /// Where orders are kept.
    pub store: Store,
    /// Where numbers are bought.
    pub carrier: Client,
    /// Where their webhooks go.
    pub urls: AppUrl,
    /// Where numbers are looked for when nobody says.
    pub default_area_code: String,
    /// How long a suspended number is kept, in days.
    pub grace_days: i32,
    /// Which campaign numbers are put into.
    pub campaign_id: Option<String>,
}

impl Parts {
    /// Reads the settings.
    ///
    /// # Errors
    /// Missing or malformed.
    pub fn from_settings(settings: &Settings) -> Result<Self, ConfigError> {
        Ok(Self {
            store: Store::from_settings(settings, Duration::from_secs(10))?.patient(),
            carrier: Client::from_settings(settings)?,
            urls: settings.app_url()?,
            default_area_code: settings.default_area_code()?,
            grace_days: settings.release_grace_days()?,
            campaign_id: settings.optional("SIGNALWIRE_CAMPAIGN_ID").map(str::to_owned),
        })
    }
}

/// The function.
pub struct App(Live<Parts>);

/// Why a record is not done.
enum Failure {
    /// It is to be delivered again.
    Again,
    /// No retry cures it.
    Poison(String),
    /// The database refused our credentials.
    StoreCredentials,
    /// The carrier did.
    CarrierCredentials,
}

impl From<store::Error> for Failure {
    fn from(error: store::Error) -> Self {
        match &error {
            store::Error::Credentials(_) => Self::StoreCredentials,
            error if error.is_transient() => {
                tracing::error!(%error, "Provisioning event could not be stored");
                Self::Again
            }
            error if error.code() == Some("RS404") => {
                Self::Poison("what it names does not exist in this workspace".to_owned())
            }
            error => Self::Poison(error.to_string()),
        }
    }
}

impl From<Poison> for Failure {
    fn from(poison: Poison) -> Self {
        Self::Poison(poison.0)
    }
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
        let parts = self.0.get().await;
        let mut result = work(&parts, body, self.0.is_fixed()).await;
        let mut parts_now = parts.clone();
        if matches!(
            result,
            Err(Failure::StoreCredentials | Failure::CarrierCredentials)
        ) {
            if let Some(renewed) = self.0.renewed(&parts).await {
                parts_now = renewed;
            }
            result = work(&parts_now, body, true).await;
        }
        match result {
            Ok(()) => true,
            Err(Failure::Poison(reason)) => park(&parts_now, id, &reason, body).await,
            Err(Failure::Again | Failure::StoreCredentials | Failure::CarrierCredentials) => false,
        }
    }
}

async fn park(parts: &Arc<Parts>, id: &str, reason: &str, body: &str) -> bool {
    metrics::count(Metric::EventsParked);
    tracing::error!(record.id = id, reason, "Provisioning event parked");
    match parts.store.park_event(id, reason, body).await {
        Ok(()) => true,
        Err(error) => {
            tracing::error!(record.id = id, %error, "Provisioning event could not be parked");
            false
        }
    }
}

/// One record. `last_credentials`: there are no newer ones to try.
async fn work(parts: &Parts, body: &str, last_credentials: bool) -> Result<(), Failure> {
    let event = Event::read(body)?;
    metrics::correlate(&event.id);
    let tier = event.tier()?.map(common::domain::Tier::as_str);
    let tenant = event.workspace.id;
    tracing::info!(event.id = %event.id, kind = ?event.kind, workspace.id = %tenant, "Provisioning event");
    let orders = match event.kind {
        Kind::WorkspaceCreated | Kind::WorkspacePlanChanged | Kind::WorkspaceDeleted => {
            let change = WorkspaceChange {
                grace_days: parts.grace_days,
                order_id: Uuid::now_v7(),
            };
            let ended = event.ended_tier()?.map(common::domain::Tier::as_str);
            parts
                .store
                .apply_workspace_event(&event, tier, ended, &change)
                .await?
        }
        Kind::PhoneNumberRequested => parts.store.request_number(&event, tier, Uuid::now_v7()).await?,
        Kind::OrderRetryRequested => {
            let order = event
                .order_id
                .ok_or_else(|| Failure::Poison("`orderId` is missing".to_owned()))?;
            parts.store.retry_order(order, tenant).await?
        }
        Kind::PhoneNumberReleaseRequested => {
            let number = event
                .phone_number_id
                .ok_or_else(|| Failure::Poison("`phoneNumberId` is missing".to_owned()))?;
            for due in parts.store.request_release(tenant, number).await? {
                if release::run(parts, due).await? == Released::CredentialsRefused {
                    return Err(Failure::CarrierCredentials);
                }
            }
            Vec::new()
        }
    };
    let mut again = false;
    for id in orders {
        match order::run(parts, id, last_credentials).await? {
            Progress::Done | Progress::NeedsAttention | Progress::NotOurs => {}
            Progress::Retrying => again = true,
            Progress::CredentialsRefused => return Err(Failure::CarrierCredentials),
        }
    }
    if again { Err(Failure::Again) } else { Ok(()) }
}
