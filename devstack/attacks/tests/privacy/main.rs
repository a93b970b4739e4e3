//! No phone number, body or secret in any log at any level: canaries in all of them, every function, every way to fail.
#![allow(clippy::unwrap_used, reason = "a test may stop where it is")]

mod witness;

use crate::witness::{
    BODY, CUSTOMER, Canaries, FALLBACK, STRANGER, Witness, environment, inbound, programs, url_password,
};
use devstack::clerk::ClerkWebhook;
use devstack::fixture::CLERK_SECRET;
use faults::lab::{Lab, NUMBER, OWNER, SMS, STATUS, VOICE, Way, ask, sid};
use serde_json::{Value, json};
use simulator::{Fault, Operation};
use testkit::identity::Claims;
use testkit::runtime_api::{http_event, schedule_event, sqs_event};

#[tokio::test]
async fn the_webhooks_keep_everything_to_themselves() {
    let programs = programs();
    let lab = Lab::open(programs).await.unwrap();
    let canaries = Canaries::of(&lab.environment(Way::Direct));
    for name in [
        "sms-webhook",
        "voice-webhook",
        "status-callback",
        "webhook-fallback",
    ] {
        let witness = Witness::call(&lab, &canaries, name, &[]).await;
        let call = lab.fixture.webhook_event(
            VOICE,
            "",
            &[
                ("CallSid", &sid("CA")),
                ("From", CUSTOMER),
                ("To", NUMBER),
                ("CallStatus", "ringing"),
            ],
        );
        let transcript = lab.fixture.webhook_event(
            STATUS,
            "",
            &[
                ("TranscriptionSid", "TR1"),
                ("TranscriptionStatus", "completed"),
                ("RecordingSid", "RE1"),
                ("TranscriptionText", BODY),
                ("From", CUSTOMER),
            ],
        );
        let malformed = lab.fixture.webhook_event(
            SMS,
            "",
            &[
                ("MessageSid", BODY),
                ("From", BODY),
                ("To", CUSTOMER),
                ("Body", BODY),
            ],
        );
        let mut forged = inbound(&lab, SMS, CUSTOMER, NUMBER, BODY);
        forged["headers"]["x-signalwire-signature"] = json!(BODY);
        let mut misplaced = inbound(&lab, SMS, CUSTOMER, NUMBER, BODY);
        misplaced["rawPath"] = json!(format!("/{CUSTOMER}/{BODY}"));
        let events = [
            inbound(&lab, SMS, CUSTOMER, NUMBER, BODY),
            inbound(&lab, SMS, CUSTOMER, STRANGER, BODY),
            inbound(&lab, SMS, CUSTOMER, NUMBER, "STOP"),
            inbound(&lab, FALLBACK, CUSTOMER, NUMBER, BODY),
            call,
            transcript,
            malformed,
            forged,
            misplaced,
            lab.report("SM404", BODY),
        ];
        for is_down in [false, true] {
            lab.database.refuse(is_down).await.unwrap();
            lab.database.reset_all();
            lab.aws_proxy.refuse(is_down).await.unwrap();
            for event in &events {
                witness.http(event.clone()).await;
            }
        }
        lab.database.refuse(false).await.unwrap();
        lab.aws_proxy.refuse(false).await.unwrap();
        let _ = witness
            .function
            .invoke_bytes(format!("{{\"body\": \"{BODY} {CUSTOMER}").into_bytes())
            .await;
        let _ = witness
            .function
            .invoke(json!({ "version": "2.0", "headers": BODY, "body": CUSTOMER }))
            .await;
        witness.dismiss().await;
        // a password that Postgres does not know
        let wrong = lab.fixture.database.url().replacen("://", "://nobody-there:", 1);
        let url = if url_password(lab.fixture.database.url()).is_some() {
            lab.fixture.database.url().replace(':', ":x")
        } else {
            wrong
        };
        if let Ok(function) = lab
            .start_with(name, environment(&lab, &[("DATABASE_URL", &url)]))
            .await
        {
            let _ = ask(&function, inbound(&lab, SMS, CUSTOMER, NUMBER, BODY)).await;
            canaries.look(name, &function.logs());
        }
    }
    assert!(
        lab.fixture
            .count(&format!("conversation_messages where body = '{BODY}'"))
            .await
            > 0,
        "the flow ran"
    );
}

