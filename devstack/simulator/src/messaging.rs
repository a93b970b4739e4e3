//! Messages on their way: inbound documents with their replies, outbound life cycles with their callbacks (FACTS 4, 6).

use std::sync::Arc;

use serde_json::{Value, json};

use crate::{
    carrier::Carrier,
    cxml::{self, Document, Element, Medium},
    delivery::{Delivery, Reply},
    ledger::{Exchange, WebhookKind},
    magic::{self, MagicEffect},
    resource::{
        message::{MessageKind, MessageRecord},
        number::Hook,
    },
    text::iso8601,
    webhook::deliver::{Payload, Webhook},
    wire::Params,
};

/// Documents that one inbound message may lead to, by `Redirect` and `action`.
const DOCUMENTS_MAX: usize = 10;

impl Carrier {
    /// Delivers a message to one of the project's numbers and does what the answer says. Media without a URL lie here.
    pub(crate) async fn inbound_message(
        self: &Arc<Self>,
        kind: MessageKind,
        from: &str,
        to: &str,
        body: &str,
        media: &[(&str, &str)],
    ) -> Delivery {
        let number = self.state().owned(to).cloned();
        let prefix = if kind == MessageKind::WhatsApp {
            "whatsapp:"
        } else {
            ""
        };
        let (from, to) = (format!("{prefix}{from}"), format!("{prefix}{to}"));
        let mut message = self.new_message("inbound", &from, &to, body);
        message.kind = kind;
        message.media = media
            .iter()
            .map(|(url, content_type)| {
                let mut media = self.new_media(url, content_type);
                if url.is_empty() {
                    media.url = self.resource_url(&format!("Messages/{}/Media/{}", message.sid, media.sid));
                }
                media
            })
            .collect();
        let mut delivery = Delivery {
            sid: message.sid.clone(),
            from,
            to,
            ..Delivery::default()
        };
        let refused = match &number {
            None => Some("the number is not owned by this project"),
            Some(number) if !number.sms => Some("the number does not take messages"),
            Some(number) if kind != MessageKind::WhatsApp && !self.may_message(number) => Some(
                "the number is in no active campaign: messaging is disabled in both directions (FACTS 10)",
            ),
            Some(_) => None,
        };
        if let Some(reason) = refused {
            delivery.warnings.push(reason.to_owned());
            return delivery;
        }
        let number = number.expect("a missing number was refused above");
        let mut hook = number.sms_hook.clone();
        if kind == MessageKind::WhatsApp && number.whatsapp_url.is_some() {
            hook.url.clone_from(&number.whatsapp_url);
        }
        let params = self.message_form(&message);
        self.state().messages.push(message);
        self.answer_message(&mut delivery, hook, number.sms_fallback.clone(), params)
            .await;
        self.state().warnings.extend(delivery.warnings.iter().cloned());
        delivery
    }

    async fn answer_message(
        self: &Arc<Self>,
        delivery: &mut Delivery,
        hook: Hook,
        fallback: Hook,
        params: Params,
    ) {
        let mut next = Some((WebhookKind::Message, hook, params.clone()));
        for _ in 0..DOCUMENTS_MAX {
            let Some((kind, hook, params_now)) = next.take() else {
                return;
            };
            let fetched = self
                .fetch_document(kind, &delivery.sid, &hook, &fallback, &params_now)
                .await;
            delivery.exchanges.extend(fetched.exchanges);
            let Some(document) = fetched.document else { return };
            delivery.warnings.extend(cxml::lint(&document, Medium::Messaging));
            for verb in document.verbs {
                delivery.verbs.push(verb.clone());
                match verb.name.as_str() {
                    "Message" => {
                        let mut reply = read_reply(&verb, &delivery.from, &delivery.to);
                        if let Some(reason) = self.refuse_reply(&reply) {
                            delivery.warnings.push(reason);
                            continue;
                        }
                        let sent = self.send_reply(&mut reply);
                        delivery.replies.push(reply);
                        if let Some(action) = verb.attribute("action") {
                            let mut params = params.clone();
                            params.push("MessageStatus", sent.status());
                            params.push("ErrorCode", "");
                            next = Some((WebhookKind::Action, verb_hook(&verb, action), params));
                            break;
                        }
                    }
                    "Redirect" => {
                        next = Some((WebhookKind::Message, verb_hook(&verb, &verb.text), params.clone()));
                        break;
                    }
                    _ => {}
                }
            }
        }
        delivery
            .warnings
            .push("the answers lead from document to document without end".to_owned());
    }

