//! One message per SID, in one conversation, with its contact and its counts.

use crate::support::{CUSTOMER, Desk, EMPTY, NUMBER, PATH, WHATSAPP_PATH, at_once, sms};
use base64::{Engine, engine::general_purpose::STANDARD};
use devstack::fixture::{APP_URL, request, text};
use hmac::{Hmac, KeyInit, Mac};
use serde_json::json;

#[tokio::test]
async fn a_message_is_stored_once_with_its_contact() {
    let desk = Desk::open().await;
    let insert =
        "insert into contacts (workspace_id, first_name, phone) values ($1, 'Ada', '(415) 555-0101')";
    desk.fixture
        .sql
        .execute(insert, &[&desk.workspace])
        .await
        .unwrap();
    for _ in 0..2 {
        assert_eq!(desk.text("SM1", "Hello").await, EMPTY);
        let conversation = desk.fixture.row("conversations").await;
        assert_eq!(conversation["workspace_id"], desk.workspace.to_string());
        assert_eq!(conversation["phone_number_id"], desk.number.to_string());
        assert_eq!(
            (&conversation["business_phone"], &conversation["customer_phone"]),
            (&json!(NUMBER), &json!(CUSTOMER))
        );
        assert_eq!(
            (&conversation["unread_count"], &conversation["message_count"]),
            (&json!(1), &json!(1))
        );
        assert_eq!(
            (&conversation["is_unread"], &conversation["snippet"]),
            (&json!(true), &json!("Hello"))
        );
        assert!(conversation["contact_id"].is_string());
        let message = desk.fixture.row("conversation_messages").await;
        assert_eq!(
            (&message["body"], &message["status"], &message["direction"]),
            (&json!("Hello"), &json!("received"), &json!("inbound"))
        );
        assert_eq!(
            (&message["sender_phone"], &message["recipient_phone"]),
            (&json!(CUSTOMER), &json!(NUMBER))
        );
        assert_eq!(
            (
                &message["external_id"],
                &message["segments"],
                &message["attachments"]
            ),
            (&json!("SM1"), &json!(1), &json!([]))
        );
    }
}

#[tokio::test]
async fn the_fields_of_the_guides_curl_are_enough() {
    let desk = Desk::open().await;
    let fields = [
        ("To", NUMBER),
        ("From", "+14155551234"),
        ("Body", "Test"),
        ("MessageSid", "SM123"),
    ];
    assert_eq!(desk.send(&fields).await, EMPTY);
    assert_eq!(desk.fixture.row("conversation_messages").await["body"], "Test");
}

#[tokio::test]
async fn media_become_attachments() {
    let desk = Desk::open().await;
    let mms = [
        ("MessageSid", "MM1"),
        ("From", CUSTOMER),
        ("To", NUMBER),
        ("Body", "Photo of the leak"),
        ("NumMedia", "2"),
        ("NumSegments", "3"),
        ("MediaUrl0", "https://example.signalwire.com/m/1"),
        ("MediaContentType0", "image/jpeg"),
        ("MediaUrl1", "https://example.signalwire.com/m/2?a=1&b=\"2\""),
        ("MediaContentType1", "image/png"),
    ];
    desk.send(&mms).await;
    let message = desk.fixture.row("conversation_messages").await;
    assert_eq!(
        message["attachments"],
        json!([
            {"url": "https://example.signalwire.com/m/1", "contentType": "image/jpeg"},
            {"url": "https://example.signalwire.com/m/2?a=1&b=\"2\"", "contentType": "image/png"},
        ])
    );
    assert_eq!(
        (&message["body"], &message["segments"]),
        (&json!("Photo of the leak"), &json!(3))
    );
    let before = desk.everything().await;
    desk.send(&mms).await;
    assert_eq!(desk.everything().await, before);

    // a picture alone, with a media count that promises more than there is
    desk.send(&[
        ("MessageSid", "MM2"),
        ("From", CUSTOMER),
        ("To", NUMBER),
        ("Body", ""),
        ("NumMedia", "3"),
        ("MediaUrl0", "https://m/3"),
    ])
    .await;
    assert_eq!(desk.fixture.row("conversations").await["snippet"], "[attachment]");
    let alone = desk
        .fixture
        .row("conversation_messages where external_id = 'MM2'")
        .await;
    assert_eq!(
        alone["attachments"],
        json!([{"url": "https://m/3", "contentType": null}])
    );
}

#[tokio::test]
async fn whatsapp_by_path_and_by_prefix_is_one_conversation_beside_sms() {
    let desk = Desk::open().await;
    desk.text("SM1", "by SMS").await;
    for _ in 0..2 {
        desk.send_to(WHATSAPP_PATH, &sms("W1", CUSTOMER, NUMBER, "by path"))
            .await;
        desk.send_to(
            PATH,
            &sms(
                "W2",
                "whatsapp:+14155550101",
                "whatsapp:+14055550123",
                "by prefix",
            ),
        )
        .await;
        desk.send_to(
            WHATSAPP_PATH,
            &sms("W3", "WhatsApp:+14155550101", "whatsapp:+14055550123", "by both"),
        )
        .await;
        let whatsapp = desk.fixture.row("conversations where channel = 'whatsapp'").await;
        assert_eq!(
            (&whatsapp["customer_phone"], &whatsapp["message_count"]),
            (&json!(CUSTOMER), &json!(3))
        );
        assert_eq!(
            desk.fixture.row("conversations where channel = 'sms'").await["message_count"],
            1
        );
    }
}

