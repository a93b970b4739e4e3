//! Paths: which call of which API a request is.

use crate::fault::Operation;

/// The three APIs, which refuse in different shapes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Family {
    Compat,
    Relay,
    Json,
}

/// One call of an API, with what its path carries.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Endpoint {
    Account,
    Search { country: String, toll_free: bool },
    Purchase,
    ListNumbers,
    GetNumber(String),
    UpdateNumber(String),
    Release(String),
    SendMessage,
    ListMessages,
    GetMessage(String),
    UpdateMessage(String),
    DeleteMessage(String),
    ListMedia(String),
    GetMedia { message: String, sid: String },
    DeleteMedia { message: String, sid: String },
    CreateCall,
    ListCalls,
    GetCall(String),
    UpdateCall(String),
    ListRecordings { call: Option<String> },
    GetRecording(String),
    DeleteRecording(String),
    ListTranscriptions { recording: Option<String> },
    GetTranscription(String),
    DeleteTranscription(String),
    SendJsonMessage,
    ListLogs,
    GetLog(String),
    CampaignNumbers(String),
    CampaignOrders(String),
    CreateOrder(String),
    GetOrder(String),
    Unassign(String),
    ListRelayNumbers,
    GetRelayNumber(String),
}

impl Endpoint {
    /// The call, its API, and the project in its path if it has one. `.json` at the end is optional (FACTS 1).
    pub(crate) fn route(method: &str, path: &str) -> Option<(Self, Family, Option<String>)> {
        let path = path.strip_prefix('/')?;
        let decoded: Vec<String> = path
            .strip_suffix(".json")
            .unwrap_or(path)
            .split('/')
            .map(|part| {
                percent_encoding::percent_decode_str(part)
                    .decode_utf8_lossy()
                    .into_owned()
            })
            .collect();
        let parts: Vec<&str> = decoded.iter().map(String::as_str).collect();
        match parts.as_slice() {
            ["api", "laml", "2010-04-01", "Accounts", account, rest @ ..] => Some((
                Self::compat(method, rest)?,
                Family::Compat,
                Some((*account).to_owned()),
            )),
            ["api", "relay", "rest", rest @ ..] => Some((Self::relay(method, rest)?, Family::Relay, None)),
            ["api", "messaging", rest @ ..] => Some((Self::messaging(method, rest)?, Family::Json, None)),
            _ => None,
        }
    }

    fn compat(method: &str, rest: &[&str]) -> Option<Self> {
        let own = |sid: &&str| (*sid).to_owned();
        Some(match (method, rest) {
            ("GET", []) => Self::Account,
            ("GET", ["AvailablePhoneNumbers", country, "Local"]) => Self::Search {
                country: own(country),
                toll_free: false,
            },
            ("GET", ["AvailablePhoneNumbers", country, "TollFree"]) => Self::Search {
                country: own(country),
                toll_free: true,
            },
            ("POST", ["IncomingPhoneNumbers"]) => Self::Purchase,
            ("GET", ["IncomingPhoneNumbers"]) => Self::ListNumbers,
            ("GET", ["IncomingPhoneNumbers", sid]) => Self::GetNumber(own(sid)),
            ("POST", ["IncomingPhoneNumbers", sid]) => Self::UpdateNumber(own(sid)),
            ("DELETE", ["IncomingPhoneNumbers", sid]) => Self::Release(own(sid)),
            ("POST", ["Messages"]) => Self::SendMessage,
            ("GET", ["Messages"]) => Self::ListMessages,
            ("GET", ["Messages", sid]) => Self::GetMessage(own(sid)),
            ("POST", ["Messages", sid]) => Self::UpdateMessage(own(sid)),
            ("DELETE", ["Messages", sid]) => Self::DeleteMessage(own(sid)),
            ("GET", ["Messages", sid, "Media"]) => Self::ListMedia(own(sid)),
            ("GET", ["Messages", message, "Media", sid]) => Self::GetMedia {
                message: own(message),
                sid: own(sid),
            },
            ("DELETE", ["Messages", message, "Media", sid]) => Self::DeleteMedia {
                message: own(message),
                sid: own(sid),
            },
            ("POST", ["Calls"]) => Self::CreateCall,
            ("GET", ["Calls"]) => Self::ListCalls,
            ("GET", ["Calls", sid]) => Self::GetCall(own(sid)),
            ("POST", ["Calls", sid]) => Self::UpdateCall(own(sid)),
            ("GET", ["Calls", sid, "Recordings"]) => Self::ListRecordings { call: Some(own(sid)) },
            ("GET", ["Recordings"]) => Self::ListRecordings { call: None },
            ("GET", ["Recordings", sid] | ["Calls", _, "Recordings", sid]) => Self::GetRecording(own(sid)),
            ("DELETE", ["Recordings", sid] | ["Calls", _, "Recordings", sid]) => {
                Self::DeleteRecording(own(sid))
            }
            ("GET", ["Recordings", sid, "Transcriptions"]) => Self::ListTranscriptions {
                recording: Some(own(sid)),
            },
            ("GET", ["Transcriptions"]) => Self::ListTranscriptions { recording: None },
            ("GET", ["Transcriptions", sid]) => Self::GetTranscription(own(sid)),
            ("DELETE", ["Transcriptions", sid]) => Self::DeleteTranscription(own(sid)),
            _ => return None,
        })
    }

