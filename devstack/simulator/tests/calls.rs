//! Calls: what the scripts do, what the cXML does.
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

mod support;

use simulator::{CallScript, DialOutcome, Simulator, Voicemail, WebhookKind};
use support::{CUSTOMER, OURS, Receiver, get, post, start_with};

const AGENT: &str = "+14055237777";

async fn office() -> (Simulator, Receiver) {
    let receiver = Receiver::start().await;
    let (voice, fallback, status) = (
        receiver.at("/voice"),
        receiver.at("/fallback"),
        receiver.at("/number-status"),
    );
    let sim = start_with(|config| {
        config.platform_numbers[0].voice_url = Some(voice);
        config.platform_numbers[0].voice_fallback_url = Some(fallback);
        config.platform_numbers[0].status_callback = Some(status);
    })
    .await;
    let dial = format!(
        "<Dial callerId=\"{OURS}\" timeout=\"20\" action=\"{}\"><Number>{AGENT}</Number></Dial>",
        receiver.at("/dialed")
    );
    receiver.cxml("/voice", &dial);
    (sim, receiver)
}

fn voicemail(receiver: &Receiver) -> String {
    format!(
        "<Say>Leave a message</Say><Record action=\"{0}\" transcribe=\"true\" transcribeCallback=\"{1}\" \
         recordingStatusCallback=\"{2}\" recordingStatusCallbackEvent=\"completed absent\"/>",
        receiver.at("/recorded"),
        receiver.at("/text"),
        receiver.at("/recording"),
    )
}

#[tokio::test]
async fn an_answered_call_is_joined() {
    let (sim, receiver) = office().await;
    let call = sim.inbound_call(CUSTOMER, OURS, CallScript::answered(61)).await;
    assert!(call.is_clean(), "{call:?}");
    assert_eq!(call.call_status.as_deref(), Some("completed"));
    let first = &receiver.hits("/voice")[0];
    assert_eq!(
        (first.field("CallStatus"), first.field("Direction")),
        ("ringing".into(), "inbound".into())
    );
    let action = &receiver.hits("/dialed")[0];
    assert_eq!(
        (action.field("DialCallStatus"), action.field("DialCallDuration")),
        ("completed".into(), "61".into())
    );
    assert_eq!(
        (action.field("CallStatus"), action.field("DialCallSid")),
        ("in-progress".into(), call.legs[0].sid.clone())
    );
    let end = &receiver.hits("/number-status")[0];
    assert_eq!(
        (end.field("CallStatus"), end.field("CallDuration")),
        ("completed".into(), "61".into())
    );
    let legs = get(&sim, &format!("Calls?ParentCallSid={}", call.sid)).await;
    assert_eq!(
        (&legs.json["calls"][0]["to"], &legs.json["calls"][0]["duration"]),
        (&AGENT.into(), &61.into())
    );
}

#[tokio::test]
async fn a_missed_call_leads_to_voicemail() {
    let (sim, receiver) = office().await;
    receiver.cxml("/dialed", &voicemail(&receiver));
    let call = sim
        .inbound_call(CUSTOMER, OURS, CallScript::leaves_voicemail(14, "Call me back"))
        .await;
    assert_eq!(call.verb_names(), ["Dial", "Say", "Record"]);
    assert_eq!(receiver.hits("/dialed")[0].field("DialCallStatus"), "no-answer");
    let recording = &receiver.hits("/recording")[0];
    assert_eq!(
        (
            recording.field("RecordingStatus"),
            recording.field("RecordingDuration")
        ),
        ("completed".into(), "14".into())
    );
    let text = &receiver.hits("/text")[0];
    assert_eq!(
        (text.field("TranscriptionText"), text.field("RecordingSid")),
        ("Call me back".into(), recording.field("RecordingSid"))
    );
    assert!(text.form().get("CallSid").is_none());
    assert!(receiver.hits("/recorded").is_empty(), "the caller has hung up");
    let listed = get(&sim, &format!("Calls/{}/Recordings.json", call.sid)).await;
    assert_eq!(listed.json["recordings"][0]["duration"], 14);
    let path = format!("Recordings/{}/Transcriptions", call.recordings[0]);
    assert_eq!(
        get(&sim, &path).await.json["transcriptions"][0]["transcription_text"],
        "Call me back"
    );
    assert_eq!(
        support::delete(&sim, &format!("Recordings/{}", call.recordings[0]))
            .await
            .status,
        204
    );
}

