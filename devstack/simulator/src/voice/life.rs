//! The life of a call: its statuses, and who is told of them.

use std::sync::Arc;

use super::{
    run::Run,
    script::{CallScript, DialOutcome},
};
use crate::{
    carrier::Carrier,
    delivery::Delivery,
    ledger::{Exchange, WebhookKind},
    magic::{self, MagicEffect},
    resource::{call::CallRecord, number::Hook},
    text::rfc2822,
    webhook::deliver::{Payload, Webhook},
    wire::Params,
};

/// A picked-up call without any script lasts so long.
const ANSWERED_SECONDS: u64 = 12;

impl Carrier {
    /// What every voice request carries (webhook_samples/voice_inbound.json).
    pub(crate) fn voice_form(&self, call: &CallRecord) -> Params {
        let mut params: Params = [
            ("CallSid", call.sid.as_str()),
            ("AccountSid", &self.config.project_id),
            ("ApiVersion", "2010-04-01"),
            ("From", &call.from),
            ("To", &call.to),
            ("CallStatus", call.status()),
            ("Direction", call.direction),
        ]
        .into_iter()
        .collect();
        if let Some(parent) = &call.parent_call_sid {
            params.push("ParentCallSid", parent);
        }
        params
    }

    /// Puts a call into a status, unless it is over. Says whether it did.
    pub(crate) fn advance_call(&self, sid: &str, status: &str, seconds: u64) -> bool {
        let mut state = self.state();
        let now = state.now();
        let Some(call) = state.call(sid).filter(|call| !call.is_over()) else {
            return false;
        };
        call.statuses.push(status.to_owned());
        if status == "in-progress" {
            call.start_time = Some(now);
        }
        if call.is_over() {
            call.end_time = Some(now);
            call.duration_seconds = seconds;
        }
        true
    }

    /// Reports an event of a call to its own `StatusCallback`, if it asked for it.
    pub(crate) async fn report_call(&self, sid: &str, event: &str) -> Vec<Exchange> {
        let webhook = {
            let mut state = self.state();
            let now = state.now();
            let Some(call) = state.call(sid) else {
                return Vec::new();
            };
            let wanted = call.status_callback_events.iter().any(|wanted| wanted == event);
            let Some(url) = call.status_callback.url.clone().filter(|_| wanted) else {
                return Vec::new();
            };
            let mut params = self.voice_form(call);
            params.push("CallbackSource", "call-progress-events");
            params.push("SequenceNumber", call.next_sequence.to_string());
            params.push("Timestamp", rfc2822(now));
            call.next_sequence += 1;
            if call.is_over() {
                params.push("CallDuration", call.duration_seconds.to_string());
                let (code, phrase) = match call.status() {
                    "busy" => ("486", "Busy Here"),
                    "no-answer" => ("480", "Temporarily Unavailable"),
                    "failed" => ("404", "Not Found"),
                    "canceled" => ("487", "Request Terminated"),
                    _ => ("200", "OK"),
                };
                params.push("SipResultCode", code);
                params.push("SipInviteResultPhrase", phrase);
            }
            for (name, value) in AUDIO {
                params.push(name, *value);
            }
            let (sid, method) = (sid.to_owned(), call.status_callback.method().to_owned());
            Webhook {
                kind: WebhookKind::CallStatus,
                sid,
                url,
                method,
                payload: Payload::Form(params),
            }
        };
        self.report(webhook).await
    }

    /// An inbound call from its first ring to its last callback.
    pub(crate) async fn inbound_call(self: &Arc<Self>, from: &str, to: &str, script: CallScript) -> Delivery {
        let number = self.state().owned(to).cloned();
        let mut delivery = Delivery {
            from: from.to_owned(),
            to: to.to_owned(),
            ..Delivery::default()
        };
        let Some(number) = number.filter(|number| number.voice) else {
            delivery
                .warnings
                .push("the number is not owned by this project, or takes no calls".to_owned());
            return delivery;
        };
        {
            let mut state = self.state();
            let (sid, now) = (state.random.sid(), state.now());
            delivery.sid.clone_from(&sid);
            let mut call = CallRecord::new(sid, "inbound", from, to, now);
            call.phone_number_sid = Some(number.sid.clone());
            call.statuses.push("ringing".to_owned());
            call.hook = number.voice_hook.clone();
            call.fallback = number.voice_fallback.clone();
            state.calls.push(call);
        }
        let mut run = Run::new(Arc::clone(self), delivery, script);
        let status = run
            .documents(number.voice_hook.clone(), number.voice_fallback.clone())
            .await;
        let seconds = run.seconds;
        let mut delivery = run.delivery;
        self.advance_call(&delivery.sid, status, seconds);
        delivery
            .exchanges
            .extend(self.report_number(&delivery.sid, &number.status_callback).await);
        delivery.call_status = self
            .state()
            .call(&delivery.sid)
            .map(|call| call.status().to_owned());
        self.state().warnings.extend(delivery.warnings.iter().cloned());
        delivery
    }

