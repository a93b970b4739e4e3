//! Numbers that the project owns.

use jiff::Timestamp;
use serde::Serialize;
use serde_json::{Value, json};

use crate::{
    resource::account_path,
    text::{is_toll_free, iso8601, national_format, rfc2822},
    wire::Params,
};

/// A URL and the method it is requested with.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Hook {
    /// As configured, to the byte.
    pub url: Option<String>,
    /// `GET` or `POST`; `POST` when unset.
    pub method: Option<String>,
}

impl Hook {
    pub(crate) fn method(&self) -> &str {
        self.method.as_deref().unwrap_or("POST")
    }

    fn configure(&mut self, params: &Params, url: &str, method: &str) {
        if let Some(value) = params.get(url) {
            self.url = Some(value.to_owned()).filter(|value| !value.is_empty());
        }
        if let Some(value) = params.filled(method) {
            self.method = Some(value.to_owned());
        }
    }
}

/// A number of the project, owned or released (FACTS 3).
#[derive(Debug, Clone, Serialize)]
#[expect(missing_docs, reason = "the fields are the carrier's own")]
pub struct OwnedNumber {
    pub sid: String,
    pub phone_number: String,
    pub friendly_name: String,
    pub country_code: String,
    pub voice: bool,
    pub sms: bool,
    pub mms: bool,
    pub sms_hook: Hook,
    pub sms_fallback: Hook,
    pub voice_hook: Hook,
    pub voice_fallback: Hook,
    pub status_callback: Hook,
    pub voice_receive_mode: String,
    pub sms_application_sid: Option<String>,
    pub voice_application_sid: Option<String>,
    pub emergency_address_sid: Option<String>,
    /// Where inbound WhatsApp goes; no part of the Compat API.
    pub whatsapp_url: Option<String>,
    /// Owned before the simulator started: no campaign rules, no 14 days.
    pub platform: bool,
    /// What the purchase asked for, in wire order.
    pub purchase_params: Params,
    pub purchased_at: Timestamp,
    pub updated_at: Timestamp,
    pub released_at: Option<Timestamp>,
}

impl OwnedNumber {
    pub(crate) fn new(sid: String, phone_number: &str, at: Timestamp) -> Self {
        Self {
            sid,
            phone_number: phone_number.to_owned(),
            friendly_name: national_format(phone_number),
            country_code: "US".to_owned(),
            voice: true,
            sms: true,
            mms: true,
            sms_hook: Hook::default(),
            sms_fallback: Hook::default(),
            voice_hook: Hook::default(),
            voice_fallback: Hook::default(),
            status_callback: Hook::default(),
            voice_receive_mode: "voice".to_owned(),
            sms_application_sid: None,
            voice_application_sid: None,
            emergency_address_sid: None,
            whatsapp_url: None,
            platform: false,
            purchase_params: Params::default(),
            purchased_at: at,
            updated_at: at,
            released_at: None,
        }
    }

    /// Takes over what a purchase or an update sets; an empty value clears a URL.
    pub(crate) fn configure(&mut self, params: &Params, at: Timestamp) {
        self.sms_hook.configure(params, "SmsUrl", "SmsMethod");
        self.sms_fallback
            .configure(params, "SmsFallbackUrl", "SmsFallbackMethod");
        self.voice_hook.configure(params, "VoiceUrl", "VoiceMethod");
        self.voice_fallback
            .configure(params, "VoiceFallbackUrl", "VoiceFallbackMethod");
        self.status_callback
            .configure(params, "StatusCallback", "StatusCallbackMethod");
        if let Some(name) = params.filled("FriendlyName") {
            name.clone_into(&mut self.friendly_name);
        }
        if let Some(mode) = params.filled("VoiceReceiveMode") {
            mode.clone_into(&mut self.voice_receive_mode);
        }
        let optional = |name: &str, slot: &mut Option<String>| {
            if let Some(value) = params.get(name) {
                *slot = Some(value.to_owned()).filter(|value| !value.is_empty());
            }
        };
        optional("SmsApplicationSid", &mut self.sms_application_sid);
        optional("VoiceApplicationSid", &mut self.voice_application_sid);
        optional("EmergencyAddressSid", &mut self.emergency_address_sid);
        self.updated_at = at;
    }

