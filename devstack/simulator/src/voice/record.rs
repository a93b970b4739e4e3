//! `<Record>`: recordings, transcriptions and their callbacks (FACTS 6, 7).

use super::{
    run::{Flow, Run},
    script::Voicemail,
};
use crate::{
    cxml::Element,
    ledger::WebhookKind,
    resource::recording::{RecordingRecord, TranscriptionRecord},
    webhook::deliver::{Payload, Webhook},
    wire::Params,
};

impl Run {
    /// Records what the script says. Verbs after it never run: `action` or the same document again while the caller is
    /// there, the end when they hung up.
    pub(super) async fn record(&mut self, verb: &Element) -> Flow {
        let trim = verb.attribute("trim").unwrap_or("trim-silence").to_owned();
        let longest = match verb
            .attribute("maxLength")
            .and_then(|length| length.parse::<u64>().ok())
        {
            None | Some(0) => 3600,
            Some(seconds) => seconds,
        };
        let (status, seconds, transcript, presses_key) = match self.script.voicemail.clone() {
            Voicemail::Leaves {
                seconds,
                transcript,
                presses_key,
            } => ("completed", seconds.min(longest), transcript, presses_key),
            Voicemail::HangsUp => ("completed", 1, None, false),
            Voicemail::Absent if trim == "trim-silence" => ("absent", 0, None, false),
            Voicemail::Absent => ("completed", 5, None, false),
        };
        self.seconds += seconds;
        let recording = self.store_recording("RecordVerb", status, seconds, "1", &trim);
        self.report_recording(verb, &recording).await;
        if verb.attribute("transcribe") == Some("true") && status == "completed" {
            self.transcribe(verb, &recording, transcript).await;
        }
        if !presses_key {
            return Flow::End("completed");
        }
        let extra = vec![
            ("RecordingUrl", recording.url.clone()),
            ("RecordingDuration", seconds.to_string()),
            ("Digits", "#".to_owned()),
        ];
        self.go_on(verb, extra)
    }

    /// Keeps a recording; an absent one has a SID for its callback and nothing to read.
    pub(super) fn store_recording(
        &mut self,
        source: &'static str,
        status: &'static str,
        duration_seconds: u64,
        channels: &'static str,
        trim: &str,
    ) -> RecordingRecord {
        let sid = self.carrier.new_sid();
        let recording = RecordingRecord {
            url: self.carrier.resource_url(&format!("Recordings/{sid}")),
            sid,
            call_sid: self.delivery.sid.clone(),
            source,
            status,
            duration_seconds,
            channels,
            trim: trim.to_owned(),
            date_created: self.carrier.now(),
        };
        if status == "completed" {
            self.carrier.state().recordings.push(recording.clone());
            self.delivery.recordings.push(recording.sid.clone());
        }
        recording
    }

    /// `recordingStatusCallback`, for the events that it asks for (default: completed).
    pub(super) async fn report_recording(&mut self, verb: &Element, recording: &RecordingRecord) {
        let Some(url) = verb
            .attribute("recordingStatusCallback")
            .map(|url| self.absolute(url))
        else {
            return;
        };
        let wanted = verb
            .attribute("recordingStatusCallbackEvent")
            .unwrap_or("completed");
        let method = verb
            .attribute("recordingStatusCallbackMethod")
            .unwrap_or("POST")
            .to_owned();
        for (event, seconds) in [("in-progress", 0), (recording.status, recording.duration_seconds)] {
            if !wanted.split_whitespace().any(|name| name == event) {
                continue;
            }
            let seconds = seconds.to_string();
            let params: Params = [
                ("AccountSid", self.carrier.config.project_id.as_str()),
                ("CallSid", &recording.call_sid),
                ("RecordingSid", &recording.sid),
                ("RecordingUrl", &recording.url),
                ("RecordingStatus", event),
                ("RecordingDuration", &seconds),
                ("RecordingChannels", recording.channels),
                ("RecordingSource", recording.source),
            ]
            .into_iter()
            .collect();
            let webhook = Webhook {
                kind: WebhookKind::RecordingStatus,
                sid: recording.sid.clone(),
                url: url.clone(),
                method: method.clone(),
                payload: Payload::Form(params),
            };
            self.delivery.exchanges.extend(self.carrier.report(webhook).await);
        }
    }

    /// A transcription, and `transcribeCallback`: without any call data (FACTS 6).
    async fn transcribe(&mut self, verb: &Element, recording: &RecordingRecord, text: Option<String>) {
        let transcription = TranscriptionRecord {
            sid: self.carrier.new_sid(),
            recording_sid: recording.sid.clone(),
            text,
            duration_seconds: recording.duration_seconds,
            date_created: self.carrier.now(),
        };
        self.carrier.state().transcriptions.push(transcription.clone());
        let Some(url) = verb.attribute("transcribeCallback").map(|url| self.absolute(url)) else {
            return;
        };
        let status = if transcription.text.is_some() {
            "completed"
        } else {
            "failed"
        };
        let own_url = self
            .carrier
            .resource_url(&format!("Transcriptions/{}", transcription.sid));
        let params: Params = [
            ("TranscriptionSid", transcription.sid.as_str()),
            (
                "TranscriptionText",
                transcription.text.as_deref().unwrap_or_default(),
            ),
            ("TranscriptionStatus", status),
            ("TranscriptionUrl", &own_url),
            ("RecordingSid", &recording.sid),
            ("RecordingUrl", &recording.url),
        ]
        .into_iter()
        .collect();
        let (kind, sid, method) = (WebhookKind::Transcription, transcription.sid, "POST".to_owned());
        let webhook = Webhook {
            kind,
            sid,
            url,
            method,
            payload: Payload::Form(params),
        };
        self.delivery.exchanges.extend(self.carrier.report(webhook).await);
    }
}
