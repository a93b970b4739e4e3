//! Reading cXML answers: strictly as XML, tolerantly as verbs (FACTS 7). What the carrier would not understand is a warning.

use quick_xml::{
    Reader, XmlVersion,
    events::{BytesStart, Event},
};
use serde::Serialize;

/// An element of an answer.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Element {
    /// Case-sensitive.
    pub name: String,
    /// In document order, unescaped.
    pub attributes: Vec<(String, String)>,
    /// The element's own text, unescaped, trimmed.
    pub text: String,
    /// Elements inside.
    pub children: Vec<Element>,
}

impl Element {
    /// An attribute, unless it is empty.
    pub fn attribute(&self, name: &str) -> Option<&str> {
        self.attributes
            .iter()
            .find(|(key, _)| key == name)
            .map(|(_, value)| value.as_str())
            .filter(|v| !v.is_empty())
    }
}

/// The verbs of a `<Response>`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Document {
    pub(crate) verbs: Vec<Element>,
}

/// Parses an answer; the error is what goes with 12100.
pub(crate) fn parse(raw: &[u8]) -> Result<Document, String> {
    let text = std::str::from_utf8(raw).map_err(|e| e.to_string())?;
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    if let Some(bad) = text.chars().find(|c| !is_xml_char(*c)) {
        return Err(format!("character {:#x} is not allowed in XML", u32::from(bad)));
    }
    let mut reader = Reader::from_str(text);
    let mut open: Vec<Element> = Vec::new();
    let mut root: Option<Element> = None;
    loop {
        let event = reader.read_event().map_err(|e| e.to_string())?;
        match event {
            Event::Start(start) => {
                if root.is_some() {
                    return Err("more than one root element".to_owned());
                }
                open.push(element(&start)?);
            }
            Event::Empty(start) => close(element(&start)?, &mut open, &mut root)?,
            Event::End(_) => {
                let done = open.pop().ok_or("an end tag without a start tag")?;
                close(done, &mut open, &mut root)?;
            }
            Event::Text(text) => add_text(&mut open, &text.xml10_content())?,
            Event::CData(text) => add_text(&mut open, &text.xml10_content())?,
            Event::GeneralRef(reference) => {
                let resolved = match reference.resolve_char_ref().map_err(|e| e.to_string())? {
                    Some(c) if is_xml_char(c) => c,
                    Some(_) => return Err("a reference to a character that XML does not allow".to_owned()),
                    None => match reference.xml10_content().as_ref() {
                        "amp" => '&',
                        "lt" => '<',
                        "gt" => '>',
                        "quot" => '"',
                        "apos" => '\'',
                        other => return Err(format!("unknown entity {other}")),
                    },
                };
                let target = open.last_mut().ok_or("text outside the root element")?;
                target.text.push(resolved);
            }
            Event::DocType(_) => return Err("a document type is not allowed".to_owned()),
            Event::Eof => break,
            Event::Decl(_) | Event::Comment(_) | Event::PI(_) => {}
        }
    }
    if !open.is_empty() {
        return Err("the document ends inside an element".to_owned());
    }
    let root = root.ok_or("the document is empty")?;
    if root.name != "Response" {
        return Err(format!("the root element is <{}>, not <Response>", root.name));
    }
    Ok(Document { verbs: root.children })
}

fn is_xml_char(c: char) -> bool {
    matches!(c, '\t' | '\n' | '\r' | '\u{20}'..='\u{d7ff}' | '\u{e000}'..='\u{fffd}' | '\u{10000}'..)
}

fn element(start: &BytesStart<'_>) -> Result<Element, String> {
    let mut element = Element {
        name: start.name().as_ref().to_owned(),
        ..Element::default()
    };
    for attribute in start.attributes() {
        let attribute = attribute.map_err(|e| e.to_string())?;
        let value = attribute
            .normalized_value(XmlVersion::Implicit1_0)
            .map_err(|e| e.to_string())?;
        element
            .attributes
            .push((attribute.key.as_ref().to_owned(), value.into_owned()));
    }
    Ok(element)
}

fn close(mut done: Element, open: &mut [Element], root: &mut Option<Element>) -> Result<(), String> {
    done.text = done.text.trim().to_owned();
    match open.last_mut() {
        Some(parent) => parent.children.push(done),
        None if root.is_none() => *root = Some(done),
        None => return Err("more than one root element".to_owned()),
    }
    Ok(())
}

fn add_text(open: &mut [Element], text: &str) -> Result<(), String> {
    match open.last_mut() {
        Some(element) => element.text.push_str(text),
        None if text.trim().is_empty() => {}
        None => return Err("text outside the root element".to_owned()),
    }
    Ok(())
}

/// Where a document is an answer to: the verbs differ.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Medium {
    Messaging,
    Voice,
}

