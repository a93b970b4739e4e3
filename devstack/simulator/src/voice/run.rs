//! The interpreter: fetches documents and executes their verbs until the call ends.

use std::sync::Arc;

use super::script::CallScript;
use crate::{
    carrier::Carrier,
    cxml::{self, Element, Medium},
    delivery::Delivery,
    ledger::WebhookKind,
    resource::number::Hook,
    wire::Params,
};

/// Documents that one call may fetch: a loop without end is a warning, not a hang.
const DOCUMENTS_MAX: usize = 20;

/// Where a verb leads.
pub(super) enum Flow {
    /// To the verb after it.
    Next,
    /// To another document, with what the request adds to the standard form.
    Fetch(WebhookKind, Hook, Vec<(&'static str, String)>),
    /// To the end, in this status.
    End(&'static str),
}

/// One call in the interpreter.
pub(super) struct Run {
    pub(super) carrier: Arc<Carrier>,
    pub(super) delivery: Delivery,
    pub(super) script: CallScript,
    /// How long the call has lasted, if one could hear it.
    pub(super) seconds: u64,
    /// The document that is being executed: the base of relative URLs, and what a loop fetches again.
    current: Hook,
}

impl Run {
    pub(super) fn new(carrier: Arc<Carrier>, delivery: Delivery, script: CallScript) -> Self {
        Self {
            carrier,
            delivery,
            script,
            seconds: 0,
            current: Hook::default(),
        }
    }

    /// Runs from the first document to the end of the call, and says how it ended.
    pub(super) async fn documents(&mut self, first: Hook, fallback: Hook) -> &'static str {
        let mut next = Flow::Fetch(WebhookKind::Voice, first, Vec::new());
        for _ in 0..DOCUMENTS_MAX {
            let (kind, hook, extra) = match next {
                Flow::Fetch(kind, hook, extra) => (kind, hook, extra),
                Flow::End(status) => return status,
                Flow::Next => return "completed",
            };
            let Some(mut params) = self.form() else {
                return "failed";
            };
            params
                .0
                .extend(extra.into_iter().map(|(name, value)| (name.to_owned(), value)));
            let fetched = self
                .carrier
                .fetch_document(kind, &self.delivery.sid, &hook, &fallback, &params)
                .await;
            self.current = hook;
            self.delivery.exchanges.extend(fetched.exchanges);
            // Without a document the caller hears an error.
            let Some(document) = fetched.document else {
                return "failed";
            };
            self.delivery
                .warnings
                .extend(cxml::lint(&document, Medium::Voice));
            next = self.execute(&document.verbs).await;
        }
        self.delivery
            .warnings
            .push("the call fetches documents without end".to_owned());
        "completed"
    }

    /// The standard form, with the call's present status.
    pub(super) fn form(&self) -> Option<Params> {
        let carrier = Arc::clone(&self.carrier);
        let mut state = carrier.state();
        state
            .call(&self.delivery.sid)
            .map(|call| carrier.voice_form(call))
    }

    async fn execute(&mut self, verbs: &[Element]) -> Flow {
        for verb in verbs {
            if self
                .carrier
                .state()
                .call(&self.delivery.sid)
                .is_none_or(|call| call.is_over())
            {
                return Flow::End("completed");
            }
            self.delivery.verbs.push(verb.clone());
            if verb.name == "Reject" {
                let busy = verb.attribute("reason") == Some("busy");
                return Flow::End(if busy { "busy" } else { "no-answer" });
            }
            self.answer();
            match self.execute_verb(verb).await {
                Flow::Next => {}
                other => return other,
            }
        }
        Flow::Next
    }

    /// Any verb but `<Reject>` answers the call.
    fn answer(&self) {
        let ringing = self
            .carrier
            .state()
            .call(&self.delivery.sid)
            .is_some_and(|call| call.status() == "ringing");
        if ringing {
            self.carrier.advance_call(&self.delivery.sid, "in-progress", 0);
        }
    }

    async fn execute_verb(&mut self, verb: &Element) -> Flow {
        match verb.name.as_str() {
            "Say" | "Play" | "Pause" => {
                self.listen(verb);
                Flow::Next
            }
            "Dial" => self.dial(verb).await,
            "Record" => self.record(verb).await,
            "Gather" => self.gather(verb),
            "Redirect" => Flow::Fetch(WebhookKind::Voice, self.hook(verb, &verb.text), Vec::new()),
            "Hangup" => Flow::End("completed"),
            _ => Flow::Next,
        }
    }

    fn listen(&mut self, verb: &Element) {
        let length = verb
            .attribute("length")
            .and_then(|length| length.parse().ok())
            .unwrap_or(1);
        self.seconds += if verb.name == "Pause" { length } else { 1 };
    }

    fn gather(&mut self, verb: &Element) -> Flow {
        for child in &verb.children {
            self.listen(child);
        }
        let input = verb.attribute("input").unwrap_or("dtmf");
        let digits = self.script.digits.clone().filter(|_| input.contains("dtmf"));
        let speech = self.script.speech.clone().filter(|_| input.contains("speech"));
        let empty_too = verb.attribute("actionOnEmptyResult") == Some("true");
        let extra = match (digits, speech) {
            (Some(digits), _) => vec![("Digits", digits)],
            (None, Some(speech)) => vec![("SpeechResult", speech), ("Confidence", "0.91".to_owned())],
            (None, None) if empty_too => vec![("Digits", String::new())],
            (None, None) => return Flow::Next,
        };
        self.go_on(verb, extra)
    }

    /// To the verb's `action`, or to the same document again (FACTS 7).
    pub(super) fn go_on(&self, verb: &Element, extra: Vec<(&'static str, String)>) -> Flow {
        match verb.attribute("action") {
            Some(action) => Flow::Fetch(WebhookKind::Action, self.hook(verb, action), extra),
            None => Flow::Fetch(WebhookKind::Voice, self.current.clone(), extra),
        }
    }

    /// A URL of a verb, relative to the document if it must be, and the verb's method.
    pub(super) fn hook(&self, verb: &Element, url: &str) -> Hook {
        Hook {
            url: Some(self.absolute(url)),
            method: verb.attribute("method").map(str::to_owned),
        }
    }

    pub(super) fn absolute(&self, url: &str) -> String {
        let url = url.trim();
        if crate::text::is_web_url(url) {
            return url.to_owned();
        }
        let base = self
            .current
            .url
            .as_deref()
            .and_then(|base| url::Url::parse(base).ok());
        base.and_then(|base| base.join(url).ok())
            .map_or_else(|| url.to_owned(), String::from)
    }
}
