//! Retention: texts and recordings whose time is over are forgotten, at the carrier first and then here. A row is redacted here even
//! when the carrier would not, and comes again the next night until it has.

use crate::handler::Parts;
use crate::run::Run;
use common::signalwire::Error as Carrier;
use common::store::Redaction;

/// How many rows are taken at once.
const CLAIM: i32 = 100;

/// After so many failures in a row it is the carrier that is ill, and not a message.
const FAILURES_MAX: usize = 3;

/// Forgets what is over.
pub async fn redact(parts: &Parts, run: &mut Run) {
    let mut failures = 0;
    while run.has_time() {
        let claimed = match parts.store().claim_redactions(CLAIM).await {
            Ok(claimed) => claimed,
            Err(error) => return run.store_problem("retention", &error),
        };
        let is_last = claimed.len() < CLAIM as usize;
        for redaction in claimed {
            if !run.has_time() {
                return; // the rest is taken again the next night
            }
            let told = forget(parts, &redaction).await;
            if let Err(error) = parts.store().finish_redaction(&redaction, told.is_ok()).await {
                return run.store_problem("retention", &error);
            }
            match told {
                Ok(()) => {
                    failures = 0;
                    run.count("messages_redacted", usize::from(redaction.of_body));
                    run.count("recordings_redacted", usize::from(redaction.of_recording));
                }
                Err(error) => {
                    run.carrier_problem("retention", &error);
                    failures += 1;
                    let is_over = matches!(error, Carrier::Unauthorized { .. } | Carrier::RateLimited { .. });
                    if is_over || failures == FAILURES_MAX {
                        return;
                    }
                }
            }
        }
        if is_last {
            return;
        }
    }
}

/// At the carrier. What it does not know any more is forgotten; WhatsApp lives in another API, which forgets nothing (FACTS 4).
async fn forget(parts: &Parts, redaction: &Redaction) -> Result<(), Carrier> {
    let carrier = &parts.provisioning.carrier;
    let known = |result: Result<(), Carrier>| match result {
        Err(Carrier::NotFound) => Ok(()),
        result => result,
    };
    if redaction.of_body
        && redaction.channel == "sms"
        && let Some(sid) = &redaction.sid
    {
        if redaction.has_media {
            known(carrier.delete_media(sid).await)?;
        }
        known(carrier.redact_message(sid).await)?;
    }
    if redaction.of_recording {
        if let Some(sid) = &redaction.transcription_sid {
            carrier.delete_transcription(sid).await?;
        }
        if let Some(sid) = &redaction.recording_sid {
            // also those whose callback never came
            known(carrier.delete_transcriptions(sid).await)?;
            known(carrier.delete_recording(sid).await)?;
        }
    }
    Ok(())
}