    fn relay(method: &str, rest: &[&str]) -> Option<Self> {
        let own = |id: &&str| (*id).to_owned();
        Some(match (method, rest) {
            ("GET", ["registry", "beta", "campaigns", id, "numbers"]) => Self::CampaignNumbers(own(id)),
            ("GET", ["registry", "beta", "campaigns", id, "orders"]) => Self::CampaignOrders(own(id)),
            ("POST", ["registry", "beta", "campaigns", id, "orders"]) => Self::CreateOrder(own(id)),
            ("GET", ["registry", "beta", "orders", id]) => Self::GetOrder(own(id)),
            ("DELETE", ["registry", "beta", "numbers", id]) => Self::Unassign(own(id)),
            ("GET", ["phone_numbers"]) => Self::ListRelayNumbers,
            ("GET", ["phone_numbers", id]) => Self::GetRelayNumber(own(id)),
            _ => return None,
        })
    }

    fn messaging(method: &str, rest: &[&str]) -> Option<Self> {
        Some(match (method, rest) {
            ("POST", ["messages"]) => Self::SendJsonMessage,
            ("GET", ["logs"]) => Self::ListLogs,
            ("GET", ["logs", id]) => Self::GetLog((*id).to_owned()),
            _ => return None,
        })
    }

    /// What faults call it.
    pub(crate) fn operation(&self) -> Operation {
        match self {
            Self::Account => Operation::Account,
            Self::Search { .. } => Operation::Search,
            Self::Purchase => Operation::Purchase,
            Self::ListNumbers => Operation::ListNumbers,
            Self::GetNumber(_) => Operation::GetNumber,
            Self::UpdateNumber(_) => Operation::UpdateNumber,
            Self::Release(_) => Operation::Release,
            Self::SendMessage => Operation::SendMessage,
            Self::ListMessages => Operation::ListMessages,
            Self::GetMessage(_) => Operation::GetMessage,
            Self::UpdateMessage(_) => Operation::UpdateMessage,
            Self::DeleteMessage(_) => Operation::DeleteMessage,
            Self::ListMedia(_) => Operation::ListMedia,
            Self::GetMedia { .. } => Operation::GetMedia,
            Self::DeleteMedia { .. } => Operation::DeleteMedia,
            Self::CreateCall => Operation::CreateCall,
            Self::ListCalls => Operation::ListCalls,
            Self::GetCall(_) => Operation::GetCall,
            Self::UpdateCall(_) => Operation::UpdateCall,
            Self::ListRecordings { .. } | Self::GetRecording(_) | Self::DeleteRecording(_) => {
                Operation::Recordings
            }
            Self::ListTranscriptions { .. } | Self::GetTranscription(_) | Self::DeleteTranscription(_) => {
                Operation::Transcriptions
            }
            Self::SendJsonMessage => Operation::SendJsonMessage,
            Self::ListLogs | Self::GetLog(_) => Operation::MessageLogs,
            Self::CampaignNumbers(_) => Operation::CampaignNumbers,
            Self::CampaignOrders(_) | Self::GetOrder(_) => Operation::CampaignOrders,
            Self::CreateOrder(_) => Operation::CampaignOrder,
            Self::Unassign(_) => Operation::Unassign,
            Self::ListRelayNumbers | Self::GetRelayNumber(_) => Operation::RelayNumbers,
        }
    }

