//! Consent: changes by hand, and the history.

use super::{Error, Store};
use crate::domain::PhoneNumber;
use jiff::Timestamp;
use tokio_postgres::types::Type;
use uuid::Uuid;

pub(super) const CHANGE_CONSENT: &str = include_str!("sql/change_consent.sql");
pub(super) const CONSENT_HISTORY: &str = include_str!("sql/consent_history.sql");

/// A change that somebody makes for a customer.
#[derive(Debug, Clone, Copy)]
pub struct ManualConsent<'a> {
    /// Whose number it is; `None`: a shared one.
    pub workspace_id: Option<Uuid>,
    /// Our number.
    pub business: &'a PhoneNumber,
    /// The customer.
    pub customer: &'a PhoneNumber,
    /// Out, or back in.
    pub opted_out: bool,
    /// Who makes it.
    pub actor: &'a str,
    /// Why.
    pub reason: &'a str,
}

/// A line of the history.
#[derive(Debug, Clone)]
pub struct ConsentChange {
    /// When it was said.
    pub changed_at: Timestamp,
    /// Our number.
    pub business: String,
    /// The customer.
    pub customer: String,
    /// Out, or back in.
    pub opted_out: bool,
    /// The word that was sent.
    pub word: String,
    /// The message that it was.
    pub message_sid: Option<String>,
    /// `customer`, `carrier`, or who made it by hand.
    pub actor: String,
    /// Why it was made by hand.
    pub reason: Option<String>,
}

impl Store {
    /// Changes somebody's consent by hand; gives what is wrong with that, if anything.
    ///
    /// # Errors
    /// When it is not stored.
    pub async fn change_consent(
        &self,
        change: &ManualConsent<'_>,
        now: Timestamp,
    ) -> Result<Option<String>, Error> {
        self.row(
            CHANGE_CONSENT,
            &[
                (&change.workspace_id, Type::UUID),
                (&change.business.as_str(), Type::TEXT),
                (&change.customer.as_str(), Type::TEXT),
                (&change.opted_out, Type::BOOL),
                (&change.actor, Type::TEXT),
                (&change.reason, Type::TEXT),
                (&now, Type::TIMESTAMPTZ),
            ],
        )
        .await
        .map(|row| row.get(0))
    }

    /// Every change for a workspace's numbers, or with `None` for the shared ones, oldest first.
    ///
    /// # Errors
    /// When they cannot be read.
    pub async fn consent_history(&self, workspace_id: Option<Uuid>) -> Result<Vec<ConsentChange>, Error> {
        let rows = self.rows(CONSENT_HISTORY, &[(&workspace_id, Type::UUID)]).await?;
        let change = |row: &tokio_postgres::Row| ConsentChange {
            changed_at: row.get(0),
            business: row.get(1),
            customer: row.get(2),
            opted_out: row.get(3),
            word: row.get(4),
            message_sid: row.get(5),
            actor: row.get(6),
            reason: row.get(7),
        };
        Ok(rows.iter().map(change).collect())
    }
}
