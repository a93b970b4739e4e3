//! Taking a voice message: what a caller hears when nobody answers, and when nothing is known of the number.

use super::cxml::{Document, Verb};
use super::urls::AppUrl;

/// The longest voice message.
const VOICEMAIL_SECONDS: u16 = 120;

/// A greeting, then a recording. With nothing known it still takes the message.
pub fn voicemail(
    greeting: Option<&str>,
    workspace_name: Option<&str>,
    call_sid: &str,
    urls: &AppUrl,
) -> Document {
    let filled = |text: &&str| !text.trim().is_empty();
    let words = match (greeting.filter(filled), workspace_name.filter(filled)) {
        (Some(greeting), _) => greeting.to_owned(),
        (None, Some(name)) => {
            format!(
                "Thank you for calling {name}. We cannot take your call right now. Please leave a message after the tone."
            )
        }
        (None, None) => {
            "We cannot take your call right now. Please leave a message after the tone.".to_owned()
        }
    };
    Document(vec![
        Verb::Say(words),
        Verb::Record {
            action: urls.recording_done(),
            recording_status: urls.recording_status(call_sid),
            transcription: urls.transcription_status(call_sid),
            max_seconds: VOICEMAIL_SECONDS,
        },
    ])
}
