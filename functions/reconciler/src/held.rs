//! Messages that were held for quiet hours: sent when these have ended, each once. Whoever takes a row sends it; a row whose taker
//! died is looked for at the carrier like any other send whose answer was lost, and held again only if it is not there.

use crate::handler::Parts;
use crate::run::Run;
use common::signalwire::{Error as Carrier, Leave};
use common::store::{self, Finish, Held};
use outbound_send::Channel;
use outbound_send::carry::{Delivery, carry};
use serde_json::Value;

/// A pause that the carrier asks for, when it does not say how long.
const PAUSE_SECONDS: u32 = 60;

/// Sends what is due.
pub async fn send_due(parts: &Parts, run: &mut Run) {
    while run.has_time() {
        let leave = Leave::ask();
        match parts.store().release_held().await {
            Ok(None) => return,
            Ok(Some(held)) => match send(parts, &held, leave).await {
                Ok(true) => run.count("held_messages_sent", 1),
                Ok(false) => run.count("held_messages_not_sent", 1),
                Err(Stop::Store(error)) => return run.store_problem("held messages", &error),
                Err(Stop::Carrier(error)) => return run.carrier_problem("held messages", &error),
            },
            Err(error) => return run.store_problem("held messages", &error),
        }
    }
}

enum Stop {
    Store(store::Error),
    Carrier(Carrier),
}

impl From<store::Error> for Stop {
    fn from(error: store::Error) -> Self {
        Self::Store(error)
    }
}

async fn send(parts: &Parts, held: &Held, leave: Leave) -> Result<bool, Stop> {
    let Held::Due {
        id,
        workspace_id,
        channel,
        from,
        to,
        body,
        attachments,
        max_price,
    } = held
    else {
        return Ok(false);
    };
    let media_urls: Vec<String> = attachments
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|attachment| attachment["url"].as_str().map(str::to_owned))
        .collect();
    let delivery = Delivery {
        id: *id,
        channel: if channel == "whatsapp" {
            Channel::WhatsApp
        } else {
            Channel::Sms
        },
        from,
        to,
        body,
        media_urls: &media_urls,
        connect: None,
        max_price: *max_price,
        leave,
    };
    let carried = carry(&parts.provisioning.carrier, &parts.provisioning.urls, &delivery).await;
    let mut finish = Finish {
        id: *id,
        workspace_id: *workspace_id,
        key: None,
        sid: None,
        status: "failed",
        error_code: None,
        error_message: None,
        segments: None,
        price: None,
        keep_key: true,
        answer: &Value::Null,
    };
    match carried {
        Ok(carried) => {
            finish.sid = Some(&carried.sid);
            finish.status = carried.status;
            finish.segments = carried.segments;
            finish.error_code = carried.error_code.as_deref();
            parts.store().finish_outbound(&finish).await?;
            tracing::info!(message.id = %id, message.sid = %carried.sid, workspace.id = %workspace_id, "Held message accepted by the carrier");
            Ok(true)
        }
        // not taken, and waiting helps: all that is due waits with it
        Err(error @ Carrier::RateLimited { retry_after_seconds }) => {
            let seconds = retry_after_seconds.unwrap_or(PAUSE_SECONDS).clamp(1, 3600);
            parts.store().hold_again(*id, seconds).await?;
            Err(Stop::Carrier(error))
        }
        Err(Carrier::TooLate) => {
            parts.store().hold_again(*id, PAUSE_SECONDS).await?;
            Ok(false)
        }
        Err(error @ Carrier::Unauthorized { .. }) => {
            parts.store().hold_again(*id, PAUSE_SECONDS).await?;
            Err(Stop::Carrier(error))
        }
        Err(error @ Carrier::OutcomeUnknown(_)) => {
            finish.status = "unknown";
            parts.store().finish_outbound(&finish).await?;
            tracing::warn!(message.id = %id, workspace.id = %workspace_id, %error, "Held message: the carrier's answer was lost");
            Ok(false)
        }
        Err(error) => {
            let words = error.told();
            finish.error_code = error.code();
            finish.error_message = Some(&words);
            parts.store().finish_outbound(&finish).await?;
            tracing::warn!(message.id = %id, workspace.id = %workspace_id, carrier.code = finish.error_code, %error, "Held message not accepted by the carrier");
            Ok(false)
        }
    }
}
