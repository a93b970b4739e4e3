//! What callers hear: pure decisions.

use common::store::{CallRoute, CallScript};
use common::webhook::cxml::{Document, Verb};
use common::webhook::urls::AppUrl;
use common::webhook::voicemail::voicemail;

/// How long forwarded phones ring: shorter than most mailboxes of the people called, which would swallow the call.
const RING_SECONDS: u16 = 20;

/// How long a customer's phone rings who is called by an agent: the agent listens, and may well talk to a mailbox.
const CUSTOMER_RING_SECONDS: u16 = 30;

/// The answer to an inbound call.
pub fn answer(route: &CallRoute, call_sid: &str, business: &str, urls: &AppUrl) -> Document {
    if route.outcome.is_unrouted() {
        return Document::default();
    }
    if route.forward_to.is_empty() {
        return voicemail(
            route.greeting.as_deref(),
            route.workspace_name.as_deref(),
            call_sid,
            urls,
        );
    }
    Document(vec![Verb::Dial {
        numbers: route.forward_to.clone(),
        caller_id: business.to_owned(),
        action: Some(urls.dial_result()),
        timeout_seconds: RING_SECONDS,
    }])
}

/// What a call of ours does once it is answered: it speaks, or the agent who answered is joined with the customer, who sees the
/// workspace's number.
pub fn outbound(script: &CallScript) -> Document {
    let mut verbs = Vec::new();
    if !script.body.trim().is_empty() {
        verbs.push(Verb::Say(script.body.clone()));
    }
    verbs.push(match &script.connect {
        Some(_) => Verb::Dial {
            numbers: vec![script.to.clone()],
            caller_id: script.from.clone(),
            action: None,
            timeout_seconds: CUSTOMER_RING_SECONDS,
        },
        None => Verb::Hangup,
    });
    Document(verbs)
}

#[cfg(test)]
mod tests {
    use super::*;
    use common::store::Outcome;

    fn urls() -> AppUrl {
        "https://x.example".parse().unwrap()
    }

    fn route() -> CallRoute {
        CallRoute {
            outcome: Outcome::Recorded,
            workspace_id: None,
            workspace_name: Some("A & Co".into()),
            message_id: None,
            forward_to: vec![],
            greeting: None,
        }
    }

    #[test]
    fn forwards_or_takes_a_message() {
        let forwarded = CallRoute {
            forward_to: vec!["+14155550111".into()],
            ..route()
        };
        let xml = answer(&forwarded, "CA1", "+14055551234", &urls()).to_xml();
        assert!(
            xml.starts_with(r#"<Response><Dial callerId="+14055551234""#)
                && xml.contains("<Number>+14155550111</Number>"),
            "{xml}"
        );
        let xml = answer(&route(), "CA1", "+14055551234", &urls()).to_xml();
        assert!(
            xml.contains("A &amp; Co") && xml.contains("<Record ") && xml.contains("call=CA1"),
            "{xml}"
        );
        let greeted = CallRoute {
            greeting: Some("Hello".into()),
            ..route()
        };
        assert!(
            answer(&greeted, "CA1", "+14055551234", &urls())
                .to_xml()
                .contains("<Say>Hello</Say>")
        );
        let nobody = CallRoute {
            outcome: Outcome::Unrouted,
            ..route()
        };
        assert_eq!(
            answer(&nobody, "CA1", "+14055551234", &urls()),
            Document::default()
        );
    }

    #[test]
    fn speaks_or_joins() {
        let script = CallScript {
            body: "<b>".into(),
            connect: None,
            from: "+14055551234".into(),
            to: "+14155551234".into(),
        };
        assert_eq!(
            outbound(&script).to_xml(),
            "<Response><Say>&lt;b&gt;</Say><Hangup/></Response>"
        );
        let joined = CallScript {
            body: String::new(),
            connect: Some("+14155550111".into()),
            ..script
        };
        assert_eq!(
            outbound(&joined).to_xml(),
            r#"<Response><Dial callerId="+14055551234" timeout="30"><Number>+14155551234</Number></Dial></Response>"#
        );
    }
}
