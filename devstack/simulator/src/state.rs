//! Everything that changes, under one lock.

use std::collections::{HashMap, HashSet};

use jiff::{SignedDuration, Timestamp};

use crate::{
    config::{Config, PlatformNumber},
    fault::Faults,
    ledger::{Exchange, Ledger, RequestRecord},
    random::Random,
    resource::{
        call::CallRecord,
        campaign::{AssignmentRecord, OrderRecord},
        message::MessageRecord,
        number::OwnedNumber,
        recording::{RecordingRecord, TranscriptionRecord},
    },
    stock::{StockNumber, generate},
    voice::script::{CallScript, DialOutcome},
};

/// How long the platform's own numbers have been owned when a simulator starts.
const OWNED_BEFORE: SignedDuration = SignedDuration::from_hours(24 * 90);

pub(crate) struct State {
    /// The API token and the signing key of the present: both can be rotated.
    pub(crate) token: String,
    pub(crate) signing_key: String,
    pub(crate) random: Random,
    /// How far the clock has been moved ahead.
    pub(crate) ahead: SignedDuration,
    pub(crate) stock: Vec<StockNumber>,
    pub(crate) numbers: Vec<OwnedNumber>,
    pub(crate) messages: Vec<MessageRecord>,
    pub(crate) calls: Vec<CallRecord>,
    pub(crate) recordings: Vec<RecordingRecord>,
    pub(crate) transcriptions: Vec<TranscriptionRecord>,
    pub(crate) orders: Vec<OrderRecord>,
    pub(crate) assignments: Vec<AssignmentRecord>,
    pub(crate) requests: Vec<RequestRecord>,
    pub(crate) exchanges: Vec<Exchange>,
    pub(crate) warnings: Vec<String>,
    pub(crate) faults: Faults,
    /// Numbers whose campaign assignment is going to fail.
    pub(crate) assignment_failures: HashSet<String>,
    /// How calls to a number go.
    pub(crate) call_scripts: HashMap<String, (DialOutcome, CallScript)>,
}

impl State {
    pub(crate) fn new(config: &Config) -> Self {
        let mut random = Random::new(config.seed);
        let stock = config.stock.clone().unwrap_or_else(|| generate(&mut random));
        let mut state = Self {
            token: config.token.clone(),
            signing_key: config.signing_key.clone(),
            random,
            ahead: SignedDuration::ZERO,
            stock,
            numbers: Vec::new(),
            messages: Vec::new(),
            calls: Vec::new(),
            recordings: Vec::new(),
            transcriptions: Vec::new(),
            orders: Vec::new(),
            assignments: Vec::new(),
            requests: Vec::new(),
            exchanges: Vec::new(),
            warnings: Vec::new(),
            faults: Faults::default(),
            assignment_failures: HashSet::new(),
            call_scripts: HashMap::new(),
        };
        state.numbers = config
            .platform_numbers
            .iter()
            .map(|platform| state.platform_number(platform))
            .collect();
        state
    }

    /// A number that has been owned for long.
    pub(crate) fn platform_number(&mut self, platform: &PlatformNumber) -> OwnedNumber {
        let bought = self.now() - OWNED_BEFORE;
        let mut number = OwnedNumber::new(self.random.sid(), &platform.phone_number, bought);
        number.sms_hook.url.clone_from(&platform.sms_url);
        number.sms_fallback.url.clone_from(&platform.sms_fallback_url);
        number.voice_hook.url.clone_from(&platform.voice_url);
        number.voice_fallback.url.clone_from(&platform.voice_fallback_url);
        number.status_callback.url.clone_from(&platform.status_callback);
        number.whatsapp_url.clone_from(&platform.whatsapp_url);
        number.platform = true;
        number
    }

    pub(crate) fn now(&self) -> Timestamp {
        Timestamp::now() + self.ahead
    }

    /// The number that the project owns now.
    pub(crate) fn owned(&self, phone_number: &str) -> Option<&OwnedNumber> {
        self.numbers
            .iter()
            .find(|number| number.released_at.is_none() && number.phone_number == phone_number)
    }

    pub(crate) fn owned_by_sid(&mut self, sid: &str) -> Option<&mut OwnedNumber> {
        self.numbers
            .iter_mut()
            .find(|number| number.released_at.is_none() && number.sid == sid)
    }

    pub(crate) fn message(&mut self, sid: &str) -> Option<&mut MessageRecord> {
        self.messages.iter_mut().find(|message| message.sid == sid)
    }

    pub(crate) fn call(&mut self, sid: &str) -> Option<&mut CallRecord> {
        self.calls.iter_mut().find(|call| call.sid == sid)
    }

    pub(crate) fn snapshot(&self) -> Ledger {
        let (numbers, released) = self
            .numbers
            .iter()
            .cloned()
            .partition(|number| number.released_at.is_none());
        Ledger {
            now: self.now(),
            numbers,
            released,
            messages: self.messages.clone(),
            calls: self.calls.clone(),
            recordings: self.recordings.clone(),
            transcriptions: self.transcriptions.clone(),
            orders: self.orders.clone(),
            assignments: self.assignments.clone(),
            requests: self.requests.clone(),
            exchanges: self.exchanges.clone(),
            warnings: self.warnings.clone(),
            stock: self.stock.len(),
        }
    }
}