    /// The Compat resource (compat-openapi, IncomingPhoneNumber; `voice_receive_mode` from FACTS 3).
    pub(crate) fn compat(&self, account_sid: &str) -> Value {
        let mut number = json!({
            "account_id": account_sid,
            "account_sid": account_sid,
            "address_requirements": "none",
            "address_sid": null,
            "api_version": "2010-04-01",
            "beta": false,
            "capabilities": { "voice": self.voice, "sms": self.sms, "mms": self.mms, "fax": self.voice },
            "country_code": self.country_code,
            "date_created": rfc2822(self.purchased_at),
            "date_updated": rfc2822(self.updated_at),
            "emergency_address_sid": self.emergency_address_sid,
            "emergency_status": if self.emergency_address_sid.is_some() { "Active" } else { "Inactive" },
            "friendly_name": self.friendly_name,
            "identity_sid": null,
            "origin": "signalwire",
            "phone_number": self.phone_number,
            "sid": self.sid,
            "sms_application_sid": self.sms_application_sid,
            "sms_fallback_method": self.sms_fallback.method(),
            "sms_fallback_url": self.sms_fallback.url,
            "sms_method": self.sms_hook.method(),
            "sms_url": self.sms_hook.url,
            "status_callback": self.status_callback.url,
            "status_callback_method": self.status_callback.method(),
            "trunk_sid": null,
            "uri": format!("{}/IncomingPhoneNumbers/{}.json", account_path(account_sid), self.sid),
            "voice_application_sid": self.voice_application_sid,
            "voice_caller_id_lookup": null,
            "voice_fallback_method": self.voice_fallback.method(),
            "voice_fallback_url": self.voice_fallback.url,
            "voice_method": self.voice_hook.method(),
            "voice_receive_mode": self.voice_receive_mode,
            "voice_url": self.voice_hook.url,
        });
        if is_toll_free(&self.phone_number) {
            number["verification_status"] = json!("Unverified");
        }
        number
    }

    /// The relay/rest resource, cut to what a reader of handlers needs (rest-openapi, PhoneNumber).
    pub(crate) fn relay(&self) -> Value {
        let capabilities: Vec<&str> = [
            ("voice", self.voice),
            ("sms", self.sms),
            ("mms", self.mms),
            ("fax", self.voice),
        ]
        .into_iter()
        .filter_map(|(name, has)| has.then_some(name))
        .collect();
        let mut number = json!({
            "id": self.sid,
            "number": self.phone_number,
            "name": self.friendly_name,
            "capabilities": capabilities,
            "number_type": if is_toll_free(&self.phone_number) { "toll-free" } else { "longcode" },
            "e911_address_id": self.emergency_address_sid,
            "e911_status": null,
            "created_at": iso8601(self.purchased_at),
            "updated_at": iso8601(self.updated_at),
            "next_billed_at": null,
            "call_handler": "laml_webhooks",
            "calling_handler_resource_id": null,
            "call_receive_mode": self.voice_receive_mode,
            "call_request_url": self.voice_hook.url,
            "call_request_method": self.voice_hook.method(),
            "call_fallback_url": self.voice_fallback.url,
            "call_fallback_method": self.voice_fallback.method(),
            "call_status_callback_url": self.status_callback.url,
            "call_status_callback_method": self.status_callback.method(),
            "message_handler": "laml_webhooks",
            "messaging_handler_resource_id": null,
            "message_request_url": self.sms_hook.url,
            "message_request_method": self.sms_hook.method(),
            "message_fallback_url": self.sms_fallback.url,
            "message_fallback_method": self.sms_fallback.method(),
            "country_code": self.country_code,
        });
        for name in UNUSED_HANDLER_FIELDS {
            number[name] = Value::Null;
        }
        number
    }
}

/// Fields of handlers other than `laml_webhooks`: always there, always null.
const UNUSED_HANDLER_FIELDS: [&str; 15] = [
    "call_laml_application_id",
    "call_dialogflow_agent_id",
    "call_relay_topic",
    "call_relay_topic_status_callback_url",
    "call_relay_script_url",
    "call_relay_context",
    "call_relay_context_status_callback_url",
    "call_relay_application",
    "call_relay_connector_id",
    "call_sip_endpoint_id",
    "call_verto_resource",
    "call_video_room_id",
    "message_laml_application_id",
    "message_relay_topic",
    "message_relay_context",
];
