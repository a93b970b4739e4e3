//! The JSON messaging API: WhatsApp, and SMS the JSON way (rest-openapi, `/api/messaging`).

use std::sync::Arc;

use serde_json::Value;

use crate::{
    answer::Answer,
    carrier::Carrier,
    magic::{self, MagicEffect},
    paging,
    resource::message::MessageKind,
    text::{is_e164, is_web_url},
    wire::Params,
};

const MESSAGE_TYPES: [&str; 12] = [
    "whatsapp_media_text",
    "whatsapp_media_image",
    "whatsapp_media_audio",
    "whatsapp_media_video",
    "whatsapp_media_document",
    "whatsapp_media_sticker",
    "whatsapp_media_location",
    "whatsapp_media_contacts",
    "whatsapp_media_reaction",
    "whatsapp_interactive_cta",
    "whatsapp_interactive_list",
    "whatsapp_interactive_reply_button",
];

impl Carrier {
    pub(super) fn send_json_message(self: &Arc<Self>, json: Option<&Value>) -> Answer {
        let Some(json) = json.filter(|json| json.is_object()) else {
            return Answer::json_errors(
                400,
                "invalid_parameter",
                None,
                "Request body must be a JSON object",
            );
        };
        let text = |name: &str| json[name].as_str().unwrap_or_default();
        let invalid = |code: &str, attribute: &str, message: &str| {
            Answer::json_errors(422, code, Some(attribute), message)
        };
        let (from, to) = (text("from"), text("to"));
        let whatsapp = from.strip_prefix("whatsapp:");
        if !is_e164(to) {
            return invalid("invalid_parameter", "to", "To must be a valid E.164 phone number");
        }
        let number = self.state().owned(whatsapp.unwrap_or(from)).cloned();
        let Some(number) = number else {
            let message = "From must be a valid purchased phone number or WhatsApp business number from your SignalWire project.";
            return invalid("invalid_from_number", "from", message);
        };
        let callback = json["status_callback"].as_str();
        if callback.is_some_and(|url| !is_web_url(url)) {
            return invalid(
                "invalid_parameter",
                "status_callback",
                "Status callback must be a valid URL",
            );
        }
        if whatsapp.is_some() {
            let (template, kind) = (text("template_id"), text("message_type"));
            if template.is_empty() && !MESSAGE_TYPES.contains(&kind) {
                return invalid(
                    "invalid_parameter",
                    "message_type",
                    "Message type or template is required",
                );
            }
            if kind == "whatsapp_media_text" && text("body").is_empty() {
                return invalid("missing_required_parameter", "body", "Body must be present");
            }
        } else {
            let has_media = json["media"].as_array().is_some_and(|media| !media.is_empty());
            if text("body").is_empty() && !has_media {
                return invalid(
                    "missing_required_parameter",
                    "body",
                    "Body or media must be present",
                );
            }
            if !number.sms {
                return invalid(
                    "missing_messaging_capability",
                    "from",
                    "From cannot send messages",
                );
            }
            if to.starts_with("+1") && !self.may_message(&number) {
                return invalid(
                    "inactive_campaign",
                    "from",
                    "From must belong to an active campaign",
                );
            }
        }
        let magic = magic::lookup(to);
        match magic.map(|magic| (magic.effect, magic)) {
            Some((MagicEffect::Refused(429), magic)) => {
                return Answer::json_errors(429, "rate_limit_exceeded", None, magic.message)
                    .throttled(Some(1));
            }
            Some((MagicEffect::Refused(_), magic)) => {
                return invalid(string_code(magic.code), "to", magic.message);
            }
            Some((MagicEffect::Broken(status), magic)) => return Answer::json_error(status, magic.message),
            _ => {}
        }
        let mut message = self.new_message("outbound-api", from, to, text("body"));
        message.json_api = true;
        message.media = json["media"]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(|url| url.as_str())
            .map(|url| self.new_media(url, "application/octet-stream"))
            .collect();
        message.kind = match whatsapp {
            Some(_) => MessageKind::WhatsApp,
            None if !message.media.is_empty() || json["send_as_mms"] == true => MessageKind::Mms,
            None => MessageKind::Sms,
        };
        message.status_callback = callback.map(str::to_owned);
        message.custom_variables = json
            .get("custom_variables")
            .filter(|value| value.is_object())
            .cloned();
        let answer = Answer::json(201, message.messaging(&self.config.project_id));
        self.accept(message);
        match magic.map(|magic| (magic.effect, magic.message)) {
            Some((MagicEffect::AcceptedThen(status), text)) => Answer::json_error(status, text),
            _ => answer,
        }
    }

    pub(super) fn list_logs(&self, path: &str, params: &Params) -> Answer {
        let rows = self
            .state()
            .messages
            .iter()
            .rev()
            .map(|message| {
                (
                    message.sid.clone(),
                    message.log(&self.config.project_id, &self.base_url),
                )
            })
            .collect();
        paging::relay(&self.base_url, path, params, rows)
    }

    pub(super) fn get_log(&self, id: &str) -> Answer {
        match self.state().message(id) {
            Some(message) => Answer::json(200, message.log(&self.config.project_id, &self.base_url)),
            None => Answer::json_error(404, "Not Found"),
        }
    }
}

/// The word for a code (FACTS 1, string codes).
fn string_code(code: u32) -> &'static str {
    match code {
        4001 => "insufficient_balance",
        21610 => "message_blocked_by_number",
        21717 => "inactive_campaign",
        21601 => "missing_messaging_capability",
        21219 => "integration_test_verified_caller_required",
        21612 | 21614 => "not_routable",
        _ => "invalid_parameter",
    }
}
