//! Every status callback that the carrier documents, from `common/fixtures/webhook_samples`.

use crate::support::{Desk, PATH, accepted};
use serde_json::Value;
use std::fs;
use std::path::Path;

#[tokio::test]
async fn every_documented_status_callback_is_accepted_and_its_repeat_changes_nothing() {
    let desk = Desk::open().await;
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../common/fixtures/webhook_samples");
    let mut files: Vec<_> = fs::read_dir(directory)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    files.sort();
    assert_eq!(files.len(), 26);
    for known in [false, true] {
        if known {
            // the same again, now that the rows are there
            desk.outbound("sms", Some("8a8e5ec4-071a-408e-948c-2429da869cc9"))
                .await;
            desk.outbound("sms", Some("8a8e5ec4-071a-408e-948c-2429da869cca"))
                .await;
            desk.inbound_call("43bb71ee-553f-4074-bb20-8e2747647cce").await;
        }
        for file in &files {
            let name = file.file_name().unwrap().to_string_lossy().into_owned();
            let text = fs::read_to_string(file).unwrap();
            let value: Value = serde_json::from_str(&text).unwrap();
            let strings: Option<Vec<(&str, &str)>> = value
                .as_object()
                .unwrap()
                .iter()
                .map(|(field, value)| value.as_str().map(|value| (field.as_str(), value)))
                .collect();
            let is_json = name.starts_with("rest_") || name.starts_with("tendlc_");
            let is_form = !name.starts_with("rest_");
            let mut before = None;
            for _ in 0..2 {
                if is_json {
                    accepted(&desk.json(PATH, &text).await);
                }
                if is_form {
                    desk.report(strings.as_ref().unwrap()).await;
                }
                let now = desk.everything().await;
                assert_eq!(before.get_or_insert_with(|| now.clone()), &now, "{name}");
            }
        }
    }
    let message = desk
        .fixture
        .row("conversation_messages where external_id = '8a8e5ec4-071a-408e-948c-2429da869cc9'")
        .await;
    assert_eq!(message["status"], "delivered");
    let undelivered = desk
        .fixture
        .row("conversation_messages where external_id = '8a8e5ec4-071a-408e-948c-2429da869cca'")
        .await;
    assert_eq!(
        (&undelivered["status"], &undelivered["error_code"]),
        (&"undelivered".into(), &"30003".into())
    );
    let call = desk
        .fixture
        .row("conversation_messages where external_id = '43bb71ee-553f-4074-bb20-8e2747647cce'")
        .await;
    assert_eq!(call["status"], "completed");
    assert_eq!(
        call["call_transcription"],
        "Hello, please call me back about the invoice."
    );
}
