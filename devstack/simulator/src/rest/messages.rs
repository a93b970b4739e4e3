//! Messages of the Compat API (FACTS 4).

use std::sync::Arc;

use super::{bad_hook, date_filter, is_price};
use crate::{
    answer::Answer,
    carrier::Carrier,
    magic::{self, MagicEffect},
    paging,
    resource::message::{Media, MessageKind, MessageRecord},
    text::{is_e164, is_web_url, segments},
    wire::Params,
};

/// Characters of a body at most (FACTS 4).
const BODY_CHARS_MAX: usize = 1600;
/// Attachments at most (FACTS 4).
const MEDIA_MAX: usize = 8;
/// Seconds in the queue at most (FACTS 4).
const VALIDITY_SECONDS_MAX: u32 = 172_800;

impl Carrier {
    /// Checks a send as the carrier does; the HTTP status of most refusals is 400 as in its one published sample.
    fn check_send(&self, params: &Params) -> Result<(), Answer> {
        let refuse = |code: u32, message: &str| Err(Answer::compat(400, code, message));
        let Some(to) = params.filled("To") else {
            return refuse(21603, "A 'To' phone number is required");
        };
        let from = match (params.filled("From"), params.filled("MessagingServiceSid")) {
            (Some(from), _) => from,
            (None, Some(_)) => return refuse(21701, "The number group does not exist"),
            (None, None) => return refuse(10000, "Either From or MessagingServiceSid is required"),
        };
        if !is_e164(to) {
            return refuse(21211, "The 'To' number is not a valid phone number");
        }
        let media: Vec<&str> = params.all("MediaUrl").filter(|url| !url.is_empty()).collect();
        let body = params.get("Body").unwrap_or_default();
        if body.is_empty() && media.is_empty() {
            return refuse(21602, "Message body or media is required");
        }
        if body.chars().count() > BODY_CHARS_MAX {
            return refuse(
                21617,
                "The concatenated message body exceeds the 1600 character limit",
            );
        }
        if media.len() > MEDIA_MAX {
            return refuse(21623, "Number of media files exceeds the limit of 8");
        }
        if media.iter().any(|url| !is_web_url(url)) {
            return refuse(21620, "Invalid media URL");
        }
        if bad_hook(params, &["StatusCallback"], &[]).is_some() {
            return refuse(10000, "StatusCallback is not a valid URL");
        }
        if params.filled("MaxPrice").is_some_and(|price| !is_price(price)) {
            return refuse(10000, "MaxPrice must have at most four decimals");
        }
        if params
            .filled("SendAsMms")
            .is_some_and(|flag| !matches!(flag, "true" | "false"))
        {
            return refuse(10000, "SendAsMms must be true or false");
        }
        let validity = params.filled("ValidityPeriod").map(str::parse::<u32>);
        if validity.is_some_and(|seconds| !seconds.is_ok_and(|s| (1..=VALIDITY_SECONDS_MAX).contains(&s))) {
            return refuse(21624, "ValidityPeriod must be between 1 and 172800");
        }
        let owned = self.state().owned(from).cloned();
        let Some(number) = owned else {
            return refuse(21210, "The 'From' phone number is not owned by this project");
        };
        if !number.sms {
            return refuse(21601, "From number is not a SMS-capable phone number");
        }
        if let Some(magic) = magic::lookup(to) {
            match magic.effect {
                MagicEffect::Refused(status) => {
                    let retry_after = (status == 429).then_some(1);
                    return Err(Answer::compat(status, magic.code, magic.message).throttled(retry_after));
                }
                MagicEffect::Broken(status) => return Err(Answer::compat(status, 0, magic.message)),
                _ => {}
            }
        }
        if to.starts_with("+1") && !self.may_message(&number) {
            return refuse(21717, "From must belong to an active campaign");
        }
        Ok(())
    }

    pub(super) fn send_message(self: &Arc<Self>, params: &Params) -> Answer {
        if let Err(refusal) = self.check_send(params) {
            return refusal;
        }
        let text = |name: &str| params.get(name).unwrap_or_default();
        let urls: Vec<&str> = params.all("MediaUrl").filter(|url| !url.is_empty()).collect();
        let mut message = self.new_message("outbound-api", text("From"), text("To"), text("Body"));
        message.media = urls
            .iter()
            .map(|url| self.new_media(url, "application/octet-stream"))
            .collect();
        if !message.media.is_empty() || text("SendAsMms") == "true" {
            message.kind = MessageKind::Mms;
        }
        message.status_callback = params.filled("StatusCallback").map(str::to_owned);
        message.params = params.clone();
        let answer = Answer::json(201, message.compat(&self.config.project_id));
        let magic = magic::lookup(&message.to);
        self.accept(message);
        match magic.map(|magic| (magic.effect, magic.message)) {
            Some((MagicEffect::AcceptedThen(status), text)) => Answer::compat(status, 0, text),
            _ => answer,
        }
    }

