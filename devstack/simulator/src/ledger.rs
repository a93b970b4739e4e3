//! What the simulator remembers of a run, for assertions and for a person with curl.

use jiff::Timestamp;
use serde::Serialize;
use serde_json::Value;

use crate::{
    fault::{Fault, Operation},
    resource::{
        call::CallRecord,
        campaign::{AssignmentRecord, OrderRecord},
        message::MessageRecord,
        number::OwnedNumber,
        recording::{RecordingRecord, TranscriptionRecord},
    },
    wire::Params,
};

/// A REST request that arrived.
#[derive(Debug, Clone, Serialize)]
pub struct RequestRecord {
    /// When, by the simulator's clock.
    pub at: Timestamp,
    /// `GET`, `POST`, …
    pub method: String,
    /// Path as sent, without the query.
    pub path: String,
    /// Query and form parameters, in wire order.
    pub params: Params,
    /// The body of a JSON request.
    pub json: Option<Value>,
    /// What it was about; `None` for a path that does not exist.
    pub operation: Option<Operation>,
    /// Parameters that the carrier does not know, and so ignored.
    pub unknown_params: Vec<String>,
    /// The fault that it met.
    pub fault: Option<Fault>,
    /// The status of the answer; `None` when it never came.
    pub status: Option<u16>,
    /// The JSON of the answer, before a fault bent it.
    pub answer: Option<Value>,
}

/// What a webhook was about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum WebhookKind {
    /// Inbound SMS, MMS or WhatsApp.
    Message,
    /// The document of a call: `VoiceUrl`, `Url`, `Redirect`.
    Voice,
    /// `action` of Dial, Record, Gather, Message; `url` of Number.
    Action,
    /// The second path of a failed document.
    Fallback,
    /// A message's status callback.
    MessageStatus,
    /// A call's status callback.
    CallStatus,
    /// A number's `StatusCallback` at the end of a call.
    NumberStatus,
    /// `recordingStatusCallback`.
    RecordingStatus,
    /// `transcribeCallback`.
    Transcription,
    /// 10DLC.
    Campaign,
    /// Whatever a test posted by itself.
    Custom,
}

/// One HTTP exchange of a webhook.
#[derive(Debug, Clone, Serialize)]
pub struct Exchange {
    /// When, by the simulator's clock.
    pub at: Timestamp,
    /// What it was about.
    pub kind: WebhookKind,
    /// The SID of the message, call, recording or order.
    pub sid: String,
    /// 1 for the first try.
    pub attempt: u32,
    /// Sent a second time on purpose (`Config::deliver_twice`, `redeliver`).
    pub repeated: bool,
    /// `POST` or `GET`.
    pub method: String,
    /// The URL as configured; with the query that a GET adds.
    pub url: String,
    /// The value of `X-SignalWire-Signature`.
    pub signature: String,
    /// `application/x-www-form-urlencoded` or `application/json`; empty for a GET.
    pub content_type: String,
    /// The body as sent.
    pub sent: String,
    /// Status of the answer.
    pub status: Option<u16>,
    /// Content type of the answer.
    pub answer_type: Option<String>,
    /// Body of the answer, up to 64 kB.
    pub body: String,
    /// The carrier's code for what was wrong: 11200, 11215, 11217, 11750, 12100, 12300 …
    pub error: Option<u32>,
    /// The code in words.
    pub error_message: Option<String>,
}

impl Exchange {
    /// The form that was sent.
    pub fn params(&self) -> Params {
        if self.content_type.contains("json") {
            Params::default()
        } else {
            Params::parse(&self.sent)
        }
    }
}

/// A snapshot of everything.
#[derive(Debug, Clone, Serialize)]
pub struct Ledger {
    /// The simulator's present.
    pub now: Timestamp,
    /// Numbers of the project, bought or its own from the start.
    pub numbers: Vec<OwnedNumber>,
    /// Numbers it had.
    pub released: Vec<OwnedNumber>,
    /// Every message, oldest first.
    pub messages: Vec<MessageRecord>,
    /// Every call and leg, oldest first.
    pub calls: Vec<CallRecord>,
    /// Every recording, oldest first.
    pub recordings: Vec<RecordingRecord>,
    /// Every transcription, oldest first.
    pub transcriptions: Vec<TranscriptionRecord>,
    /// Campaign orders, oldest first.
    pub orders: Vec<OrderRecord>,
    /// Campaign assignments, oldest first.
    pub assignments: Vec<AssignmentRecord>,
    /// Every REST request, oldest first.
    pub requests: Vec<RequestRecord>,
    /// Every webhook exchange, in the order in which they ended.
    pub exchanges: Vec<Exchange>,
    /// What the carrier's debugger would show: unknown verbs and attributes, refused caller ids.
    pub warnings: Vec<String>,
    /// Numbers still for sale.
    pub stock: usize,
}

impl Ledger {
    /// The requests of one kind.
    pub fn requests_of(&self, operation: Operation) -> Vec<&RequestRecord> {
        self.requests
            .iter()
            .filter(|request| request.operation == Some(operation))
            .collect()
    }

    /// The exchanges of one kind.
    pub fn exchanges_of(&self, kind: WebhookKind) -> Vec<&Exchange> {
        self.exchanges
            .iter()
            .filter(|exchange| exchange.kind == kind)
            .collect()
    }

    /// The number that is owned now.
    pub fn number(&self, phone_number: &str) -> Option<&OwnedNumber> {
        self.numbers
            .iter()
            .find(|number| number.phone_number == phone_number)
    }

    /// A message by its SID.
    pub fn message(&self, sid: &str) -> Option<&MessageRecord> {
        self.messages.iter().find(|message| message.sid == sid)
    }

    /// A call by its SID.
    pub fn call(&self, sid: &str) -> Option<&CallRecord> {
        self.calls.iter().find(|call| call.sid == sid)
    }
}