    /// The parameters that the carrier knows of a call that creates or changes something.
    pub(crate) fn known_params(&self) -> Option<&'static [&'static str]> {
        match self {
            Self::Purchase => Some(&PURCHASE),
            Self::UpdateNumber(_) => Some(&UPDATE_NUMBER),
            Self::SendMessage => Some(&SEND_MESSAGE),
            Self::UpdateMessage(_) => Some(&["Body"]),
            Self::CreateCall => Some(&CREATE_CALL),
            Self::UpdateCall(_) => Some(&UPDATE_CALL),
            _ => None,
        }
    }
}

/// compat-openapi, CreateIncomingPhoneNumberRequest.
#[rustfmt::skip]
const PURCHASE: [&str; 16] = [
    "PhoneNumber", "FriendlyName", "SmsApplicationSid", "SmsFallbackMethod", "SmsFallbackUrl", "SmsMethod", "SmsUrl",
    "StatusCallback", "StatusCallbackMethod", "VoiceApplicationSid", "VoiceFallbackMethod", "VoiceFallbackUrl",
    "VoiceMethod", "VoiceReceiveMode", "VoiceUrl", "AccountSid",
];

/// compat-openapi, UpdateIncomingPhoneNumberRequest.
#[rustfmt::skip]
const UPDATE_NUMBER: [&str; 16] = [
    "AccountSid", "EmergencyAddressSid", "FriendlyName", "SmsApplicationSid", "SmsFallbackMethod", "SmsFallbackUrl",
    "SmsMethod", "SmsUrl", "StatusCallback", "StatusCallbackMethod", "VoiceApplicationSid", "VoiceFallbackMethod",
    "VoiceFallbackUrl", "VoiceMethod", "VoiceReceiveMode", "VoiceUrl",
];

/// compat-openapi, CreateMessageRequest.
#[rustfmt::skip]
const SEND_MESSAGE: [&str; 10] = [
    "To", "From", "Body", "MediaUrl", "SendAsMms", "ApplicationSid", "MaxPrice", "StatusCallback", "ValidityPeriod",
    "MessagingServiceSid",
];

/// compat-openapi, CreateCallRequest.
#[rustfmt::skip]
const CREATE_CALL: [&str; 33] = [
    "To", "From", "Url", "ApplicationSid", "Method", "FallbackUrl", "FallbackMethod", "StatusCallback",
    "StatusCallbackMethod", "StatusCallbackEvent", "CallerId", "SendDigits", "Timeout", "MachineDetection",
    "MachineDetectionTimeout", "MachineDetectionSpeechThreshold", "MachineDetectionSpeechEndThreshold",
    "MachineDetectionSilenceTimeout", "MachineWordsThreshold", "AsyncAmd", "AsyncAmdStatusCallbackMethod",
    "AsyncAmdStatusCallback", "AsyncAmdPartialResults", "Record", "RecordingChannels", "RecordingTrack",
    "RecordingStatusCallback", "RecordingStatusCallbackMethod", "RecordingStatusCallbackEvent", "Trim",
    "SipAuthUsername", "SipAuthPassword", "MaxPricePerMinute",
];

/// compat-openapi, UpdateCallRequest.
const UPDATE_CALL: [&str; 7] = [
    "Url",
    "Method",
    "Status",
    "FallbackUrl",
    "FallbackMethod",
    "StatusCallback",
    "StatusCallbackMethod",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_with_and_without_json() {
        let base = "/api/laml/2010-04-01/Accounts/p";
        for (method, path, expected) in [
            ("GET", String::from(base), Endpoint::Account),
            ("GET", format!("{base}.json"), Endpoint::Account),
            ("POST", format!("{base}/Messages.json"), Endpoint::SendMessage),
            (
                "GET",
                format!("{base}/Messages/a/Media.json"),
                Endpoint::ListMedia("a".into()),
            ),
            (
                "DELETE",
                format!("{base}/IncomingPhoneNumbers/x.json"),
                Endpoint::Release("x".into()),
            ),
            (
                "DELETE",
                "/api/relay/rest/registry/beta/numbers/n".into(),
                Endpoint::Unassign("n".into()),
            ),
        ] {
            let (endpoint, _, account) = Endpoint::route(method, &path).unwrap();
            assert_eq!(endpoint, expected, "{path}");
            assert!(account.is_none_or(|account| account == "p"));
        }
        assert!(Endpoint::route("GET", "/api/laml/2010-04-01/accounts/p/Messages").is_none());
        assert!(Endpoint::route("PUT", &format!("{base}/Messages")).is_none());
    }
}
