//! The words of keyword answers.

use super::cxml::{Document, Verb};

/// The cXML for a keyword's outcome (`stop`, `start`, `help`, as the statement returned it), or an empty document. A repeat of the
/// same message comes out the same, since its outcome is stored with it.
pub fn to_keyword(outcome: Option<&str>, workspace_name: Option<&str>) -> Document {
    let who = workspace_name.map(str::trim).filter(|name| !name.is_empty());
    let prefix = who
        .map(|name| format!("{}: ", name.chars().take(60).collect::<String>()))
        .unwrap_or_default();
    let text = match outcome {
        Some("stop") => format!(
            "{prefix}You have been unsubscribed and will receive no more messages from this number. Reply START to resubscribe."
        ),
        Some("start") => {
            format!(
                "{prefix}You are subscribed to messages from this number again. Reply HELP for help, STOP to unsubscribe."
            )
        }
        Some("help") => format!(
            "{prefix}To reach us, reply to this number. Message and data rates may apply. Reply STOP to unsubscribe, START to resubscribe."
        ),
        _ => return Document::default(),
    };
    Document(vec![Verb::Message(text)])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_is_confirmed_and_others_are_silent() {
        for (outcome, part) in [
            ("stop", "unsubscribed"),
            ("start", "subscribed"),
            ("help", "STOP"),
        ] {
            let xml = to_keyword(Some(outcome), Some("A & B")).to_xml();
            assert!(xml.contains(part) && xml.contains("A &amp; B: "), "{xml}");
        }
        assert_eq!(to_keyword(None, Some("A")).to_xml(), "<Response/>");
        assert_eq!(to_keyword(Some("other"), None).to_xml(), "<Response/>");
    }
}
