//! Orders for numbers, and numbers on their way out.

use super::{Error, Store};
use crate::event::Event;
use crate::signalwire::OwnedNumber;
use crate::webhook::urls::AppUrl;
use serde_json::Value;
use std::time::Instant;
use tokio_postgres::Row;
use tokio_postgres::types::Type;
use uuid::Uuid;

pub(super) const APPLY_WORKSPACE_EVENT: &str = include_str!("sql/apply_workspace_event.sql");
pub(super) const REQUEST_NUMBER: &str = include_str!("sql/request_number.sql");
pub(super) const RETRY_ORDER: &str = include_str!("sql/retry_order.sql");
pub(super) const REQUEST_RELEASE: &str = include_str!("sql/request_release.sql");
pub(super) const LEASE_ORDER: &str = include_str!("sql/lease_order.sql");
pub(super) const SAVE_ORDER: &str = include_str!("sql/save_order.sql");
pub(super) const CHOOSE_NUMBER: &str = include_str!("sql/choose_number.sql");
pub(super) const TAKE_SPARE: &str = include_str!("sql/take_spare.sql");
pub(super) const REFUSE_SPARE: &str = include_str!("sql/refuse_spare.sql");
pub(super) const RECORD_PURCHASE: &str = include_str!("sql/record_purchase.sql");
pub(super) const FIND_RELEASE: &str = include_str!("sql/find_release.sql");
pub(super) const SAVE_RELEASE: &str = include_str!("sql/save_release.sql");
pub(super) const RECORD_CAMPAIGN_ORDER: &str = include_str!("sql/record_campaign_order.sql");
pub(super) const RECORD_READINESS: &str = include_str!("sql/record_readiness.sql");
pub(super) const PARK_EVENT: &str = include_str!("sql/park_event.sql");

/// What a workspace event brings beside itself.
#[derive(Debug, Clone, Copy)]
pub struct WorkspaceChange {
    /// `RELEASE_GRACE_DAYS`
    pub grace_days: i32,
    /// The id of the order that it may make.
    pub order_id: Uuid,
}

/// An order that we work on.
#[derive(Debug, Clone)]
pub struct Order {
    /// Its id.
    pub id: Uuid,
    /// Ours while the lease runs.
    pub lease: Uuid,
    /// When it was asked for.
    pub leased_at: Instant,
    /// For whom.
    pub workspace_id: Uuid,
    /// What that workspace is called.
    pub workspace_name: String,
    /// Which try this is, from 1.
    pub attempts: i32,
    /// Where a number is wanted: as the event says, else as the workspace prefers.
    pub area_code: Option<String>,
    /// `primary`, `sales`, `support`, `custom`
    pub number_type: String,
    /// The one number that is wanted, where it is not any.
    pub wanted_number: Option<String>,
    /// The number that an earlier try chose, and may have bought.
    pub phone_number: Option<String>,
    /// The number's row, once it is bought.
    pub phone_number_id: Option<Uuid>,
    /// Whether the workspace may still have numbers.
    pub entitled: bool,
}

/// A bought number, as it was configured.
#[derive(Debug, Clone, Copy)]
pub struct Configured<'a> {
    /// As the carrier described it.
    pub number: &'a OwnedNumber,
    /// What people call it.
    pub friendly_name: &'a str,
    /// Where its webhooks go.
    pub urls: &'a AppUrl,
    /// Whether it is to be put into a campaign.
    pub campaign: bool,
    /// `RELEASE_GRACE_DAYS`, for a workspace that has left meanwhile.
    pub grace_days: i32,
}

/// A number to be given back.
#[derive(Debug, Clone)]
pub struct ReleaseJob {
    /// Its row.
    pub phone_number_id: Uuid,
    /// Its SID.
    pub sid: Option<String>,
    /// Which try this is, from 0.
    pub attempts: i32,
}

impl Store {
    /// Applies a `workspace.*` event; gives the orders to work on.
    ///
    /// # Errors
    /// When it is not stored.
    pub async fn apply_workspace_event(
        &self,
        event: &Event,
        tier: Option<&str>,
        ended_tier: Option<&str>,
        change: &WorkspaceChange,
    ) -> Result<Vec<Uuid>, Error> {
        let tenant = &event.workspace;
        let rows = self
            .rows(
                APPLY_WORKSPACE_EVENT,
                &[
                    (&event.id, Type::TEXT),
                    (&event.kind.as_str(), Type::TEXT),
                    (&tenant.id, Type::UUID),
                    (&tenant.name, Type::TEXT),
                    (&tenant.slug, Type::TEXT),
                    (&tenant.clerk_organization_id, Type::TEXT),
                    (&tier, Type::TEXT),
                    (&ended_tier, Type::TEXT),
                    (&event.area_code, Type::TEXT),
                    (&event.occurred_at, Type::TIMESTAMPTZ),
                    (&change.grace_days, Type::INT4),
                    (&change.order_id, Type::UUID),
                ],
            )
            .await?;
        Ok(ids(&rows))
    }

