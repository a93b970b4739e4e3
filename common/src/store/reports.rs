//! Status callbacks.

use super::{Error, Store};
use crate::webhook::status::Report;
use tokio_postgres::types::Type;

pub(super) const RECORD_REPORT: &str = include_str!("sql/record_report.sql");

impl Store {
    /// Keeps a report and moves its row forward; `false` when the SID is not known, and the report is parked.
    ///
    /// # Errors
    /// When it is not stored.
    pub async fn record_report(&self, report: &Report) -> Result<bool, Error> {
        let row = self
            .row(
                RECORD_REPORT,
                &[
                    (&report.kind.as_str(), Type::TEXT),
                    (&report.message_id, Type::UUID),
                    (&report.sid, Type::TEXT),
                    (&report.fields, Type::JSONB),
                ],
            )
            .await?;
        Ok(row.get::<_, &str>(0) == "recorded")
    }
}