#[tokio::test]
async fn sends_keep_everything_to_themselves() {
    let programs = programs();
    let lab = Lab::open(programs).await.unwrap();
    let token = lab
        .fixture
        .issuer
        .token(&Claims::of("user_1").organization(OWNER, "member", "acme"));
    let mut canaries = Canaries::of(&lab.environment(Way::Direct));
    canaries.0.push(token.clone());
    canaries.0.push("rk_canary_secret_key".to_owned());
    let witness = Witness::call(&lab, &canaries, "outbound-send", &[]).await;
    let event = |authorization: &str, body: Value| {
        let headers = [
            ("content-type", "application/json"),
            ("authorization", authorization),
            ("idempotency-key", "k1-canary"),
        ];
        http_event(
            "POST",
            "/api/communications",
            "",
            &headers,
            body.to_string().as_bytes(),
        )
    };
    let bearer = format!("Bearer {token}");
    let send = |channel: &str, to: &str| json!({ "channel": channel, "to": to, "body": BODY, "workspaceId": witness.lab.workspace });
    let quote = format!("The 'To' number {CUSTOMER} is not valid; the body was {BODY}");
    let faults = [
        None,
        Some(Fault::code(400, 21211, &quote)),
        Some(Fault::code(422, 99999, &quote)),
        Some(Fault::status(500)),
        Some(Fault::Unauthorized),
        Some(Fault::RateLimited {
            retry_after_seconds: None,
        }),
        Some(Fault::Html),
        Some(Fault::TruncatedJson),
    ];
    for fault in faults {
        lab.fixture.simulator.clear_faults();
        if let Some(fault) = fault {
            lab.fixture.simulator.fail_always(Operation::Any, fault);
        }
        for channel in ["sms", "call"] {
            let mut event = event(&bearer, send(channel, CUSTOMER));
            event["headers"]["idempotency-key"] = json!(uuid::Uuid::new_v4().to_string());
            witness.http(event).await;
        }
    }
    lab.fixture.simulator.clear_faults();
    for body in [
        json!({ "channel": BODY, "to": CUSTOMER }),
        json!({ BODY: CUSTOMER }),
        json!({ "channel": "sms", "to": BODY, "body": CUSTOMER, "workspaceId": lab.workspace }),
        json!({ "channel": "sms", "to": CUSTOMER, "body": BODY, "workspaceId": CUSTOMER }),
        json!({ "channel": "sms", "to": CUSTOMER, "body": BODY, "workspaceId": lab.workspace, "from": STRANGER }),
        json!({ "channel": "sms", "to": CUSTOMER, "body": BODY, "workspaceId": lab.workspace, "mediaUrls": [BODY] }),
        send("sms", "+19005550199"),
        send("sms", "+4915112345678"),
    ] {
        witness.http(event(&bearer, body)).await;
    }
    for authorization in [
        "",
        "Bearer rk_canary_secret_key",
        "Basic rk_canary_secret_key",
        &format!("Bearer {token}x"),
        "Bearer a.b.c",
    ] {
        witness.http(event(authorization, send("sms", CUSTOMER))).await;
    }
    lab.database.refuse(true).await.unwrap();
    lab.database.reset_all();
    assert_eq!(witness.http(event(&bearer, send("sms", CUSTOMER))).await, 503);
    lab.database.refuse(false).await.unwrap();
    assert!(
        lab.fixture
            .count(&format!("conversation_messages where body = '{BODY}'"))
            .await
            > 0,
        "the flow ran"
    );
    assert!(
        lab.fixture
            .count(&format!(
                "conversation_messages where error_message like '%{CUSTOMER}%'"
            ))
            .await
            > 0,
        "the carrier's words are kept with the row"
    );
    witness.dismiss().await;
}