    /// Orders one more number, once per event; gives the order to work on.
    ///
    /// # Errors
    /// When it is not stored.
    pub async fn request_number(
        &self,
        event: &Event,
        tier: Option<&str>,
        order_id: Uuid,
    ) -> Result<Vec<Uuid>, Error> {
        let tenant = &event.workspace;
        let number_type = event.number_type.as_deref().unwrap_or("custom");
        let rows = self
            .rows(
                REQUEST_NUMBER,
                &[
                    (&tenant.id, Type::UUID),
                    (&tenant.name, Type::TEXT),
                    (&tenant.slug, Type::TEXT),
                    (&tenant.clerk_organization_id, Type::TEXT),
                    (&tier, Type::TEXT),
                    (&event.occurred_at, Type::TIMESTAMPTZ),
                    (&event.id, Type::TEXT),
                    (&event.area_code, Type::TEXT),
                    (&number_type, Type::TEXT),
                    (&event.friendly_name, Type::TEXT),
                    (&order_id, Type::UUID),
                ],
            )
            .await?;
        Ok(ids(&rows))
    }

    /// Opens an order again that needs attention; gives it, if there is work.
    ///
    /// # Errors
    /// `RS404` when there is no such order.
    pub async fn retry_order(&self, order: Uuid, workspace: Uuid) -> Result<Vec<Uuid>, Error> {
        Ok(ids(&self
            .rows(RETRY_ORDER, &[(&order, Type::UUID), (&workspace, Type::UUID)])
            .await?))
    }

    /// Suspends a number that is given back; gives it, if it is still to be released.
    ///
    /// # Errors
    /// `RS404` when there is no such number.
    pub async fn request_release(&self, workspace: Uuid, number: Uuid) -> Result<Vec<Uuid>, Error> {
        Ok(ids(&self
            .rows(
                REQUEST_RELEASE,
                &[(&workspace, Type::UUID), (&number, Type::UUID)],
            )
            .await?))
    }

    /// Takes an order to work on, for that many seconds; `None` when somebody else has it or nothing is left to do.
    ///
    /// # Errors
    /// When it cannot be taken.
    pub async fn lease_order(&self, order: Uuid, lease: Uuid, seconds: f64) -> Result<Option<Order>, Error> {
        let leased_at = Instant::now();
        let rows = self
            .rows(
                LEASE_ORDER,
                &[
                    (&order, Type::UUID),
                    (&lease, Type::UUID),
                    (&seconds, Type::FLOAT8),
                ],
            )
            .await?;
        Ok(rows.first().map(|row| Order {
            id: row.get(0),
            lease,
            leased_at,
            workspace_id: row.get(1),
            attempts: row.get(2),
            area_code: row.get::<_, Option<String>>(3).or_else(|| row.get(8)),
            number_type: row.get(4),
            wanted_number: row.get(10),
            phone_number: row.get(5),
            phone_number_id: row.get(6),
            workspace_name: row.get(7),
            entitled: row.get(9),
        }))
    }

    /// Writes where an order stands; `false` when it is not ours any more. `forget_number` gives up the number chosen.
    ///
    /// # Errors
    /// When it is not stored.
    pub async fn save_order(
        &self,
        order: &Order,
        state: &str,
        reason: Option<&str>,
        next_attempt_seconds: Option<f64>,
        forget_number: bool,
    ) -> Result<bool, Error> {
        let rows = self
            .rows(
                SAVE_ORDER,
                &[
                    (&order.id, Type::UUID),
                    (&order.lease, Type::UUID),
                    (&state, Type::TEXT),
                    (&reason, Type::TEXT),
                    (&next_attempt_seconds, Type::FLOAT8),
                    (&forget_number, Type::BOOL),
                ],
            )
            .await?;
        Ok(!rows.is_empty())
    }

    /// Puts the number that is about to be bought on record; `false` when the order is not ours any more, or another order has
    /// chosen the same number.
    ///
    /// # Errors
    /// When it is not stored.
    pub async fn choose_number(&self, order: &Order, phone_number: &str) -> Result<Chosen, Error> {
        let parameters = [
            (&order.id as _, Type::UUID),
            (&order.lease as _, Type::UUID),
            (&phone_number as _, Type::TEXT),
        ];
        match self.rows(CHOOSE_NUMBER, &parameters).await {
            Ok(rows) if rows.is_empty() => Ok(Chosen::Overtaken),
            Ok(_) => Ok(Chosen::Ours),
            Err(Error::Statement { code, .. }) if code == "23505" => Ok(Chosen::Elsewhere),
            Err(error) => Err(error),
        }
    }