#[tokio::test]
async fn voicemails_end_in_every_way() {
    let (sim, receiver) = office().await;
    receiver.cxml("/voice", &voicemail(&receiver));
    sim.inbound_call(CUSTOMER, OURS, CallScript::missed()).await;
    assert_eq!(receiver.hits("/text")[0].field("TranscriptionStatus"), "failed");
    let call = sim.inbound_call(CUSTOMER, OURS, CallScript::silent()).await;
    assert_eq!(receiver.hits("/recording")[1].field("RecordingStatus"), "absent");
    assert!(call.recordings.is_empty());
    let voicemail = Voicemail::Leaves {
        seconds: 5,
        transcript: None,
        presses_key: true,
    };
    receiver.cxml("/recorded", "<Hangup/>");
    sim.inbound_call(
        CUSTOMER,
        OURS,
        CallScript {
            voicemail,
            ..CallScript::default()
        },
    )
    .await;
    let action = &receiver.hits("/recorded")[0];
    assert_eq!(
        (action.field("RecordingDuration"), action.field("Digits")),
        ("5".into(), "#".into())
    );
}

#[tokio::test]
async fn a_foreign_caller_id_and_unknown_verbs_are_complained_about() {
    let (sim, receiver) = office().await;
    receiver.cxml(
        "/voice",
        &format!("<Dial callerId=\"+14055550199\" foo=\"1\">{AGENT}</Dial><Speak/>"),
    );
    let mut call = sim.inbound_call(CUSTOMER, OURS, CallScript::answered(9)).await;
    call.warnings.sort();
    assert_eq!(call.warnings.len(), 3, "{:?}", call.warnings);
    assert_eq!(call.legs[0].status, "failed");
    assert_eq!(sim.ledger().warnings.len(), 3);
}

#[tokio::test]
async fn rejections_fallbacks_and_loops_end() {
    let (sim, receiver) = office().await;
    receiver.cxml("/voice", "<Reject reason=\"busy\"/>");
    let call = sim.inbound_call(CUSTOMER, OURS, CallScript::default()).await;
    assert_eq!(call.call_status.as_deref(), Some("busy"));
    assert_eq!(receiver.hits("/number-status")[0].field("CallStatus"), "failed");

    let (sim, receiver) = office().await;
    receiver.answer("/voice", 503, "text/plain", "");
    receiver.cxml("/fallback", "<Say>Sorry</Say>");
    let call = sim.inbound_call(CUSTOMER, OURS, CallScript::default()).await;
    assert_eq!((call.error(), call.verb_names()), (Some(11217), vec!["Say"]));

    sim.configure_number(OURS, &[("VoiceUrl", &receiver.at("/loop"))]);
    receiver.cxml("/loop", &format!("<Redirect>{}</Redirect>", receiver.at("/loop")));
    let call = sim.inbound_call(CUSTOMER, OURS, CallScript::default()).await;
    assert!(
        call.warnings
            .iter()
            .any(|warning| warning.contains("without end"))
    );
}

#[tokio::test]
async fn a_gather_takes_digits_or_goes_on() {
    let (sim, receiver) = office().await;
    let gather = format!(
        "<Gather numDigits=\"1\" action=\"{}\"><Say>Press</Say></Gather><Say>Bye</Say>",
        receiver.at("/keys")
    );
    receiver.cxml("/voice", &gather);
    sim.inbound_call(
        CUSTOMER,
        OURS,
        CallScript {
            digits: Some("2".into()),
            ..CallScript::default()
        },
    )
    .await;
    assert_eq!(receiver.hits("/keys")[0].field("Digits"), "2");
    let call = sim.inbound_call(CUSTOMER, OURS, CallScript::default()).await;
    assert_eq!(call.verb_names(), ["Gather", "Say"]);
}