/// Parent, element, attributes that it knows. `*` is the root of either medium.
const ELEMENTS: &[(&str, &str, &str)] = &[
    ("messaging", "Message", "to from action method"),
    ("messaging", "Redirect", "method"),
    ("Message", "Body", ""),
    ("Message", "Media", ""),
    ("voice", "Redirect", "method"),
    ("voice", "Say", "voice language loop"),
    ("voice", "Play", "loop digits"),
    ("voice", "Pause", "length"),
    (
        "voice",
        "Dial",
        "action method timeout timeLimit callerId callerName answerOnBridge hangupOnStar record recordingStatusCallback \
         recordingStatusCallbackEvent recordingStatusCallbackMethod recordingStorageUrl recordingTrack ringTone trim",
    ),
    (
        "Dial",
        "Number",
        "url method sendDigits statusCallback statusCallbackEvent statusCallbackMethod",
    ),
    (
        "Dial",
        "Sip",
        "username password codecs sessionTimeout url method statusCallback statusCallbackEvent statusCallbackMethod",
    ),
    (
        "voice",
        "Record",
        "action method finishOnKey maxLength timeout playBeep recordingStatusCallback recordingStatusCallbackEvent \
         recordingStatusCallbackMethod storageUrl transcribe transcribeCallback trim",
    ),
    (
        "voice",
        "Gather",
        "input action method numDigits finishOnKey timeout speechTimeout hints language actionOnEmptyResult \
         partialResultCallback profanityFilter enhanced speechModel",
    ),
    ("Gather", "Say", "voice language loop"),
    ("Gather", "Play", "loop digits"),
    ("Gather", "Pause", "length"),
    ("voice", "Hangup", ""),
    ("voice", "Reject", "reason"),
];

/// Verbs that exist and are not simulated: their insides are not checked.
const NOT_SIMULATED: [&str; 9] = [
    "Connect",
    "Enqueue",
    "Conference",
    "Refer",
    "Sms",
    "Pay",
    "Denoise",
    "Echo",
    "Leave",
];

/// What the carrier would not understand, or refuses by its limits.
pub(crate) fn lint(document: &Document, medium: Medium) -> Vec<String> {
    let mut warnings = Vec::new();
    let parent = if medium == Medium::Messaging {
        "messaging"
    } else {
        "voice"
    };
    for verb in &document.verbs {
        lint_element(verb, parent, &mut warnings);
    }
    warnings
}

fn lint_element(element: &Element, parent: &str, warnings: &mut Vec<String>) {
    let name = element.name.as_str();
    let Some((_, _, attributes)) = ELEMENTS.iter().find(|(p, n, _)| *p == parent && *n == name) else {
        let reason = if NOT_SIMULATED.contains(&name) {
            "is not simulated"
        } else {
            "is unknown"
        };
        warnings.push(format!("<{name}> {reason} in {parent}"));
        return;
    };
    for (attribute, value) in &element.attributes {
        if !attributes.split_whitespace().any(|known| known == attribute) {
            warnings.push(format!("<{name}> has no attribute {attribute}"));
        }
        let is_url = matches!(
            attribute.as_str(),
            "action" | "url" | "statusCallback" | "recordingStatusCallback" | "transcribeCallback"
        );
        if is_url && !crate::text::is_web_url(value) {
            warnings.push(format!("<{name}> {attribute} is not an absolute URL"));
        }
    }
    if name == "Say" && element.text.chars().count() > 4096 {
        warnings.push("<Say> is longer than 4096 characters".to_owned());
    }
    if name == "Dial" && element.children.len() > 10 {
        warnings.push("<Dial> rings more than 10 numbers".to_owned());
    }
    if name == "Dial"
        && let Some(timeout) = element.attribute("timeout")
        && !timeout
            .parse::<u32>()
            .is_ok_and(|seconds| (5..=600).contains(&seconds))
    {
        warnings.push("<Dial> timeout must be between 5 and 600".to_owned());
    }
    for child in &element.children {
        lint_element(child, name, warnings);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_text_entities_and_attributes() {
        let document = parse(
            "<?xml version=\"1.0\"?><Response><Message to=\"+1&amp;2\">a &lt;b&gt; &#233;<![CDATA[ & ]]></Message></Response>"
                .as_bytes(),
        )
        .unwrap();
        assert_eq!(document.verbs[0].text, "a <b> é &");
        assert_eq!(document.verbs[0].attribute("to"), Some("+1&2"));
    }

    #[test]
    fn refuses_what_is_not_xml_or_not_a_response() {
        for bad in [
            "",
            "ok",
            "<Response>",
            "<Response></response>",
            "<response/>",
            "<Response/><Response/>",
            "<Response>a & b</Response>",
            "<Response>&nbsp;</Response>",
            "<Response>&#0;</Response>",
            "<Response a=\"1\" a=\"2\"/>",
            "<Response/>x",
            "<Response>\u{0}</Response>",
            "{}",
            "<html><body/></html>",
        ] {
            assert!(parse(bad.as_bytes()).is_err(), "{bad:?}");
        }
        assert!(parse(b"<Response/>").is_ok());
        assert!(parse(b"<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Response>\n</Response>\n").is_ok());
    }

    #[test]
    fn lint_names_what_is_unknown() {
        let check = |xml: &str, medium| lint(&parse(xml.as_bytes()).unwrap(), medium);
        assert!(check("<Response><Message>x</Message></Response>", Medium::Messaging).is_empty());
        assert_eq!(
            check("<Response><Say>x</Say></Response>", Medium::Messaging).len(),
            1
        );
        assert_eq!(
            check(
                "<Response><say>x</say><Dial foo=\"1\" action=\"/x\"/></Response>",
                Medium::Voice
            )
            .len(),
            3
        );
    }
}