    /// A number that is bought already and belongs to nobody, put on record for this order: the one that it took before, else one
    /// whose number begins so. Gives number and SID.
    ///
    /// # Errors
    /// When it is not stored.
    pub async fn take_spare(&self, order: &Order, prefix: &str) -> Result<Option<(String, String)>, Error> {
        let parameters = [
            (&order.id as _, Type::UUID),
            (&order.lease as _, Type::UUID),
            (&prefix as _, Type::TEXT),
        ];
        let rows = self.rows(TAKE_SPARE, &parameters).await?;
        Ok(rows.first().map(|row| (row.get(0), row.get(1))))
    }

    /// Notes that a spare could not be taken over, or is gone.
    ///
    /// # Errors
    /// When it is not stored.
    pub async fn refuse_spare(&self, phone_number: &str, reason: &str, is_gone: bool) -> Result<(), Error> {
        let parameters = [
            (&phone_number as _, Type::TEXT),
            (&reason as _, Type::TEXT),
            (&is_gone as _, Type::BOOL),
        ];
        self.rows(REFUSE_SPARE, &parameters).await.map(|_| ())
    }

    /// Records a bought number, once; gives its row's id, or `None` when the order is not ours any more.
    ///
    /// # Errors
    /// When it is not stored.
    pub async fn record_purchase(
        &self,
        order: &Order,
        id: Uuid,
        bought: &Configured<'_>,
    ) -> Result<Option<Uuid>, Error> {
        let capabilities = serde_json::to_value(&bought.number.capabilities).unwrap_or(Value::Null);
        let row = self
            .row(
                RECORD_PURCHASE,
                &[
                    (&order.id, Type::UUID),
                    (&order.lease, Type::UUID),
                    (&id, Type::UUID),
                    (&bought.number.sid, Type::TEXT),
                    (&bought.number.phone_number, Type::TEXT),
                    (&bought.friendly_name, Type::TEXT),
                    (&capabilities, Type::JSONB),
                    (&bought.urls.voice(), Type::TEXT),
                    (&bought.urls.sms(), Type::TEXT),
                    (&bought.urls.status(), Type::TEXT),
                    (&bought.campaign, Type::BOOL),
                    (&bought.grace_days, Type::INT4),
                ],
            )
            .await?;
        Ok(row.get(0))
    }

    /// A release that is due.
    ///
    /// # Errors
    /// When it cannot be read.
    pub async fn find_release(&self, number: Uuid) -> Result<Option<ReleaseJob>, Error> {
        let rows = self.rows(FIND_RELEASE, &[(&number, Type::UUID)]).await?;
        Ok(rows.first().map(|row| ReleaseJob {
            phone_number_id: row.get(0),
            sid: row.get(1),
            attempts: row.get(2),
        }))
    }

    /// Writes how a release went: done, or why not and when it is tried again.
    ///
    /// # Errors
    /// When it is not stored.
    pub async fn save_release(
        &self,
        number: Uuid,
        error: Option<&str>,
        again_in_seconds: f64,
    ) -> Result<(), Error> {
        self.rows(
            SAVE_RELEASE,
            &[
                (&number, Type::UUID),
                (&error, Type::TEXT),
                (&again_in_seconds, Type::FLOAT8),
            ],
        )
        .await
        .map(|_| ())
    }

    /// Writes how a number's assignment to the campaign began.
    ///
    /// # Errors
    /// When it is not stored.
    pub async fn record_campaign_order(
        &self,
        number: Uuid,
        order: Option<&str>,
        readiness: &str,
        reason: Option<&str>,
    ) -> Result<(), Error> {
        self.rows(
            RECORD_CAMPAIGN_ORDER,
            &[
                (&number, Type::UUID),
                (&order, Type::TEXT),
                (&readiness, Type::TEXT),
                (&reason, Type::TEXT),
            ],
        )
        .await
        .map(|_| ())
    }

    /// Writes whether a number may text.
    ///
    /// # Errors
    /// When it is not stored.
    pub async fn record_readiness(
        &self,
        phone_number: &str,
        readiness: &str,
        reason: Option<&str>,
    ) -> Result<(), Error> {
        self.rows(
            RECORD_READINESS,
            &[
                (&phone_number, Type::TEXT),
                (&readiness, Type::TEXT),
                (&reason, Type::TEXT),
            ],
        )
        .await
        .map(|_| ())
    }

    /// Keeps a queue record that no retry can cure.
    ///
    /// # Errors
    /// When it is not stored.
    pub async fn park_event(&self, record_id: &str, reason: &str, body: &str) -> Result<(), Error> {
        let body = body.replace('\0', "\u{fffd}");
        self.rows(
            PARK_EVENT,
            &[
                (&record_id, Type::TEXT),
                (&reason, Type::TEXT),
                (&body, Type::TEXT),
            ],
        )
        .await
        .map(|_| ())
    }
}

/// Whether a number could be chosen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Chosen {
    /// It is on record for this order.
    Ours,
    /// Another order has chosen it.
    Elsewhere,
    /// The order is not ours any more.
    Overtaken,
}

fn ids(rows: &[Row]) -> Vec<Uuid> {
    rows.iter().map(|row| row.get(0)).collect()
}