#[tokio::test]
async fn one_conversation_per_number_customer_and_channel() {
    let desk = Desk::open().await;
    desk.fixture.number(desk.workspace, "+14055550124", "sales").await;
    let mut sent = 0;
    for round in 0..2 {
        for number in [NUMBER, "+14055550124"] {
            for customer in [CUSTOMER, "+14155550102"] {
                for path in [PATH, WHATSAPP_PATH] {
                    sent += 1;
                    desk.send_to(path, &sms(&format!("SM{sent}-{round}"), customer, number, "x"))
                        .await;
                }
            }
        }
    }
    assert_eq!(desk.fixture.count("conversations").await, 8);
    assert_eq!(
        desk.fixture
            .count("conversations where message_count = 2 and unread_count = 2")
            .await,
        8
    );
}

/// `{n}` stands for the customer's last four digits.
const FORMATS: &[&str] = &[
    "+1415555{n}",
    "1415555{n}",
    "415555{n}",
    "(415) 555-{n}",
    "415-555-{n}",
    "415.555.{n}",
    "+1 415 555 {n}",
    "+1 (415) 555-{n}",
    "1-415-555-{n}",
    "  415 555 {n}  ",
    "tel:+1-415-555-{n}",
    "001 415 555 {n}",
    "011 1 415 555 {n}",
    "(415) 555-{n} ext. 12",
    "415-555-{n} x7",
    "+1-415-555-{n};ext=22",
    "415\u{a0}555\u{2011}{n}",
    "+１ ４１５ ５５５ {n}",
    "415/555/{n}",
    "Mobile: 415 555 {n}",
];

#[tokio::test]
async fn a_contact_is_linked_however_its_number_was_typed() {
    let desk = Desk::open().await;
    let other = desk.fixture.workspace("Other", "professional", "org_other").await;
    for (index, format) in FORMATS.iter().enumerate() {
        let digits = format!("{:04}", 200 + index);
        let typed = format.replace("{n}", &digits);
        let insert = "insert into contacts (workspace_id, phone) values ($1, $2) returning id::text";
        // another workspace's contact of that number must never be linked
        desk.fixture.sql.execute(insert, &[&other, &typed]).await.unwrap();
        let contact: String = desk
            .fixture
            .sql
            .query_one(insert, &[&desk.workspace, &typed])
            .await
            .unwrap()
            .get(0);
        let customer = format!("+1415555{digits}");
        desk.message(&format!("SM{index}"), &customer, NUMBER, "x").await;
        let conversation = desk
            .fixture
            .row(&format!("conversations where customer_phone = '{customer}'"))
            .await;
        assert_eq!(conversation["contact_id"], contact, "{typed:?}");
    }
    desk.execute(&format!(
        "insert into contacts (workspace_id, phone) values ('{0}', '+44 (0)20 7946 0958'), ('{0}', '555-0301'), ('{0}', 'call me'), ('{0}', null)",
        desk.workspace
    ))
    .await;
    desk.message("SMuk", "+442079460958", NUMBER, "x").await;
    assert!(
        desk.fixture
            .row("conversations where customer_phone = '+442079460958'")
            .await["contact_id"]
            .is_string()
    );
    desk.message("SMlocal", "+14155550301", NUMBER, "x").await;
    assert!(
        desk.fixture
            .row("conversations where customer_phone = '+14155550301'")
            .await["contact_id"]
            .is_null()
    );
}

#[tokio::test]
async fn a_contact_that_comes_later_is_linked_by_the_next_message_and_stays() {
    let desk = Desk::open().await;
    desk.text("SM1", "who am I").await;
    assert!(desk.fixture.row("conversations").await["contact_id"].is_null());
    desk.execute(&format!(
        "insert into contacts (workspace_id, phone) values ('{}', '415 555 0101')",
        desk.workspace
    ))
    .await;
    desk.text("SM2", "now?").await;
    let linked = desk.fixture.row("conversations").await["contact_id"].clone();
    assert!(linked.is_string());
    desk.execute(&format!(
        "insert into contacts (workspace_id, phone, created_at) values ('{}', '415 555 0101', now() - interval '1 day')",
        desk.workspace
    ))
    .await;
    desk.text("SM3", "and now?").await;
    assert_eq!(desk.fixture.row("conversations").await["contact_id"], linked);
}