    /// Why a reply cannot be sent, as a create would be refused.
    fn refuse_reply(&self, reply: &Reply) -> Option<String> {
        let bare = reply.from.trim_start_matches("whatsapp:");
        if self.state().owned(bare).is_none() {
            return Some(format!(
                "<Message> from {} is not owned by this project (21210)",
                reply.from
            ));
        }
        match reply.body.chars().count() {
            0 if reply.media.is_empty() => Some("<Message> has neither body nor media (21602)".to_owned()),
            1601.. => Some("<Message> is longer than 1600 characters (21617)".to_owned()),
            _ => None,
        }
    }

    /// Records a reply and lets it go its way; its status is reported to nobody.
    fn send_reply(self: &Arc<Self>, reply: &mut Reply) -> MessageRecord {
        let mut message = self.new_message("outbound-reply", &reply.from, &reply.to, &reply.body);
        message.media = reply
            .media
            .iter()
            .map(|url| self.new_media(url, "application/octet-stream"))
            .collect();
        if reply.from.starts_with("whatsapp:") {
            message.kind = MessageKind::WhatsApp;
        } else if !message.media.is_empty() {
            message.kind = MessageKind::Mms;
        }
        reply.sid.clone_from(&message.sid);
        self.accept(message.clone());
        message
    }

    /// The form of an inbound message (webhook_samples/sms_inbound.json, mms_inbound.json).
    fn message_form(&self, message: &MessageRecord) -> Params {
        let mut params: Params = [
            ("MessageSid", message.sid.as_str()),
            ("SmsSid", &message.sid),
            ("AccountSid", &self.config.project_id),
            ("From", &message.from),
            ("To", &message.to),
            ("Body", &message.body),
        ]
        .into_iter()
        .collect();
        params.push("NumMedia", message.media.len().to_string());
        params.push("NumSegments", message.num_segments.to_string());
        for (i, media) in message.media.iter().enumerate() {
            params.push(&format!("MediaUrl{i}"), &media.url);
            params.push(&format!("MediaContentType{i}"), &media.content_type);
        }
        params
    }

    /// Takes an outbound message over and, if told so, walks it through its life.
    pub(crate) fn accept(self: &Arc<Self>, message: MessageRecord) {
        let sid = message.sid.clone();
        let effect = magic::lookup(&message.to).map(|magic| (magic.effect, magic.code));
        let receipts = message.kind != MessageKind::Mms;
        self.state().messages.push(message);
        if !self.config.auto_status || matches!(effect, Some((MagicEffect::Silent, _))) {
            return;
        }
        let steps: Vec<(&'static str, Option<u32>)> = match effect {
            Some((MagicEffect::Failed, code)) => vec![("queued", None), ("failed", Some(code))],
            Some((MagicEffect::Undelivered, code)) => {
                vec![
                    ("queued", None),
                    ("sending", None),
                    ("sent", None),
                    ("undelivered", Some(code)),
                ]
            }
            Some((MagicEffect::StopsAtSent, _)) => vec![("queued", None), ("sending", None), ("sent", None)],
            // A delivery receipt exists for SMS only (FACTS 4).
            _ if !receipts => vec![("queued", None), ("sending", None), ("sent", None)],
            _ => vec![
                ("queued", None),
                ("sending", None),
                ("sent", None),
                ("delivered", None),
            ],
        };
        let carrier = Arc::clone(self);
        self.schedule(async move {
            for (status, error) in steps {
                carrier.pause().await;
                carrier.report_message(&sid, status, error).await;
            }
        });
    }

