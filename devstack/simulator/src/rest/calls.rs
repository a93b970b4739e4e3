//! Calls of the Compat API (FACTS 5).

use std::sync::Arc;

use super::{bad_hook, date_filter, is_price};
use crate::{
    answer::Answer,
    carrier::Carrier,
    magic::{self, MagicEffect},
    paging,
    resource::{call::CallRecord, number::Hook},
    text::is_e164,
    wire::Params,
};

const URLS: [&str; 5] = [
    "Url",
    "FallbackUrl",
    "StatusCallback",
    "RecordingStatusCallback",
    "AsyncAmdStatusCallback",
];
const METHODS: [&str; 5] = [
    "Method",
    "FallbackMethod",
    "StatusCallbackMethod",
    "RecordingStatusCallbackMethod",
    "AsyncAmdStatusCallbackMethod",
];
const EVENTS: [&str; 6] = [
    "initiated",
    "ringing",
    "answered",
    "completed",
    "ringing_forwarded",
    "ringing_queued",
];

/// Number, lowest, highest.
const RANGES: [(&str, u32, u32); 6] = [
    ("Timeout", 1, 600),
    ("MachineDetectionTimeout", 1, 120),
    ("MachineDetectionSpeechThreshold", 1000, 6000),
    ("MachineDetectionSpeechEndThreshold", 500, 5000),
    ("MachineDetectionSilenceTimeout", 2000, 10000),
    ("MachineWordsThreshold", 1, 100),
];

/// Parameter and the values it takes.
const CHOICES: [(&str, &[&str]); 6] = [
    ("MachineDetection", &["Enable", "DetectMessageEnd", "none"]),
    ("Record", &["true", "false"]),
    ("RecordingChannels", &["mono", "dual"]),
    ("RecordingTrack", &["inbound", "outbound", "both"]),
    ("Trim", &["trim-silence", "do-not-trim"]),
    ("AsyncAmd", &["true", "false"]),
];

fn hook(params: &Params, url: &str, method: &str) -> Hook {
    let value = |name: &str| params.filled(name).map(str::to_owned);
    Hook {
        url: value(url),
        method: value(method),
    }
}

impl Carrier {
    fn check_call(&self, params: &Params) -> Result<(), Answer> {
        let refuse = |code: u32, message: &str| Err(Answer::call_errors(400, code, message));
        if params.filled("Url").is_none() {
            // Applications are not simulated.
            return refuse(21205, "Url is required");
        }
        let Some(to) = params.filled("To").filter(|to| is_e164(to)) else {
            return refuse(21211, "The 'To' number is not a valid phone number");
        };
        if let Some(name) = bad_hook(params, &URLS, &METHODS) {
            let code = if name == "Url" { 21205 } else { 21402 };
            return refuse(code, &format!("{name} is not valid"));
        }
        for event in params.all("StatusCallbackEvent") {
            if !EVENTS.contains(&event) {
                return refuse(10000, &format!("{event} is not a StatusCallbackEvent"));
            }
        }
        for (name, low, high) in RANGES {
            let value = params.filled(name).map(str::parse::<u32>);
            if value.is_some_and(|value| !value.is_ok_and(|value| (low..=high).contains(&value))) {
                return refuse(10000, &format!("{name} must be between {low} and {high}"));
            }
        }
        for (name, values) in CHOICES {
            if params.filled(name).is_some_and(|value| !values.contains(&value)) {
                return refuse(10000, &format!("{name} must be one of {}", values.join(", ")));
            }
        }
        let dialable =
            |digits: &str| digits.len() <= 32 && digits.bytes().all(|b| b"0123456789#*wW".contains(&b));
        if params
            .filled("SendDigits")
            .is_some_and(|digits| !dialable(digits))
        {
            return refuse(10000, "SendDigits is not valid");
        }
        if params
            .filled("MaxPricePerMinute")
            .is_some_and(|price| !is_price(price))
        {
            return refuse(10000, "MaxPricePerMinute must have at most four decimals");
        }
        let from = params.filled("From").unwrap_or_default();
        let from_voice = self.state().owned(from).map(|number| number.voice);
        match from_voice {
            None => return refuse(21210, "The 'From' phone number is not owned by this project"),
            Some(false) => return refuse(21601, "From number is not a voice-capable phone number"),
            Some(true) => {}
        }
        match magic::lookup(to).map(|magic| (magic.effect, magic)) {
            Some((MagicEffect::Refused(status), magic)) => {
                let retry_after = (status == 429).then_some(1);
                Err(Answer::call_errors(status, magic.code, magic.message).throttled(retry_after))
            }
            Some((MagicEffect::Broken(status), magic)) => Err(Answer::compat(status, 0, magic.message)),
            _ => Ok(()),
        }
    }