#[tokio::test]
async fn closed_conversations_reopen_and_spam_stays() {
    let desk = Desk::open().await;
    desk.text("SM0", "first").await;
    for (index, (status, expected)) in [
        ("closed", "active"),
        ("archived", "active"),
        ("active", "active"),
        ("spam", "spam"),
    ]
    .into_iter()
    .enumerate()
    {
        desk.execute(&format!(
            "update conversations set status = '{status}', is_unread = false, unread_count = 0"
        ))
        .await;
        desk.text(&format!("SM{}", index + 1), "again").await;
        let conversation = desk.fixture.row("conversations").await;
        assert_eq!(conversation["status"], expected, "{status}");
        assert_eq!(
            (&conversation["is_unread"], &conversation["unread_count"]),
            (&json!(true), &json!(1)),
            "{status}"
        );
        assert_eq!(conversation["message_count"], 2 + index);
    }
    // a repeat is no news: it opens nothing
    desk.execute("update conversations set status = 'closed', is_unread = false, unread_count = 0")
        .await;
    let before = desk.everything().await;
    desk.text("SM1", "again").await;
    assert_eq!(desk.everything().await, before);
}

#[tokio::test]
async fn forty_messages_at_once_are_counted_exactly() {
    let desk = Desk::open().await;
    let requests = (0..40)
        .map(|n| {
            desk.fixture
                .webhook(PATH, &sms(&format!("SM{n}"), CUSTOMER, NUMBER, "x"))
        })
        .collect();
    for response in at_once(&desk, 6, requests).await {
        assert_eq!(response.status(), 200);
    }
    let conversation = desk.fixture.row("conversations").await;
    assert_eq!(
        (&conversation["unread_count"], &conversation["message_count"]),
        (&json!(40), &json!(40))
    );
    assert_eq!(desk.fixture.count("conversation_messages").await, 40);
}

#[tokio::test]
async fn the_same_message_twenty_times_at_once_is_one() {
    let desk = Desk::open().await;
    for (sid, body) in [("SM1", "hello"), ("SM2", "STOP")] {
        let requests = (0..20)
            .map(|_| desk.fixture.webhook(PATH, &sms(sid, CUSTOMER, NUMBER, body)))
            .collect();
        let answers = at_once(&desk, 6, requests).await;
        assert!(
            answers
                .iter()
                .all(|answer| answer.status() == 200 && text(answer) == text(&answers[0]))
        );
    }
    let conversation = desk.fixture.row("conversations").await;
    assert_eq!(
        (&conversation["unread_count"], &conversation["message_count"]),
        (&json!(2), &json!(2))
    );
    assert_eq!(desk.fixture.count("conversation_messages").await, 2);
    assert_eq!(desk.fixture.count("opt_out_changes").await, 1);
}

#[tokio::test]
async fn what_postgres_refuses_is_stored_with_the_replacement_character() {
    let desk = Desk::open().await;
    desk.text("SM1", "a\0b").await;
    let message = desk.fixture.row("conversation_messages").await;
    assert_eq!(message["body"], "a\u{fffd}b");

    // broken UTF-8 is signed as it is sent: over the raw bytes
    let body = b"MessageSid=SM2&From=%2B14155550101&To=%2B14055550123&Body=caf%E9+%FF%00";
    let mut mac =
        Hmac::<sha1::Sha1>::new_from_slice(desk.fixture.simulator.config().signing_key.as_bytes()).unwrap();
    mac.update(format!("{APP_URL}{PATH}").as_bytes());
    mac.update(b"Bodycaf\xe9 \xff\0From+14155550101MessageSidSM2To+14055550123");
    let signature = STANDARD.encode(mac.finalize().into_bytes());
    let event = |signature: &str| {
        let headers = [
            ("content-type", "application/x-www-form-urlencoded"),
            ("x-signalwire-signature", signature),
        ];
        request(testkit::runtime_api::http_event("POST", PATH, "", &headers, body))
    };
    assert_eq!(desk.status(event("AAAAAAAAAAAAAAAAAAAAAAAAAAA=")).await, 403);
    for _ in 0..2 {
        assert_eq!(desk.status(event(&signature)).await, 200);
        let message = desk
            .fixture
            .row("conversation_messages where external_id = 'SM2'")
            .await;
        assert_eq!(message["body"], "caf\u{fffd} \u{fffd}\u{fffd}");
    }
}

#[tokio::test]
async fn long_and_foreign_texts_come_through_whole() {
    let desk = Desk::open().await;
    let long = "Ünïcödé 😀 ".repeat(300);
    desk.text("SM1", &long).await;
    assert_eq!(
        desk.fixture.row("conversation_messages").await["body"],
        long.as_str()
    );
    let snippet = desk.fixture.row("conversations").await["snippet"]
        .as_str()
        .unwrap()
        .to_owned();
    assert_eq!(snippet.chars().count(), 160);
    assert!(long.starts_with(&snippet));
    desk.text("SM2", "'; drop table conversations; --").await;
    assert_eq!(desk.fixture.count("conversation_messages").await, 2);
}
