//! cXML answers: a few typed verbs, every value escaped (FACTS 7). Element and attribute names are case-sensitive.

use quick_xml::Writer;
use quick_xml::events::{BytesEnd, BytesStart, BytesText, Event};

/// `<Say>` takes at most this many characters (FACTS 7).
const SAY_CHARS_MAX: usize = 4096;

/// How many numbers may ring at once (FACTS 7).
const RING_MAX: usize = 10;

/// A `<Response>`; the default is the empty one.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Document(pub Vec<Verb>);

/// What the carrier is to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verb {
    /// Answer a message with a text.
    Message(String),
    /// Speak.
    Say(String),
    /// Connect the call with whoever answers first.
    Dial {
        /// E.164, ten at most.
        numbers: Vec<String>,
        /// The number that the called person sees: one of ours.
        caller_id: String,
        /// Asked when the leg has ended.
        action: Option<String>,
        /// How long it rings, in seconds.
        timeout_seconds: u16,
    },
    /// Record a voice message, with transcription.
    Record {
        /// Asked when the recording has ended; without it the carrier would fetch the same document again.
        action: String,
        /// Told when the recording can be fetched.
        recording_status: String,
        /// Told what was said.
        transcription: String,
        /// At most this long.
        max_seconds: u16,
    },
    /// End the call.
    Hangup,
}

impl Document {
    /// The document's text.
    pub fn to_xml(&self) -> String {
        let mut writer = Writer::new(Vec::with_capacity(512));
        // Writing to memory fails only where the allocator does.
        self.write(&mut writer).expect("a Vec takes every byte");
        String::from_utf8(writer.into_inner()).expect("only text was written")
    }

    fn write(&self, writer: &mut Writer<Vec<u8>>) -> std::io::Result<()> {
        if self.0.is_empty() {
            return writer.write_event(Event::Empty(BytesStart::new("Response")));
        }
        writer.write_event(Event::Start(BytesStart::new("Response")))?;
        for verb in &self.0 {
            verb.write(writer)?;
        }
        writer.write_event(Event::End(BytesEnd::new("Response")))
    }
}

impl Verb {
    fn write(&self, writer: &mut Writer<Vec<u8>>) -> std::io::Result<()> {
        match self {
            Self::Message(text) => element(writer, "Message", text),
            Self::Say(text) => element(
                writer,
                "Say",
                &text.chars().take(SAY_CHARS_MAX).collect::<String>(),
            ),
            Self::Hangup => writer.write_event(Event::Empty(BytesStart::new("Hangup"))),
            Self::Record {
                action,
                recording_status,
                transcription,
                max_seconds,
            } => {
                let max = max_seconds.to_string();
                let mut start = BytesStart::new("Record");
                for (name, value) in [
                    ("action", action.as_str()),
                    ("method", "POST"),
                    ("maxLength", &max),
                    ("playBeep", "true"),
                    ("recordingStatusCallback", recording_status),
                    ("recordingStatusCallbackMethod", "POST"),
                    ("transcribe", "true"),
                    ("transcribeCallback", transcription),
                ] {
                    start.push_attribute((name, legal(value).as_str()));
                }
                writer.write_event(Event::Empty(start))
            }
            Self::Dial {
                numbers,
                caller_id,
                action,
                timeout_seconds,
            } => {
                let timeout = timeout_seconds.to_string();
                let mut start = BytesStart::new("Dial");
                start.push_attribute(("callerId", legal(caller_id).as_str()));
                start.push_attribute(("timeout", timeout.as_str()));
                if let Some(action) = action {
                    start.push_attribute(("action", legal(action).as_str()));
                    start.push_attribute(("method", "POST"));
                }
                writer.write_event(Event::Start(start))?;
                for number in numbers.iter().take(RING_MAX) {
                    element(writer, "Number", number)?;
                }
                writer.write_event(Event::End(BytesEnd::new("Dial")))
            }
        }
    }
}

fn element(writer: &mut Writer<Vec<u8>>, name: &str, text: &str) -> std::io::Result<()> {
    writer.write_event(Event::Start(BytesStart::new(name)))?;
    writer.write_event(Event::Text(BytesText::new(&legal(text))))?;
    writer.write_event(Event::End(BytesEnd::new(name)))
}

/// XML 1.0 has no place for most control characters, escaped or not.
fn legal(text: &str) -> String {
    text.chars()
        .map(|c| match c {
            '\t' | '\n' | '\r' => c,
            '\u{0}'..='\u{1f}' | '\u{fffe}' | '\u{ffff}' => '\u{fffd}',
            _ => c,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use quick_xml::Reader;

    #[test]
    fn documents() {
        assert_eq!(Document::default().to_xml(), "<Response/>");
        assert_eq!(
            Document(vec![Verb::Message("a < b & \"c\"\u{0}".into())]).to_xml(),
            "<Response><Message>a &lt; b &amp; &quot;c&quot;\u{fffd}</Message></Response>"
        );
        assert_eq!(
            Document(vec![Verb::Dial {
                numbers: vec!["+14155551234".into()],
                caller_id: "+14055551234".into(),
                action: Some("https://x.example/a?b=1&c=2".into()),
                timeout_seconds: 20
            }])
            .to_xml(),
            "<Response><Dial callerId=\"+14055551234\" timeout=\"20\" action=\"https://x.example/a?b=1&amp;c=2\" method=\"POST\">\
             <Number>+14155551234</Number></Dial></Response>"
        );
        assert_eq!(
            Document(vec![Verb::Hangup]).to_xml(),
            "<Response><Hangup/></Response>"
        );
    }

    fn read_text(xml: &str) -> String {
        let mut reader = Reader::from_str(xml);
        let mut text = String::new();
        loop {
            match reader.read_event().unwrap() {
                Event::Text(part) => text.push_str(&part),
                Event::GeneralRef(entity) => {
                    text.push(match &*entity {
                        "lt" => '<',
                        "gt" => '>',
                        "amp" => '&',
                        "quot" => '"',
                        "apos" => '\'',
                        other => panic!("{other}"),
                    });
                }
                Event::Eof => return text,
                _ => {}
            }
        }
    }

    proptest! {
        #[test]
        fn any_text_is_valid_xml_and_comes_back(text in "\\PC{0,300}") {
            let xml = Document(vec![Verb::Message(text.clone())]).to_xml();
            prop_assert_eq!(read_text(&xml), legal(&text));
        }

        #[test]
        fn any_text_at_all_is_valid_xml_below_the_limit(text in any::<String>(), url in any::<String>()) {
            let xml = Document(vec![Verb::Say(text), Verb::Record { action: url.clone(), recording_status: url.clone(), transcription: url, max_seconds: 120 }]).to_xml();
            read_text(&xml);
            prop_assert!(xml.len() < 64 * 1024);
        }
    }
}