#[tokio::test]
async fn queues_schedules_and_migrations_keep_everything_to_themselves() {
    let programs = programs();
    let lab = Lab::open(programs).await.unwrap();
    let canaries = Canaries::of(&lab.environment(Way::Direct));
    let event = |kind: &str, tier: &str| {
        json!({ "id": uuid::Uuid::new_v4().to_string(), "type": kind, "areaCode": "405", "friendlyName": BODY,
        "workspace": { "id": uuid::Uuid::new_v4(), "name": BODY, "slug": BODY, "clerkOrganizationId": format!("org_{}", uuid::Uuid::new_v4()), "subscriptionTier": tier } }).to_string()
    };
    let hostile = [
        json!({ "type": BODY, "id": CUSTOMER, "workspace": { "id": CUSTOMER } }).to_string(),
        json!({ "type": "workspace.created", "id": "e", "workspace": { "id": uuid::Uuid::new_v4(), "subscriptionTier": BODY } }).to_string(),
        json!({ "type": "workspace.created", "id": "e", "workspace": BODY, "areaCode": CUSTOMER }).to_string(),
        format!("{BODY} {CUSTOMER}"),
        json!({ "path": CUSTOMER, "body": BODY, "receivedAt": BODY }).to_string(),
        json!({ "path": SMS, "body": "Qm9keT16ZWJyYS1jYW5hcnktdGV4dA==", "receivedAt": "2026-01-01T00:00:00Z" }).to_string(),
        json!({ "path": SMS, "query": BODY, "body": 5, "receivedAt": "2026-01-01T00:00:00Z" }).to_string(),
    ];
    let spooled = {
        let body = devstack::fixture::form(&[
            ("MessageSid", "SM909"),
            ("From", CUSTOMER),
            ("To", NUMBER),
            ("Body", BODY),
        ]);
        use base64::Engine;
        let body = base64::engine::general_purpose::STANDARD.encode(body);
        json!({ "path": SMS, "query": "", "contentType": "", "body": body, "receivedAt": "2026-01-01T00:00:00Z" }).to_string()
    };
    let quote = Fault::code(
        400,
        21422,
        &format!("{STRANGER} is not available, {CUSTOMER} neither"),
    );
    for name in ["provision-trigger", "spool-replay"] {
        let witness = Witness::call(&lab, &canaries, name, &[]).await;
        for is_down in [false, true] {
            lab.database.refuse(is_down).await.unwrap();
            lab.database.reset_all();
            let friendly = if name == "spool-replay" {
                spooled.clone()
            } else {
                event("workspace.created", "pro")
            };
            for body in hostile.iter().chain([&friendly]) {
                let _ = witness.function.invoke(sqs_event(&[("r1", body)])).await;
            }
        }
        lab.database.refuse(false).await.unwrap();
        if name == "provision-trigger" {
            for operation in [Operation::Purchase, Operation::Search, Operation::ListNumbers] {
                lab.fixture.simulator.fail_always(operation, quote.clone());
                let _ = witness
                    .function
                    .invoke(sqs_event(&[("r2", &event("workspace.created", "pro"))]))
                    .await;
                lab.fixture.simulator.clear_faults();
            }
            // the numbers that were bought are no canaries here, but no log may tell them either
            let bought: Vec<String> = lab
                .fixture
                .simulator
                .numbers()
                .iter()
                .map(|number| number.phone_number[2..].to_owned())
                .collect();
            Canaries(bought).look(name, &witness.function.logs());
        }
        witness.dismiss().await;
    }
    let witness = Witness::call(&lab, &canaries, "reconciler", &[]).await;
    for status in ["queued", "sent"] {
        lab.outbound(Some(&sid("SM")), "sms").await.unwrap();
        lab.fixture
            .sql
            .execute(
                "update conversation_messages set status = $1, created_at = now() - interval '1 hour'",
                &[&status],
            )
            .await
            .unwrap();
        lab.outbound(None, "sms").await.unwrap();
        lab.fixture.sql.execute("update conversation_messages set status = 'unknown', created_at = now() - interval '1 hour' where external_id is null", &[]).await.unwrap();
    }
    lab.fixture.simulator.inbound_sms(CUSTOMER, NUMBER, BODY).await;
    for fault in [
        None,
        Some(quote.clone()),
        Some(Fault::Html),
        Some(Fault::Unauthorized),
    ] {
        lab.fixture.simulator.clear_faults();
        if let Some(fault) = fault {
            lab.fixture.simulator.fail_always(Operation::Any, fault);
        }
        let _ = witness.function.invoke(schedule_event("x-nightly")).await;
    }
    lab.fixture.simulator.clear_faults();
    lab.database.refuse(true).await.unwrap();
    lab.database.reset_all();
    let _ = witness.function.invoke(json!({ BODY: CUSTOMER })).await;
    lab.database.refuse(false).await.unwrap();
    witness.dismiss().await;

    let witness = Witness::call(&lab, &canaries, "migrator", &[]).await;
    let _ = witness.function.invoke(json!({ BODY: CUSTOMER })).await;
    // a migration that stumbles over a row: the server's words quote it
    lab.fixture.sql.batch_execute(&format!("delete from refinery_schema_history where version = 13;
        alter table conversation_messages drop column body_redacted_at, drop column recording_redacted_at, drop column redaction_tried_at;
        drop function set_retention, claim_redactions, finish_redaction;
        create table retention_settings_canary (note text unique); insert into retention_settings_canary values ('{CUSTOMER} {BODY}');
        grant all on retention_settings_canary to public;
        alter table retention_settings rename to retention_settings_old;
        create function stumble() returns event_trigger language plpgsql as $$ begin insert into retention_settings_canary values ('{CUSTOMER} {BODY}'); end $$;
        create event trigger stumbling on ddl_command_start when tag in ('CREATE TABLE') execute function stumble();")).await.unwrap();
    let failed = witness.function.invoke(json!({})).await.unwrap_err().to_string();
    assert!(failed.contains("23505"), "{failed}");
    canaries.look("the migrator's answer", &failed);
    lab.fixture
        .sql
        .batch_execute("drop event trigger stumbling")
        .await
        .unwrap();
    lab.database.refuse(true).await.unwrap();
    lab.database.reset_all();
    let _ = witness.function.invoke(json!({})).await;
    lab.database.refuse(false).await.unwrap();
    witness.dismiss().await;
}

#[tokio::test]
async fn clerk_and_settings_keep_everything_to_themselves() {
    let programs = programs();
    let lab = Lab::open(programs).await.unwrap();
    let canaries = Canaries::of(&lab.environment(Way::Direct));
    let witness = Witness::call(&lab, &canaries, "clerk-webhook", &[]).await;
    for event in [
        json!({ "type": "organization.created", "data": { "id": "org_9", "name": BODY, "slug": CUSTOMER, "public_metadata": { "plan": BODY, "areaCode": CUSTOMER } } }),
        json!({ "type": "user.created", "data": { "id": "user_9", "first_name": BODY, "phone_numbers": [CUSTOMER] } }),
        json!({ "type": "organization.created", "data": { "id": [BODY], "name": CUSTOMER } }),
        json!({ "type": BODY, "data": CUSTOMER }),
        json!([BODY, CUSTOMER]),
    ] {
        let webhook = ClerkWebhook::new(CLERK_SECRET, &event);
        witness
            .http(http_event(
                "POST",
                "/api/webhooks/clerk",
                "",
                &webhook.headers(),
                webhook.body.as_bytes(),
            ))
            .await;
        let unsigned = [
            ("content-type", "application/json"),
            ("svix-signature", BODY),
            ("svix-id", "m"),
            ("svix-timestamp", CUSTOMER),
        ];
        witness
            .http(http_event(
                "POST",
                "/api/webhooks/clerk",
                "",
                &unsigned,
                webhook.body.as_bytes(),
            ))
            .await;
    }
    witness.dismiss().await;
    // settings that cannot be used are named, and not shown
    for (name, value) in [
        ("DATABASE_URL", "postgres://user:zebra-canary-text@[::1/db"),
        ("DATABASE_URL", "zebra-canary-text"),
        (
            "SIGNALWIRE_SPACE_URL",
            "https://user:zebra-canary-text@evil.example",
        ),
        (
            "SIGNALWIRE_SIGNING_KEY",
            "zebra-canary-text,zebra-canary-text,zebra-canary-text",
        ),
        ("SIGNALWIRE_PHONE_NUMBER", "(415) 555-0199 4155550199"),
        ("APP_URL", "zebra-canary-text"),
        ("ALLOWED_COUNTRIES", "zebra-canary-text"),
        ("WEBHOOK_SIGNATURES", "zebra-canary-text"),
        ("AUTH_ISSUER", "zebra-canary-text"),
        ("CLERK_WEBHOOK_SECRET", "zebra-canary-text"),
        ("RELEASE_GRACE_DAYS", "zebra-canary-text"),
    ] {
        for function in [
            "sms-webhook",
            "outbound-send",
            "clerk-webhook",
            "provision-trigger",
            "migrator",
        ] {
            match lab
                .start_with(function, environment(&lab, &[(name, value)]))
                .await
            {
                Ok(function) => canaries.look(name, &function.logs()),
                Err(error) => {
                    let text = error.to_string();
                    canaries.look(name, &text);
                    assert!(text.contains(name), "{name} is named: {text}");
                }
            }
        }
    }
}