#[tokio::test]
async fn several_numbers_ring_at_once() {
    let (sim, receiver) = office().await;
    let (a, b, c) = ("+14055231111", "+14055232222", "+14055233333");
    let status = format!(
        "statusCallback=\"{}\" statusCallbackEvent=\"initiated ringing answered completed\"",
        receiver.at("/leg")
    );
    receiver.cxml(
        "/voice",
        &format!("<Dial><Number>{a}</Number><Number {status}>{b}</Number><Number>{c}</Number></Dial>"),
    );
    let script = CallScript {
        dial_numbers: vec![(b.into(), DialOutcome::Answered { seconds: 3 })],
        ..CallScript::default()
    };
    let call = sim.inbound_call(CUSTOMER, OURS, script).await;
    let ends: Vec<&str> = call.legs.iter().map(|leg| leg.status.as_str()).collect();
    assert_eq!(ends, ["no-answer", "completed", "canceled"]);
    let legs = receiver.hits("/leg");
    let statuses: Vec<String> = legs.iter().map(|hit| hit.field("CallStatus")).collect();
    assert_eq!(statuses, ["initiated", "ringing", "in-progress", "completed"]);
    assert_eq!(
        (legs[3].field("SequenceNumber"), legs[0].field("ParentCallSid")),
        ("3".into(), call.sid)
    );
}

#[tokio::test]
async fn an_outbound_call_reports_and_runs_its_document() {
    let (sim, receiver) = office().await;
    receiver.cxml("/out", "<Say>Hello</Say>");
    let (url, callback) = (receiver.at("/out"), receiver.at("/call-status"));
    let mut form = vec![
        ("To", CUSTOMER),
        ("From", OURS),
        ("Url", &*url),
        ("StatusCallback", &*callback),
    ];
    for event in ["initiated", "ringing", "answered", "completed"] {
        form.push(("StatusCallbackEvent", event));
    }
    let sid = post(&sim, "Calls", &form).await.json["sid"]
        .as_str()
        .unwrap()
        .to_owned();
    sim.settle().await;
    let hits = receiver.hits("/call-status");
    let seen: Vec<(String, String)> = hits
        .iter()
        .map(|hit| (hit.field("CallStatus"), hit.field("SequenceNumber")))
        .collect();
    let expected = [
        ("initiated", "0"),
        ("ringing", "1"),
        ("in-progress", "2"),
        ("completed", "3"),
    ];
    assert_eq!(
        seen,
        expected.map(|(status, n)| (status.to_owned(), n.to_owned()))
    );
    assert_eq!(
        (hits[3].field("CallSid"), hits[3].field("CallbackSource")),
        (sid.clone(), "call-progress-events".into())
    );
    assert_eq!(receiver.hits("/out")[0].field("CallStatus"), "in-progress");
    assert_eq!(
        get(&sim, &format!("Calls/{sid}")).await.json["status"],
        "completed"
    );

    form[0] = ("To", "+15005550486");
    form.truncate(4);
    post(&sim, "Calls", &form).await;
    sim.settle().await;
    let hit = receiver.hits("/call-status").pop().unwrap();
    assert_eq!(
        (hit.field("CallStatus"), hit.field("SipResultCode")),
        ("busy".into(), "486".into())
    );
    assert_eq!(sim.ledger().exchanges_of(WebhookKind::CallStatus).len(), 5);

    sim.script_calls_to(CUSTOMER, DialOutcome::NoAnswer, CallScript::default());
    form[0] = ("To", CUSTOMER);
    post(&sim, "Calls", &form).await;
    sim.settle().await;
    assert_eq!(
        receiver.hits("/call-status").pop().unwrap().field("CallStatus"),
        "no-answer"
    );
}
