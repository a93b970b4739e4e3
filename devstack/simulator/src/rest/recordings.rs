//! Recordings and transcriptions: reads and deletes (FACTS 9).

use super::date_filter;
use crate::{answer::Answer, carrier::Carrier, paging, wire::Params};

impl Carrier {
    pub(super) fn list_recordings(&self, path: &str, call: Option<&str>, params: &Params) -> Answer {
        let created = match date_filter(params, "DateCreated") {
            Ok(filter) => filter,
            Err(refusal) => return refusal,
        };
        let call = call.or_else(|| params.filled("CallSid"));
        let rows = self
            .state()
            .recordings
            .iter()
            .rev()
            .filter(|recording| call.is_none_or(|call| recording.call_sid == call))
            .filter(|recording| created(recording.date_created))
            .map(|recording| (recording.sid.clone(), recording.compat(&self.config.project_id)))
            .collect();
        paging::compat(path, params, "recordings", rows)
    }

    /// With `.mp3` or `.wav` behind the SID the sound itself, whose bytes say which recording it is.
    pub(super) fn get_recording(&self, sid: &str) -> Answer {
        for (end, content_type) in [(".mp3", "audio/mpeg"), (".wav", "audio/x-wav")] {
            if let Some(sid) = sid.strip_suffix(end) {
                let known = self
                    .state()
                    .recordings
                    .iter()
                    .any(|recording| recording.sid == sid);
                return if known {
                    Answer::file(content_type, format!("sound of {sid}").into_bytes())
                } else {
                    Answer::compat_not_found()
                };
            }
        }
        match self
            .state()
            .recordings
            .iter()
            .find(|recording| recording.sid == sid)
        {
            Some(recording) => Answer::json(200, recording.compat(&self.config.project_id)),
            None => Answer::compat_not_found(),
        }
    }

    pub(super) fn delete_recording(&self, sid: &str) -> Answer {
        let mut state = self.state();
        let before = state.recordings.len();
        state.recordings.retain(|recording| recording.sid != sid);
        if state.recordings.len() == before {
            Answer::compat_not_found()
        } else {
            Answer::no_content()
        }
    }

    /// Only those that were understood: the status is always `completed` (compat-openapi, Transcription).
    pub(super) fn list_transcriptions(&self, path: &str, recording: Option<&str>, params: &Params) -> Answer {
        let created = match date_filter(params, "DateCreated") {
            Ok(filter) => filter,
            Err(refusal) => return refusal,
        };
        let state = self.state();
        if let Some(sid) = recording
            && !state.recordings.iter().any(|known| known.sid == sid)
        {
            return Answer::compat_not_found();
        }
        let rows = state
            .transcriptions
            .iter()
            .rev()
            .filter(|transcription| transcription.text.is_some())
            .filter(|transcription| recording.is_none_or(|sid| transcription.recording_sid == sid))
            .filter(|transcription| created(transcription.date_created))
            .map(|transcription| {
                (
                    transcription.sid.clone(),
                    transcription.compat(&self.config.project_id),
                )
            })
            .collect();
        paging::compat(path, params, "transcriptions", rows)
    }

    pub(super) fn get_transcription(&self, sid: &str) -> Answer {
        match self
            .state()
            .transcriptions
            .iter()
            .find(|transcription| transcription.sid == sid)
        {
            Some(transcription) if transcription.text.is_some() => {
                Answer::json(200, transcription.compat(&self.config.project_id))
            }
            _ => Answer::compat_not_found(),
        }
    }

    pub(super) fn delete_transcription(&self, sid: &str) -> Answer {
        let mut state = self.state();
        let before = state.transcriptions.len();
        state
            .transcriptions
            .retain(|transcription| transcription.sid != sid);
        if state.transcriptions.len() == before {
            Answer::compat_not_found()
        } else {
            Answer::no_content()
        }
    }
}