    /// The number's own callback at the end of a call: only completed or failed (webhook_samples/incoming_call_status.json).
    async fn report_number(&self, sid: &str, hook: &Hook) -> Vec<Exchange> {
        let Some(url) = hook.url.clone() else {
            return Vec::new();
        };
        let params = {
            let mut state = self.state();
            let now = state.now();
            let Some(call) = state.call(sid) else {
                return Vec::new();
            };
            let status = if call.status() == "completed" {
                "completed"
            } else {
                "failed"
            };
            let seconds = call.duration_seconds.to_string();
            let params: Params = [
                ("CallSid", sid),
                ("AccountSid", &self.config.project_id),
                ("From", &call.from),
                ("To", &call.to),
                ("Timestamp", &rfc2822(now)),
                ("CallStatus", status),
                ("CallDuration", &seconds),
                ("AudioInMos", "4.5"),
            ]
            .into_iter()
            .collect();
            params
        };
        let (sid, method) = (sid.to_owned(), hook.method().to_owned());
        let payload = Payload::Form(params);
        self.report(Webhook {
            kind: WebhookKind::NumberStatus,
            sid,
            url,
            method,
            payload,
        })
        .await
    }

    /// Takes an outbound call over and, if told so, places it.
    pub(crate) fn place(self: &Arc<Self>, call: CallRecord) {
        let (sid, to) = (call.sid.clone(), call.to.clone());
        self.state().calls.push(call);
        if !self.config.auto_status {
            return;
        }
        let scripted = self.state().call_scripts.get(&to).cloned();
        let ends = match magic::lookup(&to).map(|magic| magic.effect) {
            Some(MagicEffect::CallEnds("busy")) => DialOutcome::Busy,
            Some(MagicEffect::CallEnds("no-answer")) => DialOutcome::NoAnswer,
            Some(MagicEffect::CallEnds(_)) => DialOutcome::Failed,
            _ => DialOutcome::Answered {
                seconds: ANSWERED_SECONDS,
            },
        };
        let (outcome, script) = scripted.unwrap_or_else(|| (ends, CallScript::answered(ANSWERED_SECONDS)));
        let carrier = Arc::clone(self);
        self.schedule(async move {
            carrier.run_outbound(&sid, outcome, script).await;
        });
    }

    /// An outbound call from the first ring to the last callback; `outcome` is the called party's, `script` what follows.
    pub(crate) async fn run_outbound(
        self: &Arc<Self>,
        sid: &str,
        outcome: DialOutcome,
        script: CallScript,
    ) -> Delivery {
        let mut delivery = Delivery {
            sid: sid.to_owned(),
            ..Delivery::default()
        };
        {
            let mut state = self.state();
            let Some(call) = state.call(sid) else {
                return delivery;
            };
            (delivery.from, delivery.to) = (call.from.clone(), call.to.clone());
        }
        for status in ["initiated", "ringing"] {
            self.pause().await;
            if self.advance_call(sid, status, 0) {
                delivery.exchanges.extend(self.report_call(sid, status).await);
            }
        }
        self.pause().await;
        let (status, seconds) = match outcome {
            DialOutcome::Answered { .. } if self.advance_call(sid, "in-progress", 0) => {
                delivery.exchanges.extend(self.report_call(sid, "answered").await);
                let hooks = self
                    .state()
                    .call(sid)
                    .map(|call| (call.hook.clone(), call.fallback.clone()));
                let (hook, fallback) = hooks.unwrap_or_default();
                let mut run = Run::new(Arc::clone(self), delivery, script);
                let status = run.documents(hook, fallback).await;
                let seconds = run.seconds.max(1);
                delivery = run.delivery;
                (status, seconds)
            }
            other => (other.status(), 0),
        };
        if self.advance_call(sid, status, seconds) {
            delivery
                .exchanges
                .extend(self.report_call(sid, "completed").await);
        }
        delivery.call_status = self.state().call(sid).map(|call| call.status().to_owned());
        self.state().warnings.extend(delivery.warnings.iter().cloned());
        delivery
    }

    /// Ends a call by REST; its last callback follows. A call that has not been answered is canceled.
    pub(crate) fn end_from_outside(self: &Arc<Self>, sid: &str, status: &str) {
        let answered = self
            .state()
            .call(sid)
            .is_some_and(|call| call.status() == "in-progress");
        let status = if answered { "completed" } else { status };
        if self.advance_call(sid, status, u64::from(answered)) {
            let (carrier, sid) = (Arc::clone(self), sid.to_owned());
            self.schedule(async move {
                carrier.report_call(&sid, "completed").await;
            });
        }
    }
}

/// The quality fields of webhook_samples/voice_status_*.json.
const AUDIO: &[(&str, &str)] = &[
    ("AudioInAveragePtime", "20"),
    ("AudioInDtmfPacketCount", "0"),
    ("AudioInFlushPacketCount", "2"),
    ("AudioInJitterMaxVariance", "8"),
    ("AudioInJitterMinVariance", "1"),
    ("AudioInLargestJbSize", "4"),
    ("AudioInMos", "4.3"),
    ("AudioInMediaPacketCount", "1842"),
    ("AudioInSkipPacketCount", "1"),
    ("AudioOutDtmfPacketCount", "0"),
    ("AudioOutMediaPacketCount", "1840"),
];
