//! `/_sim/`: the simulator by curl. No credentials; it listens on loopback.

use std::{sync::Arc, time::Duration};

use jiff::SignedDuration;
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::{Value, json};

use crate::{
    answer::Answer,
    carrier::Carrier,
    fault::{Fault, Operation},
    magic::{MAGIC_AREA_CODES, MAGIC_TO, MAGIC_TO_PREFIXES},
    resource::message::MessageKind,
    voice::script::CallScript,
};

#[derive(Deserialize)]
struct Media {
    url: String,
    content_type: String,
}

#[derive(Deserialize)]
struct InboundMessage {
    from: String,
    to: String,
    #[serde(default)]
    body: String,
    #[serde(default)]
    media: Vec<Media>,
}

#[derive(Deserialize)]
struct InboundCall {
    from: String,
    to: String,
    #[serde(default, flatten)]
    script: CallScript,
}

#[derive(Deserialize)]
struct FaultOrder {
    operation: Operation,
    fault: Option<Fault>,
    /// 1 when absent; 0 for always.
    times: Option<u32>,
}

#[derive(Deserialize)]
struct Advance {
    #[serde(default)]
    seconds: u64,
    #[serde(default)]
    days: u64,
}

fn read<T: DeserializeOwned>(body: &[u8]) -> Result<T, Answer> {
    serde_json::from_slice(body).map_err(|e| Answer::json_error(400, &e.to_string()))
}

fn shown(value: impl serde::Serialize) -> Answer {
    match serde_json::to_value(value) {
        Ok(value) => Answer::json(200, value),
        Err(e) => Answer::json_error(500, &e.to_string()),
    }
}

pub(crate) async fn handle(carrier: &Arc<Carrier>, method: &str, path: &str, body: &[u8]) -> Answer {
    match respond(carrier, method, path, body).await {
        Ok(answer) | Err(answer) => answer,
    }
}

async fn respond(carrier: &Arc<Carrier>, method: &str, path: &str, body: &[u8]) -> Result<Answer, Answer> {
    let message = |kind: MessageKind| async move {
        let inbound: InboundMessage = read(body)?;
        let media: Vec<(&str, &str)> = inbound
            .media
            .iter()
            .map(|media| (media.url.as_str(), media.content_type.as_str()))
            .collect();
        let bare = |number: &str| number.trim_start_matches("whatsapp:").to_owned();
        let (from, to) = (bare(&inbound.from), bare(&inbound.to));
        Ok(shown(
            carrier
                .inbound_message(kind, &from, &to, &inbound.body, &media)
                .await,
        ))
    };
    Ok(match (method, path) {
        ("POST", "/_sim/inbound/sms") => message(MessageKind::Sms).await?,
        ("POST", "/_sim/inbound/mms") => message(MessageKind::Mms).await?,
        ("POST", "/_sim/inbound/whatsapp") => message(MessageKind::WhatsApp).await?,
        ("POST", "/_sim/inbound/call") => {
            let inbound: InboundCall = read(body)?;
            shown(
                carrier
                    .inbound_call(&inbound.from, &inbound.to, inbound.script)
                    .await,
            )
        }
        ("POST", "/_sim/faults") => {
            let order: FaultOrder = read(body)?;
            let mut state = carrier.state();
            match order.fault {
                Some(fault) => {
                    let times = order.times.unwrap_or(1);
                    state
                        .faults
                        .order(order.operation, fault, (times > 0).then_some(times));
                }
                None => state.faults.clear(),
            }
            Answer::no_content()
        }
        ("DELETE", "/_sim/faults") => {
            carrier.state().faults.clear();
            Answer::no_content()
        }
        ("POST", "/_sim/advance") => {
            let by: Advance = read(body)?;
            let by = Duration::from_secs(by.seconds.saturating_add(by.days.saturating_mul(86_400)));
            let mut state = carrier.state();
            state.ahead = state
                .ahead
                .saturating_add(SignedDuration::try_from(by).unwrap_or(SignedDuration::MAX));
            Answer::json(200, json!({ "now": state.now().to_string() }))
        }
        ("POST", "/_sim/settle") => {
            carrier.settle().await;
            Answer::no_content()
        }
        ("GET", "/_sim/ledger") => shown(carrier.state().snapshot()),
        ("GET", "/_sim/stock") => shown(&carrier.state().stock),
        ("GET", "/_sim/magic") => {
            let areas: Value = MAGIC_AREA_CODES
                .iter()
                .map(|(code, what)| json!({ "area_code": code, "effect": what }))
                .collect();
            Answer::json(
                200,
                json!({ "prefixes": MAGIC_TO_PREFIXES, "to": MAGIC_TO, "area_codes": areas }),
            )
        }
        _ => Answer::json_error(404, "Not Found"),
    })
}