    /// Moves a message to a status and tells its callback.
    pub(crate) async fn report_message(&self, sid: &str, status: &str, error: Option<u32>) -> Vec<Exchange> {
        let webhook = {
            let mut state = self.state();
            let now = state.now();
            let Some(message) = state.message(sid) else {
                return Vec::new();
            };
            if message.status() != status {
                message.statuses.push(status.to_owned());
            }
            message.date_updated = now;
            if status == "sent" {
                message.date_sent = Some(now);
            }
            if let Some(code) = error {
                message.error_code = Some(code);
                let known = magic::MAGIC_TO.iter().find(|magic| magic.code == code);
                message.error_message = Some(known.map_or("Unknown error", |magic| magic.message).to_owned());
            }
            let Some(url) = message.status_callback.clone() else {
                return Vec::new();
            };
            let payload = if message.json_api {
                Payload::Json(self.status_json(message, status, iso8601(now)).to_string())
            } else {
                Payload::Form(self.status_form(message, status))
            };
            let (sid, method) = (sid.to_owned(), "POST".to_owned());
            Webhook {
                kind: WebhookKind::MessageStatus,
                sid,
                url,
                method,
                payload,
            }
        };
        self.report(webhook).await
    }

    /// webhook_samples/message_status_*.json.
    fn status_form(&self, message: &MessageRecord, status: &str) -> Params {
        let mut params: Params = [
            ("MessageSid", message.sid.as_str()),
            ("AccountSid", &self.config.project_id),
            ("MessageStatus", status),
            ("From", &message.from),
            ("To", &message.to),
            ("Body", &message.body),
        ]
        .into_iter()
        .collect();
        params.push("NumMedia", message.media.len().to_string());
        params.push("NumSegments", message.num_segments.to_string());
        if let Some(code) = message
            .error_code
            .filter(|_| matches!(status, "failed" | "undelivered"))
        {
            params.push("ErrorCode", code.to_string());
        }
        params
    }

    /// webhook_samples/rest_message_status.json.
    fn status_json(&self, message: &MessageRecord, status: &str, timestamp: String) -> Value {
        json!({
            "id": message.sid,
            "project_id": self.config.project_id,
            "status": status,
            "to": message.to,
            "from": message.from,
            "body": message.body,
            "number_of_segments": message.num_segments,
            "timestamp": timestamp,
            "error_code": message.error_code.map(|code| code.to_string()),
            "error_message": message.error_message,
            "custom_variables": message.custom_variables.clone().unwrap_or_else(|| json!({})),
        })
    }
}

/// The replies of a document, without sending them.
pub(crate) fn replies_of(document: &Document, from: &str, to: &str) -> Vec<Reply> {
    let messages = document.verbs.iter().filter(|verb| verb.name == "Message");
    messages.map(|verb| read_reply(verb, from, to)).collect()
}

/// A `<Message>`, as it is addressed: from the number that was written to, unless it says otherwise.
fn read_reply(verb: &Element, from: &str, to: &str) -> Reply {
    let inside = |name: &'static str| verb.children.iter().filter(move |child| child.name == name);
    let body = inside("Body")
        .next()
        .map_or(&verb.text, |body| &body.text)
        .clone();
    Reply {
        sid: String::new(),
        from: verb.attribute("from").unwrap_or(to).to_owned(),
        to: verb.attribute("to").unwrap_or(from).to_owned(),
        body,
        media: inside("Media").map(|media| media.text.clone()).collect(),
    }
}

fn verb_hook(verb: &Element, url: &str) -> Hook {
    Hook {
        url: Some(url.trim().to_owned()),
        method: verb.attribute("method").map(str::to_owned),
    }
}
