//! Inbound messages against real Postgres.

use devstack::fixture::{Fixture, text};
use sms_webhook::App;

const PATH: &str = "/api/webhooks/signalwire/sms";
const NUMBER: &str = "+14055550123";
const CUSTOMER: &str = "+14155550101";

fn sms<'a>(sid: &'a str, body: &'a str) -> Vec<(&'a str, &'a str)> {
    vec![("MessageSid", sid), ("From", CUSTOMER), ("To", NUMBER), ("Body", body), ("NumMedia", "0")]
}

#[tokio::test]
async fn a_message_is_stored_once_with_its_contact() {
    let fixture = Fixture::start().await;
    let workspace = fixture.workspace("Acme", "professional", "org_1").await;
    let number = fixture.number(workspace, NUMBER, "primary").await;
    let insert = "insert into contacts (workspace_id, first_name, phone) values ($1, 'Ada', '(415) 555-0101')";
    fixture.sql.execute(insert, &[&workspace]).await.unwrap();
    let app = App::start_with(fixture.settings()).await.unwrap();
    for _ in 0..2 {
        let response = app.handle(fixture.webhook(PATH, &sms("SM1", "Hello"))).await;
        assert_eq!(response.status(), 200);
        assert_eq!(text(&response), "<Response/>");
        assert!(response.headers()["content-type"].to_str().unwrap().starts_with("text/xml"));
        let conversation = fixture.row("conversations").await;
        assert_eq!(conversation["workspace_id"], workspace.to_string());
        assert_eq!(conversation["phone_number_id"], number.to_string());
        assert_eq!((&conversation["unread_count"], &conversation["message_count"]), (&1.into(), &1.into()));
        assert!(conversation["contact_id"].is_string());
        let message = fixture.row("conversation_messages").await;
        assert_eq!((&message["body"], &message["status"], &message["direction"]), (&"Hello".into(), &"received".into(), &"inbound".into()));
    }
}
