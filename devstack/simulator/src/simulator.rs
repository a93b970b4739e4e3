//! The handle that tests and `cargo dev` hold.

use std::{sync::Arc, time::Duration};

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;
use tokio::net::TcpListener;

use crate::{
    carrier::Carrier,
    config::{Config, PlatformNumber},
    delivery::Delivery,
    fault::{Fault, Operation},
    ledger::{Exchange, Ledger, WebhookKind},
    messaging,
    resource::{
        message::{MessageKind, MessageRecord},
        number::OwnedNumber,
        recording::{RecordingRecord, TranscriptionRecord},
    },
    server, signature,
    stock::StockNumber,
    voice::script::{CallScript, DialOutcome},
    webhook::deliver::Payload,
    wire::Params,
};

/// A running simulator. Clones share it; [`Simulator::shutdown`] ends it for all of them.
#[derive(Clone)]
pub struct Simulator {
    carrier: Arc<Carrier>,
}

impl std::fmt::Debug for Simulator {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Simulator")
            .field("base_url", &self.carrier.base_url)
            .finish_non_exhaustive()
    }
}

impl Simulator {
    /// Listens and serves.
    pub async fn start(config: Config) -> std::io::Result<Self> {
        let listener = TcpListener::bind(config.bind).await?;
        let base_url = format!("http://{}", listener.local_addr()?);
        let carrier = Carrier::new(config, base_url);
        tokio::spawn(server::serve(Arc::clone(&carrier), listener));
        Ok(Self { carrier })
    }

    /// `http://127.0.0.1:port`, what `SIGNALWIRE_SPACE_URL` is set to.
    pub fn base_url(&self) -> &str {
        &self.carrier.base_url
    }

    /// What it was started with: project id, token, signing key.
    pub fn config(&self) -> &Config {
        &self.carrier.config
    }

    // ---- things that reach our side ----

    /// A customer texts one of the project's numbers.
    pub async fn inbound_sms(&self, from: &str, to: &str, body: &str) -> Delivery {
        self.carrier
            .inbound_message(MessageKind::Sms, from, to, body, &[])
            .await
    }

    /// A customer sends media, each a URL and a content type.
    pub async fn inbound_mms(&self, from: &str, to: &str, body: &str, media: &[(&str, &str)]) -> Delivery {
        self.carrier
            .inbound_message(MessageKind::Mms, from, to, body, media)
            .await
    }

    /// A customer writes on WhatsApp. Its form is not documented; this is the SMS form with `whatsapp:` before both numbers.
    pub async fn inbound_whatsapp(&self, from: &str, to: &str, body: &str) -> Delivery {
        let bare = |number: &str| number.trim_start_matches("whatsapp:").to_owned();
        self.carrier
            .inbound_message(MessageKind::WhatsApp, &bare(from), &bare(to), body, &[])
            .await
    }

    /// A customer calls one of the project's numbers; returns when the call and its callbacks are over.
    pub async fn inbound_call(&self, from: &str, to: &str, script: CallScript) -> Delivery {
        self.carrier.inbound_call(from, to, script).await
    }

    /// Sends the first request of `delivery` again: same SID, same bytes. Its replies are read, not sent.
    pub async fn redeliver(&self, delivery: &Delivery) -> Delivery {
        let mut again = Delivery {
            exchanges: Vec::new(),
            replies: Vec::new(),
            verbs: Vec::new(),
            ..delivery.clone()
        };
        if let Some(earlier) = delivery.exchanges.first() {
            let (exchange, document) = self.carrier.replay(earlier).await;
            again.exchanges.push(exchange);
            if let Some(document) = document {
                if earlier.kind != WebhookKind::Voice {
                    again.replies = messaging::replies_of(&document, &delivery.from, &delivery.to);
                }
                again.verbs = document.verbs;
            }
        }
        again
    }

    /// Sends any recorded exchange again, byte for byte.
    pub async fn repeat_exchange(&self, exchange: &Exchange) -> Exchange {
        self.carrier.replay(exchange).await.0
    }

    /// Posts a signed form to any URL, once.
    pub async fn send_webhook<N: Into<String>, V: Into<String>>(
        &self,
        url: &str,
        form: impl IntoIterator<Item = (N, V)>,
    ) -> Exchange {
        self.carrier
            .post(url, Payload::Form(form.into_iter().collect()))
            .await
    }

    /// Posts a signed JSON body to any URL, once.
    pub async fn send_json_webhook(&self, url: &str, json: &Value) -> Exchange {
        self.carrier.post(url, Payload::Json(json.to_string())).await
    }

    /// The signature of a form, with the project's signing key.
    pub fn sign_form(&self, url: &str, params: &Params) -> String {
        signature::sign_form(&self.carrier.state().signing_key, url, params)
    }

    /// The signature of a JSON body, with the project's signing key.
    pub fn sign_json(&self, url: &str, body: &[u8]) -> String {
        signature::sign_json(&self.carrier.state().signing_key, url, body)
    }

    // ---- life cycles by hand ----

    /// Moves a message to `status` (and `error_code`), and reports it to its callback. Any order, any repetition.
    pub async fn report_message(&self, sid: &str, status: &str, error_code: Option<u32>) -> Vec<Exchange> {
        self.carrier.report_message(sid, status, error_code).await
    }

    /// Places a call that waits because `auto_status` is off.
    pub async fn run_call(&self, sid: &str, outcome: DialOutcome, script: CallScript) -> Delivery {
        self.carrier.run_outbound(sid, outcome, script).await
    }

