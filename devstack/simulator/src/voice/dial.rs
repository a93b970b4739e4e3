//! `<Dial>`: child legs, their callbacks, and the `action` afterwards (FACTS 7).

use super::{
    run::{Flow, Run},
    script::DialOutcome,
};
use crate::{
    cxml::Element,
    delivery::DialedLeg,
    ledger::WebhookKind,
    resource::{call::CallRecord, number::Hook},
    text::is_e164,
};

impl Run {
    /// Rings everyone at once; the first that answers gets the call. `DialCallStatus` tells the `action`.
    pub(super) async fn dial(&mut self, verb: &Element) -> Flow {
        let targets: Vec<Element> = if verb.children.is_empty() {
            vec![Element {
                name: "Number".to_owned(),
                text: verb.text.clone(),
                ..Element::default()
            }]
        } else {
            verb.children.clone()
        };
        let caller_id = match verb.attribute("callerId") {
            Some(caller_id) => caller_id.to_owned(),
            None => self.delivery.from.clone(),
        };
        let owned = self.carrier.state().owned(&caller_id).is_some();
        let refused = verb.attribute("callerId").is_some() && !owned;
        if refused {
            let warning = format!("<Dial> callerId {caller_id} is not owned by this project");
            self.delivery.warnings.push(warning);
        }
        let mut winner: Option<(String, DialOutcome)> = None;
        let mut last = ("failed", String::new());
        for target in &targets {
            let to = target.text.trim().to_owned();
            let dialable = target.name != "Number" || is_e164(&to);
            if !dialable {
                self.delivery
                    .warnings
                    .push(format!("<Dial> cannot ring {to:?}: not E.164"));
            }
            let scripted = if refused || !dialable {
                DialOutcome::Failed
            } else {
                self.script.outcome_of(&to)
            };
            // Whoever rings on while another one answers is canceled.
            let outcome = if winner.is_some() {
                DialOutcome::Canceled
            } else {
                scripted
            };
            let sid = self.ring(target, &to, &caller_id, outcome).await;
            last = (outcome.status(), sid.clone());
            if matches!(outcome, DialOutcome::Answered { .. }) {
                winner = Some((sid, outcome));
            }
        }
        let (status, leg, seconds) = match &winner {
            Some((sid, outcome)) => ("completed", sid.clone(), outcome.seconds()),
            None => (last.0, last.1, 0),
        };
        self.seconds += seconds;
        let mut extra = vec![
            ("DialCallStatus", status.to_owned()),
            ("DialCallSid", leg),
            ("DialCallDuration", seconds.to_string()),
        ];
        let recorded = verb
            .attribute("record")
            .is_some_and(|record| record != "do-not-record");
        if recorded && winner.is_some() {
            let dual = verb
                .attribute("record")
                .is_some_and(|record| record.ends_with("-dual"));
            let channels = if dual { "2" } else { "1" };
            let trim = verb.attribute("trim").unwrap_or("do-not-trim");
            let recording = self.store_recording("DialVerb", "completed", seconds, channels, trim);
            extra.push(("RecordingUrl", recording.url.clone()));
            self.report_recording(verb, &recording).await;
        }
        if status == "canceled" {
            // The caller has gone: nobody is left to hear another document.
            return Flow::End("completed");
        }
        match verb.attribute("action") {
            Some(action) => Flow::Fetch(WebhookKind::Action, self.hook(verb, action), extra),
            None => Flow::Next,
        }
    }

    /// One leg from its first ring to its last callback.
    async fn ring(&mut self, target: &Element, to: &str, caller_id: &str, outcome: DialOutcome) -> String {
        let sid = {
            let mut state = self.carrier.state();
            let (sid, now) = (state.random.sid(), state.now());
            let mut leg = CallRecord::new(sid.clone(), "outbound-dial", caller_id, to, now);
            leg.parent_call_sid = Some(self.delivery.sid.clone());
            let method = target.attribute("statusCallbackMethod").map(str::to_owned);
            leg.status_callback = Hook {
                url: target.attribute("statusCallback").map(|url| self.absolute(url)),
                method,
            };
            if let Some(events) = target.attribute("statusCallbackEvent") {
                leg.status_callback_events = events.split_whitespace().map(str::to_owned).collect();
            }
            state.calls.push(leg);
            sid
        };
        for status in ["initiated", "ringing"] {
            self.carrier.advance_call(&sid, status, 0);
            self.delivery
                .exchanges
                .extend(self.carrier.report_call(&sid, status).await);
        }
        if matches!(outcome, DialOutcome::Answered { .. }) {
            self.carrier.advance_call(&sid, "in-progress", 0);
            self.delivery
                .exchanges
                .extend(self.carrier.report_call(&sid, "answered").await);
            self.whisper(target, &sid).await;
        }
        self.carrier
            .advance_call(&sid, outcome.status(), outcome.seconds());
        self.delivery
            .exchanges
            .extend(self.carrier.report_call(&sid, "completed").await);
        let status = outcome.status().to_owned();
        let (to, caller_id) = (to.to_owned(), caller_id.to_owned());
        self.delivery.legs.push(DialedLeg {
            sid: sid.clone(),
            to,
            caller_id,
            status,
        });
        sid
    }

    /// `<Number url>`: a document for the called party before the two are joined. Only read, not executed further.
    async fn whisper(&mut self, target: &Element, sid: &str) {
        let Some(url) = target.attribute("url") else {
            return;
        };
        let hook = self.hook(target, url);
        let form = self
            .carrier
            .state()
            .call(sid)
            .map(|leg| self.carrier.voice_form(leg));
        let Some(form) = form else { return };
        let fetched = self
            .carrier
            .fetch_document(WebhookKind::Action, sid, &hook, &Hook::default(), &form)
            .await;
        self.delivery.exchanges.extend(fetched.exchanges);
        if let Some(document) = fetched.document {
            self.delivery
                .warnings
                .extend(crate::cxml::lint(&document, crate::cxml::Medium::Voice));
            self.delivery.verbs.extend(document.verbs);
        }
    }
}
