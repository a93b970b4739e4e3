//! How long a workspace keeps what was said, and what is over.

use super::{Error, Store};
use tokio_postgres::types::Type;
use uuid::Uuid;

pub(super) const SET_RETENTION: &str = include_str!("sql/set_retention.sql");
pub(super) const SHOW_RETENTION: &str = include_str!("sql/show_retention.sql");
pub(super) const CLAIM_REDACTIONS: &str = include_str!("sql/claim_redactions.sql");
pub(super) const FINISH_REDACTION: &str = include_str!("sql/finish_redaction.sql");

/// How long a workspace keeps what was said, in days; `None`: for ever.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Retention {
    /// Texts and attachments.
    pub body_days: Option<i32>,
    /// Recordings and their transcriptions.
    pub recording_days: Option<i32>,
}

/// A message or call whose text or recording is to be forgotten.
#[derive(Debug, Clone)]
pub struct Redaction {
    /// Its row.
    pub id: Uuid,
    /// Its workspace.
    pub workspace_id: Uuid,
    /// `sms`, `whatsapp`, `call`
    pub channel: String,
    /// Its SID, if the carrier ever knew it.
    pub sid: Option<String>,
    /// Whether it has attachments.
    pub has_media: bool,
    /// The recording's SID, where it is known.
    pub recording_sid: Option<String>,
    /// The transcription's SID, where a callback brought it.
    pub transcription_sid: Option<String>,
    /// The text's time is over.
    pub of_body: bool,
    /// The recording's time is over.
    pub of_recording: bool,
}

impl Store {
    /// Changes how long a workspace keeps what was said. Gives what is wrong, if anything.
    ///
    /// # Errors
    /// When it is not stored.
    pub async fn set_retention(
        &self,
        workspace: Uuid,
        retention: Retention,
    ) -> Result<Option<String>, Error> {
        let parameters: [super::Parameter<'_>; 3] = [
            (&workspace, Type::UUID),
            (&retention.body_days, Type::INT4),
            (&retention.recording_days, Type::INT4),
        ];
        Ok(self.row(SET_RETENTION, &parameters).await?.get(0))
    }

    /// What a workspace keeps; `None` when there is no such workspace.
    ///
    /// # Errors
    /// When it cannot be read.
    pub async fn show_retention(&self, workspace: Uuid) -> Result<Option<Retention>, Error> {
        let rows = self.rows(SHOW_RETENTION, &[(&workspace, Type::UUID)]).await?;
        Ok(rows.first().map(|row| Retention {
            body_days: row.get(0),
            recording_days: row.get(1),
        }))
    }

    /// Takes some messages and calls whose time is over; another run takes others.
    ///
    /// # Errors
    /// When they cannot be taken.
    pub async fn claim_redactions(&self, limit: i32) -> Result<Vec<Redaction>, Error> {
        let rows = self.rows(CLAIM_REDACTIONS, &[(&limit, Type::INT4)]).await?;
        let read = |row: &tokio_postgres::Row| Redaction {
            id: row.get(0),
            workspace_id: row.get(1),
            channel: row.get(2),
            sid: row.get(3),
            has_media: row.get(4),
            recording_sid: row.get(5),
            of_body: row.get(6),
            of_recording: row.get(7),
            transcription_sid: row.get(8),
        };
        Ok(rows.iter().map(read).collect())
    }

    /// Redacts one here. `is_forgotten`: the carrier has it no more; else it comes again.
    ///
    /// # Errors
    /// When it is not stored.
    pub async fn finish_redaction(&self, redaction: &Redaction, is_forgotten: bool) -> Result<(), Error> {
        let parameters: [super::Parameter<'_>; 5] = [
            (&redaction.workspace_id, Type::UUID),
            (&redaction.id, Type::UUID),
            (&redaction.of_body, Type::BOOL),
            (&redaction.of_recording, Type::BOOL),
            (&is_forgotten, Type::BOOL),
        ];
        self.rows(FINISH_REDACTION, &parameters).await.map(|_| ())
    }
}