    /// A message as it starts: `queued` when it goes out, `received` when it came in.
    pub(crate) fn new_message(
        &self,
        direction: &'static str,
        from: &str,
        to: &str,
        body: &str,
    ) -> MessageRecord {
        let mut state = self.state();
        let (sid, now) = (state.random.sid(), state.now());
        let inbound = direction == "inbound";
        MessageRecord {
            sid,
            kind: MessageKind::Sms,
            direction,
            from: from.to_owned(),
            to: to.to_owned(),
            body: body.to_owned(),
            media: Vec::new(),
            num_segments: segments(body),
            statuses: vec![if inbound { "received" } else { "queued" }.to_owned()],
            error_code: None,
            error_message: None,
            status_callback: None,
            json_api: false,
            custom_variables: None,
            params: Params::default(),
            date_created: now,
            date_sent: inbound.then_some(now),
            date_updated: now,
        }
    }

    pub(crate) fn new_media(&self, url: &str, content_type: &str) -> Media {
        Media {
            sid: self.new_sid(),
            url: url.to_owned(),
            content_type: content_type.to_owned(),
        }
    }

    /// Newest first.
    pub(super) fn list_messages(&self, path: &str, params: &Params) -> Answer {
        let sent = match date_filter(params, "DateSent") {
            Ok(filter) => filter,
            Err(refusal) => return refusal,
        };
        let is = |name: &str, value: &str| params.filled(name).is_none_or(|wanted| wanted == value);
        let rows = self
            .state()
            .messages
            .iter()
            .rev()
            .filter(|message| !message.json_api)
            .filter(|message| {
                is("To", &message.to) && is("From", &message.from) && is("Status", message.rest_status())
            })
            .filter(|message| sent(message.date_sent.unwrap_or(message.date_created)))
            .map(|message| (message.sid.clone(), message.compat(&self.config.project_id)))
            .collect();
        paging::compat(path, params, "messages", rows)
    }

    pub(super) fn get_message(&self, sid: &str) -> Answer {
        match self.state().message(sid).filter(|message| !message.json_api) {
            Some(message) => Answer::json(200, message.compat(&self.config.project_id)),
            None => Answer::compat_not_found(),
        }
    }

    /// The only update is an empty `Body`, once the message is out of the queue.
    pub(super) fn redact_message(&self, sid: &str, params: &Params) -> Answer {
        let mut state = self.state();
        let now = state.now();
        let Some(message) = state.message(sid).filter(|message| !message.json_api) else {
            return Answer::compat_not_found();
        };
        if params.get("Body") != Some("") {
            return Answer::compat(422, 10000, "Body must be empty");
        }
        if matches!(message.rest_status(), "queued" | "initiated") {
            return Answer::compat(422, 50509, "Message cannot be redacted while it is queued");
        }
        message.body.clear();
        message.date_updated = now;
        Answer::json(200, message.compat(&self.config.project_id))
    }

    pub(super) fn delete_message(&self, sid: &str) -> Answer {
        let mut state = self.state();
        let Some(message) = state.message(sid) else {
            return Answer::compat_not_found();
        };
        if message.rest_status() == "queued" {
            return Answer::compat(422, 20009, "Message cannot be deleted while it is queued");
        }
        state.messages.retain(|message| message.sid != sid);
        Answer::no_content()
    }

    pub(super) fn list_media(&self, path: &str, sid: &str, params: &Params) -> Answer {
        let rows = match self.state().message(sid) {
            None => return Answer::compat_not_found(),
            Some(message) => message
                .media
                .iter()
                .map(|media| {
                    (
                        media.sid.clone(),
                        message.media_row(media, &self.config.project_id),
                    )
                })
                .collect(),
        };
        paging::compat(path, params, "media_list", rows)
    }

    /// The file itself, whose bytes say which it is.
    pub(super) fn get_media(&self, message: &str, sid: &str) -> Answer {
        let mut state = self.state();
        let media = state
            .message(message)
            .and_then(|message| message.media.iter().find(|media| media.sid == sid));
        match media {
            Some(media) => Answer::file(&media.content_type, format!("picture of {sid}").into_bytes()),
            None => Answer::compat_not_found(),
        }
    }

    /// Refused while the message is on its way (compat-openapi, delete_message_media).
    pub(super) fn delete_media(&self, message: &str, sid: &str) -> Answer {
        let mut state = self.state();
        let Some(message) = state.message(message).filter(|message| !message.json_api) else {
            return Answer::compat_not_found();
        };
        if matches!(message.rest_status(), "queued" | "initiated") {
            return Answer::compat(
                422,
                20009,
                "Media cannot be deleted while its message is in progress",
            );
        }
        let before = message.media.len();
        message.media.retain(|media| media.sid != sid);
        if message.media.len() == before {
            Answer::compat_not_found()
        } else {
            Answer::no_content()
        }
    }
}