    /// Processes a campaign order that waits because `auto_status` is off.
    pub async fn process_order(&self, id: &str) -> Vec<Exchange> {
        self.carrier.process_order(id).await
    }

    /// How outbound calls to `number` go from now on.
    pub fn script_calls_to(&self, number: &str, outcome: DialOutcome, script: CallScript) {
        self.carrier
            .state()
            .call_scripts
            .insert(number.to_owned(), (outcome, script));
    }

    /// Campaign assignments of `number` fail from now on, or work again.
    pub fn fail_assignment(&self, number: &str, fails: bool) {
        let mut state = self.carrier.state();
        if fails {
            state.assignment_failures.insert(number.to_owned());
        } else {
            state.assignment_failures.remove(number);
        }
    }

    // ---- faults ----

    /// The next request of `operation` meets `fault`.
    pub fn fail_next(&self, operation: Operation, fault: Fault) {
        self.carrier.state().faults.order(operation, fault, Some(1));
    }

    /// The next `times` requests of `operation` meet `fault`.
    pub fn fail_times(&self, operation: Operation, fault: Fault, times: u32) {
        if times > 0 {
            self.carrier.state().faults.order(operation, fault, Some(times));
        }
    }

    /// Every request of `operation` meets `fault`, until [`Simulator::clear_faults`].
    pub fn fail_always(&self, operation: Operation, fault: Fault) {
        self.carrier.state().faults.order(operation, fault, None);
    }

    /// No fault is on order any more.
    pub fn clear_faults(&self) {
        self.carrier.state().faults.clear();
    }

    // ---- the carrier's books ----

    /// A snapshot of everything.
    pub fn ledger(&self) -> Ledger {
        self.carrier.state().snapshot()
    }

    /// The messages that fit: a part of the ledger that costs no copy of the rest.
    pub fn messages(&self, fits: impl Fn(&MessageRecord) -> bool) -> Vec<MessageRecord> {
        let state = self.carrier.state();
        state
            .messages
            .iter()
            .filter(|message| fits(message))
            .cloned()
            .collect()
    }

    /// The numbers that the project owns now.
    pub fn numbers(&self) -> Vec<OwnedNumber> {
        let state = self.carrier.state();
        let owned = state.numbers.iter().filter(|number| number.released_at.is_none());
        owned.cloned().collect()
    }

    /// The number, if the project owns it now.
    pub fn number(&self, phone_number: &str) -> Option<OwnedNumber> {
        self.carrier.state().owned(phone_number).cloned()
    }

    /// Gives the project a number that it has owned for long; returns its SID.
    pub fn add_number(&self, platform: &PlatformNumber) -> String {
        let mut state = self.carrier.state();
        let number = state.platform_number(platform);
        let sid = number.sid.clone();
        state.numbers.push(number);
        sid
    }

    /// Gives the project a recording that it has had for long, and what was understood of it; returns the recording's SID.
    pub fn add_voicemail(&self, call_sid: &str, words: &str) -> String {
        let sid = self.carrier.new_sid();
        let transcription = TranscriptionRecord {
            sid: self.carrier.new_sid(),
            recording_sid: sid.clone(),
            text: Some(words.to_owned()),
            duration_seconds: 9,
            date_created: self.carrier.now(),
        };
        let recording = RecordingRecord {
            url: self.carrier.resource_url(&format!("Recordings/{sid}")),
            sid: sid.clone(),
            call_sid: call_sid.to_owned(),
            source: "RecordVerb",
            status: "completed",
            duration_seconds: 9,
            channels: "1",
            trim: "trim-silence".to_owned(),
            date_created: self.carrier.now(),
        };
        let mut state = self.carrier.state();
        state.recordings.push(recording);
        state.transcriptions.push(transcription);
        sid
    }

    /// Changes settings of an owned number as the dashboard would, by their Compat names (`SmsUrl`, `VoiceUrl`, …).
    pub fn configure_number(&self, phone_number: &str, settings: &[(&str, &str)]) -> bool {
        let mut state = self.carrier.state();
        let now = state.now();
        let Some(sid) = state.owned(phone_number).map(|number| number.sid.clone()) else {
            return false;
        };
        if let Some(number) = state.owned_by_sid(&sid) {
            number.configure(&settings.iter().copied().collect(), now);
        }
        true
    }

    /// The project gets another API token; the old one is refused at once.
    pub fn rotate_token(&self, token: &str) {
        token.clone_into(&mut self.carrier.state().token);
    }

    /// Webhooks are signed with another key from now on.
    pub fn rotate_signing_key(&self, signing_key: &str) {
        signing_key.clone_into(&mut self.carrier.state().signing_key);
    }

    /// Replaces what is for sale.
    pub fn set_stock(&self, stock: Vec<StockNumber>) {
        self.carrier.state().stock = stock;
    }

    /// What is for sale.
    pub fn stock(&self) -> Vec<StockNumber> {
        self.carrier.state().stock.clone()
    }

    /// The simulator's present.
    pub fn now(&self) -> Timestamp {
        self.carrier.now()
    }

    /// Moves the carrier's clock ahead: the 14 days of a purchase, the dates of lists.
    pub fn advance(&self, by: Duration) {
        let mut state = self.carrier.state();
        state.ahead = state
            .ahead
            .saturating_add(SignedDuration::try_from(by).unwrap_or(SignedDuration::MAX));
    }

    /// Waits until every scheduled call and callback is over.
    pub async fn settle(&self) {
        self.carrier.settle().await;
    }

    /// Stops listening, cuts open connections, drops what is scheduled.
    pub async fn shutdown(&self) {
        self.carrier.closed.send_replace(true);
        self.carrier.settle().await;
    }
}