    pub(super) fn create_call(self: &Arc<Self>, params: &Params) -> Answer {
        if let Err(refusal) = self.check_call(params) {
            return refusal;
        }
        let text = |name: &str| params.get(name).unwrap_or_default();
        let mut call = {
            let mut state = self.state();
            let (sid, now) = (state.random.sid(), state.now());
            let mut call = CallRecord::new(sid, "outbound-api", text("From"), text("To"), now);
            call.phone_number_sid = state.owned(text("From")).map(|number| number.sid.clone());
            call
        };
        call.statuses.push("queued".to_owned());
        call.hook = hook(params, "Url", "Method");
        call.fallback = hook(params, "FallbackUrl", "FallbackMethod");
        call.status_callback = hook(params, "StatusCallback", "StatusCallbackMethod");
        if params.get("StatusCallbackEvent").is_some() {
            call.status_callback_events = params.all("StatusCallbackEvent").map(str::to_owned).collect();
        }
        call.params = params.clone();
        let answer = Answer::json(200, call.compat(&self.config.project_id));
        let magic = magic::lookup(&call.to);
        self.place(call);
        match magic.map(|magic| (magic.effect, magic.message)) {
            Some((MagicEffect::AcceptedThen(status), text)) => Answer::compat(status, 0, text),
            _ => answer,
        }
    }

    /// Newest first.
    pub(super) fn list_calls(&self, path: &str, params: &Params) -> Answer {
        let (started, ended) = match (date_filter(params, "StartTime"), date_filter(params, "EndTime")) {
            (Ok(started), Ok(ended)) => (started, ended),
            (Err(refusal), _) | (_, Err(refusal)) => return refusal,
        };
        let has = |prefix: &str| params.0.iter().any(|(name, _)| name.starts_with(prefix));
        let (by_start, by_end) = (has("StartTime"), has("EndTime"));
        let is = |name: &str, value: &str| params.filled(name).is_none_or(|wanted| wanted == value);
        let rows = self
            .state()
            .calls
            .iter()
            .rev()
            .filter(|call| is("To", &call.to) && is("From", &call.from))
            .filter(|call| {
                is(
                    "ParentCallSid",
                    call.parent_call_sid.as_deref().unwrap_or_default(),
                )
            })
            .filter(|call| !by_start || call.start_time.is_some_and(&started))
            .filter(|call| !by_end || call.end_time.is_some_and(&ended))
            .map(|call| (call.sid.clone(), call.compat(&self.config.project_id)))
            .filter(|(_, row)| is("Status", row["status"].as_str().unwrap_or_default()))
            .collect();
        paging::compat(path, params, "calls", rows)
    }

    pub(super) fn get_call(&self, sid: &str) -> Answer {
        match self.state().call(sid) {
            Some(call) => Answer::json(200, call.compat(&self.config.project_id)),
            None => Answer::compat_not_found(),
        }
    }

    /// Ends a call (`Status`), or gives it another document (`Url`) that it fetches when it is answered.
    pub(super) fn update_call(self: &Arc<Self>, sid: &str, params: &Params) -> Answer {
        if let Some(name) = bad_hook(params, &URLS, &METHODS) {
            return Answer::compat(400, 21402, format!("{name} is not valid"));
        }
        let status = params.filled("Status");
        if status.is_some_and(|status| !matches!(status, "canceled" | "completed")) {
            return Answer::compat(422, 10000, "Status must be canceled or completed");
        }
        {
            let mut state = self.state();
            let Some(call) = state.call(sid) else {
                return Answer::compat_not_found();
            };
            if call.is_over() {
                return Answer::compat(422, 21220, "Call is not in-progress. Cannot redirect or end.");
            }
            if params.filled("Url").is_some() {
                call.hook = hook(params, "Url", "Method");
            }
            if params.filled("FallbackUrl").is_some() {
                call.fallback = hook(params, "FallbackUrl", "FallbackMethod");
            }
            if params.filled("StatusCallback").is_some() {
                call.status_callback = hook(params, "StatusCallback", "StatusCallbackMethod");
            }
        }
        if let Some(status) = status {
            self.end_from_outside(sid, status);
        }
        self.get_call(sid)
    }
}
