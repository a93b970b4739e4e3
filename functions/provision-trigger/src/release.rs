//! Giving a number back.

use crate::handler::Parts;
use common::signalwire::Error as Carrier;
use common::store;
use uuid::Uuid;

/// How a try ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Released {
    /// The number is gone.
    Done,
    /// The carrier keeps it for now.
    NotYet,
    /// There was nothing to do, or not yet.
    Nothing,
    /// The carrier refuses our credentials.
    CredentialsRefused,
}

/// Gives a number back that is due; one that the carrier keeps for now (14 days after its purchase, FACTS 3) waits for its next try.
///
/// # Errors
/// When the database could not keep what came of it.
pub async fn run(parts: &Parts, number: Uuid) -> Result<Released, store::Error> {
    let Some(job) = parts.store.find_release(number).await? else {
        return Ok(Released::Nothing);
    };
    let released = match &job.sid {
        Some(sid) => parts.carrier.release_number(sid).await,
        None => Ok(()),
    };
    match released {
        Ok(()) => {
            parts.store.save_release(job.phone_number_id, None, 0.0).await?;
            tracing::info!(phone_number.id = %job.phone_number_id, "Phone number released");
            Ok(Released::Done)
        }
        Err(Carrier::Unauthorized { .. }) => Ok(Released::CredentialsRefused),
        Err(error) => {
            let wait = if matches!(error, Carrier::Refused { .. }) {
                24.0 * 3600.0
            } else {
                300.0
            };
            parts
                .store
                .save_release(job.phone_number_id, Some(&error.told()), wait)
                .await?;
            tracing::warn!(phone_number.id = %job.phone_number_id, %error, again_in_seconds = wait, "Phone number not released yet");
            Ok(Released::NotYet)
        }
    }
}
