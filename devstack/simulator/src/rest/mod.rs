//! The REST APIs: one file per resource, dispatched here.

mod calls;
mod campaigns;
mod messages;
mod messaging;
mod numbers;
mod recordings;
mod search;

use std::sync::Arc;

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::{
    answer::Answer,
    carrier::Carrier,
    endpoint::Endpoint,
    resource::account_path,
    text::{date_span, rfc2822},
    wire::Params,
};

/// A request that passed authentication.
#[derive(Debug)]
pub(crate) struct ApiCall {
    pub(crate) path: String,
    /// Query and form together; the APIs never use both.
    pub(crate) params: Params,
    pub(crate) json: Option<Value>,
}

impl Carrier {
    /// Does what the request asks.
    pub(crate) fn perform(self: &Arc<Self>, endpoint: &Endpoint, call: &ApiCall) -> Answer {
        let params = &call.params;
        match endpoint {
            Endpoint::Account => self.account(),
            Endpoint::Search { country, toll_free } => self.search(&call.path, country, *toll_free, params),
            Endpoint::Purchase => self.purchase(params),
            Endpoint::ListNumbers => self.list_numbers(&call.path, params),
            Endpoint::GetNumber(sid) => self.get_number(sid),
            Endpoint::UpdateNumber(sid) => self.update_number(sid, params),
            Endpoint::Release(sid) => self.release(sid),
            Endpoint::SendMessage => self.send_message(params),
            Endpoint::ListMessages => self.list_messages(&call.path, params),
            Endpoint::GetMessage(sid) => self.get_message(sid),
            Endpoint::UpdateMessage(sid) => self.redact_message(sid, params),
            Endpoint::DeleteMessage(sid) => self.delete_message(sid),
            Endpoint::ListMedia(sid) => self.list_media(&call.path, sid, params),
            Endpoint::GetMedia { message, sid } => self.get_media(message, sid),
            Endpoint::DeleteMedia { message, sid } => self.delete_media(message, sid),
            Endpoint::CreateCall => self.create_call(params),
            Endpoint::ListCalls => self.list_calls(&call.path, params),
            Endpoint::GetCall(sid) => self.get_call(sid),
            Endpoint::UpdateCall(sid) => self.update_call(sid, params),
            Endpoint::ListRecordings { call: of } => self.list_recordings(&call.path, of.as_deref(), params),
            Endpoint::GetRecording(sid) => self.get_recording(sid),
            Endpoint::DeleteRecording(sid) => self.delete_recording(sid),
            Endpoint::ListTranscriptions { recording } => {
                self.list_transcriptions(&call.path, recording.as_deref(), params)
            }
            Endpoint::GetTranscription(sid) => self.get_transcription(sid),
            Endpoint::DeleteTranscription(sid) => self.delete_transcription(sid),
            Endpoint::SendJsonMessage => self.send_json_message(call.json.as_ref()),
            Endpoint::ListLogs => self.list_logs(&call.path, params),
            Endpoint::GetLog(id) => self.get_log(id),
            Endpoint::CampaignNumbers(id) => self.campaign_numbers(&call.path, id, params),
            Endpoint::CampaignOrders(id) => self.campaign_orders(&call.path, id, params),
            Endpoint::CreateOrder(id) => self.create_order(id, call.json.as_ref()),
            Endpoint::GetOrder(id) => self.get_order(id),
            Endpoint::Unassign(id) => self.unassign(id),
            Endpoint::ListRelayNumbers => self.list_relay_numbers(&call.path, params),
            Endpoint::GetRelayNumber(id) => self.get_relay_number(id),
        }
    }

    /// `GET /Accounts/{Sid}`: the cheap authenticated request (compat-openapi, AccountResponse).
    fn account(&self) -> Answer {
        let sid = &self.config.project_id;
        let path = account_path(sid);
        let born = rfc2822(Timestamp::UNIX_EPOCH);
        let mut subresources = json!({
            "available_phone_numbers": format!("{path}/AvailablePhoneNumbers"),
            "applications": format!("{path}/Applications"),
            "calls": format!("{path}/Calls"),
            "conferences": format!("{path}/Conferences"),
            "incoming_phone_numbers": format!("{path}/IncomingPhoneNumbers"),
            "messages": format!("{path}/Messages"),
            "queues": format!("{path}/Queues"),
            "recordings": format!("{path}/Recordings"),
            "transcriptions": format!("{path}/Transcriptions"),
        });
        for name in UNSUPPORTED {
            subresources[name] = Value::Null;
        }
        Answer::json(
            200,
            json!({
                "sid": sid,
                "friendly_name": "Simulated project",
                "status": "active",
                "auth_token": "redacted",
                "date_created": born,
                "date_updated": born,
                "type": "Full",
                "owner_account_sid": sid,
                "region_preference": "us-east",
                "uri": path,
                "subproject": false,
                "signing_key": null,
                "subresource_uris": subresources,
            }),
        )
    }
}

/// Subresources that the carrier lists as null.
const UNSUPPORTED: [&str; 10] = [
    "addresses",
    "authorized_connect_apps",
    "connect_apps",
    "keys",
    "notifications",
    "outgoing_caller_ids",
    "sandbox",
    "sip",
    "short_codes",
    "usage",
];

/// Applies `Name`, `Name<` and `Name>`, each on its whole day or second and including it. Whether the carrier's
/// bounds include theirs is not documented.
fn date_filter(params: &Params, name: &str) -> Result<impl Fn(Timestamp) -> bool + use<>, Answer> {
    let span = |suffix: &str| match params.filled(&format!("{name}{suffix}")) {
        None => Ok(None),
        Some(text) => date_span(text)
            .map(Some)
            .ok_or_else(|| Answer::compat(400, 90000, format!("{name}{suffix} is not a valid date"))),
    };
    let (on, before, after) = (span("")?, span("<")?, span(">")?);
    Ok(move |at: Timestamp| {
        on.is_none_or(|(from, to)| from <= at && at <= to)
            && before.is_none_or(|(_, to)| at <= to)
            && after.is_none_or(|(from, _)| from <= at)
    })
}

/// The first given URL or method parameter that is malformed.
fn bad_hook<'a>(params: &Params, urls: &[&'a str], methods: &[&'a str]) -> Option<&'a str> {
    let bad_url = |name: &&&str| {
        params
            .filled(name)
            .is_some_and(|url| !crate::text::is_web_url(url))
    };
    let bad_method = |name: &&&str| {
        params
            .filled(name)
            .is_some_and(|method| !matches!(method, "GET" | "POST"))
    };
    urls.iter()
        .find(bad_url)
        .or_else(|| methods.iter().find(bad_method))
        .copied()
}

/// Whether a price has at most four decimals: `^\d+\.?\d{0,4}$` (compat-openapi).
fn is_price(text: &str) -> bool {
    let (whole, decimals) = text.split_once('.').unwrap_or((text, ""));
    let digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    !whole.is_empty() && digits(whole) && digits(decimals) && decimals.len() <= 4
}
