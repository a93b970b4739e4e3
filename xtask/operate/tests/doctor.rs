//! `doctor` and `smoke` on a whole local stack, well and with one fault after the other.
#![expect(clippy::unwrap_used, reason = "a helper that fails is a failed test")]

use common::config::Settings;
use devstack::fixture::{PLATFORM_NUMBER, migrate};
use devstack::stack::{Options, Signatures, Stack};
use operate::doctor::{Finding, State, examine};
use serde_json::json;
use simulator::{Fault, Operation, When};
use testkit::aws::Aws;
use testkit::pgbouncer::PgBouncer;
use testkit::postgres::TestDatabase;

async fn stack(database: &TestDatabase) -> Stack {
    Stack::start(Options::on(database)).await.unwrap()
}

/// As deployed: the key looks like one, and a campaign is set.
fn settings(stack: &Stack) -> Settings {
    stack.settings(Signatures::Required)
}

fn fault<'a>(found: &'a [Finding], area: &str, words: &str) -> &'a Finding {
    found
        .iter()
        .find(|finding| finding.area == area && finding.what.contains(words))
        .unwrap_or_else(|| panic!("nothing in {area} says `{words}`: {found:#?}"))
}

fn assert_fault(found: &[Finding], area: &str, words: &str, advice: &str) {
    let finding = fault(found, area, words);
    assert_eq!(finding.state, State::Fault, "{finding}");
    assert!(finding.advice.contains(advice), "{finding}");
}

#[tokio::test]
async fn a_stack_that_is_well_has_no_fault() {
    let database = TestDatabase::create(migrate).await;
    let stack = stack(&database).await;
    let found = examine(&settings(&stack), None).await;
    let faults: Vec<&Finding> = found
        .iter()
        .filter(|finding| finding.state == State::Fault)
        .collect();
    assert!(faults.is_empty(), "{faults:#?}");
    for words in [
        "schema is at version",
        "credentials and space",
        "platform number's webhooks come to us",
    ] {
        assert!(
            found
                .iter()
                .any(|finding| finding.state == State::Well && finding.what.contains(words)),
            "{words}"
        );
    }
    let report = operate::run(&settings(&stack), &["doctor"]).await.unwrap();
    assert!(
        report.contains("0 wrong") && report.contains("balance"),
        "{report}"
    );
    let secrets = ["PT", "PSK", "whsec_"].map(|prefix| format!("{prefix}_"));
    assert!(
        secrets
            .iter()
            .all(|secret| !report.contains(&format!("{secret}=")))
    );
    stack.shutdown().await.unwrap();
}

#[tokio::test]
async fn each_fault_of_the_carrier_has_its_advice() {
    let database = TestDatabase::create(migrate).await;
    let stack = stack(&database).await;
    let settings = settings(&stack);
    let carrier = stack.simulator();
    let answer = |status, body: &str| Fault::Answer {
        status,
        body: body.to_owned(),
        when: When::Before,
    };
    for (operation, given, words, advice) in [
        (
            Operation::ListNumbers,
            answer(401, "{}"),
            "lacks the scope numbers (401)",
            "SIGNALWIRE_TOKEN",
        ),
        (
            Operation::ListNumbers,
            answer(404, "{}"),
            "no such project",
            "belong together",
        ),
        (
            Operation::ListNumbers,
            answer(200, "<html></html>"),
            "is not SignalWire's API",
            "not the SIP host",
        ),
        (
            Operation::ListNumbers,
            answer(503, ""),
            "cannot be reached",
            "NAT",
        ),
        (
            Operation::ListMessages,
            answer(403, "{}"),
            "lacks the scope messaging (403)",
            "needs numbers, messaging",
        ),
        (
            Operation::ListCalls,
            answer(403, "{}"),
            "lacks the scope voice (403)",
            "needs numbers, messaging",
        ),
    ] {
        carrier.fail_always(operation, given);
        assert_fault(&examine(&settings, None).await, "signalwire", words, advice);
        carrier.clear_faults();
    }
    let campaign = settings
        .clone()
        .with("SIGNALWIRE_CAMPAIGN_ID", "no-such-campaign");
    assert_fault(
        &examine(&campaign, None).await,
        "signalwire",
        "no such campaign",
        "Messaging Campaigns",
    );

    assert!(carrier.configure_number(PLATFORM_NUMBER, &[("SmsUrl", "https://elsewhere.example/sms")]));
    assert_fault(
        &examine(&settings, None).await,
        "signalwire",
        "do not come to us",
        "/api/webhooks/signalwire/fallback/sms",
    );
    let other = settings.clone().with("SIGNALWIRE_PHONE_NUMBER", "+14055550999");
    assert_fault(
        &examine(&other, None).await,
        "signalwire",
        "not among the project's numbers",
        "buy it",
    );
    stack.shutdown().await.unwrap();
}

#[tokio::test]
async fn each_fault_of_the_rest_has_its_advice() {
    let database = TestDatabase::create(migrate).await;
    let stack = stack(&database).await;
    let well = settings(&stack);
    let url = stack.urls().database.clone();
    for (name, value, area, words, advice) in [
        (
            "SIGNALWIRE_SIGNING_KEY",
            "PT123",
            "configuration",
            "is an API token",
            "PSK_",
        ),
        (
            "SIGNALWIRE_SPACE_URL",
            "example.com",
            "configuration",
            "SIGNALWIRE_SPACE_URL",
            "secret",
        ),
        (
            "CLERK_WEBHOOK_SECRET",
            "secret",
            "configuration",
            "CLERK_WEBHOOK_SECRET is malformed",
            "whsec_",
        ),
        (
            "AUTH_JWKS_URL",
            "http://issuer.example",
            "configuration",
            "AUTH_JWKS_URL",
            "secret",
        ),
        (
            "DATABASE_URL",
            "postgres://u:p@127.0.0.1:1/x",
            "database",
            "cannot be connected to",
            "host, port",
        ),
        (
            "DATABASE_URL",
            "postgres://u:p@db.example.invalid/x",
            "database",
            "does not insist on encryption",
            "sslmode=require",
        ),
        (
            "APP_URL",
            "http://127.0.0.1:1",
            "webhooks",
            "cannot be reached",
            "deployed",
        ),
    ] {
        let found = examine(&well.clone().with(name, value), None).await;
        assert_fault(&found, area, words, advice);
    }
    let elsewhere = format!("{}/v1", stack.urls().gateway);
    assert_fault(
        &examine(&well.clone().with("APP_URL", &elsewhere), None).await,
        "webhooks",
        "there is nothing at",
        "without a stage",
    );

    let off = stack.settings(Signatures::Off);
    assert_eq!(
        fault(&examine(&off, None).await, "configuration", "anybody may send").state,
        State::Notice
    );

    let sql = stack.inspect().await.unwrap();
    sql.batch_execute("delete from refinery_schema_history where version = (select max(version) from refinery_schema_history)")
        .await
        .unwrap();
    assert_fault(
        &examine(&well, None).await,
        "database",
        "this code needs",
        "invoke the migrator",
    );
    sql.batch_execute("drop table refinery_schema_history")
        .await
        .unwrap();
    assert_fault(
        &examine(&well, None).await,
        "database",
        "no migration has run",
        "invoke the migrator",
    );

    let superuser = stack.urls().inspection.clone();
    assert_ne!(superuser, url);
    assert_fault(
        &examine(&well.with("DATABASE_URL", &superuser), None).await,
        "database",
        "not bound by row-level security",
        "superuser",
    );
    stack.shutdown().await.unwrap();
}

/// What `doctor` says of the database when its URLs are these.
async fn database_by(url: &str, migration: Option<&str>) -> Vec<Finding> {
    let mut settings = Settings::of(&[("DATABASE_URL", url)]);
    if let Some(migration) = migration {
        settings = settings.with("MIGRATION_DATABASE_URL", migration);
    }
    let found = examine(&settings, None).await;
    found
        .into_iter()
        .filter(|finding| finding.area == "database")
        .collect()
}

#[tokio::test]
async fn a_real_pooler_is_recognised_and_migrations_go_round_it() {
    let database = TestDatabase::create(migrate).await;
    let direct = database.url();
    let parsed = url::Url::parse(direct).unwrap();
    let users = [(parsed.username(), parsed.password().unwrap_or_default())];
    let is_well = |found: &[Finding]| found.iter().all(|finding| finding.state != State::Fault);

    let found = database_by(direct, None).await;
    assert_eq!(
        fault(&found, "database", "DATABASE_URL is a direct connection").state,
        State::Well
    );
    assert!(is_well(&found), "{found:#?}");

    // one server connection for everybody, and enough for each client to have its own
    for connections in [1, 10] {
        let pooler = PgBouncer::start(direct, &users, connections).await.unwrap();
        let pooled = pooler.url(direct);
        let found = database_by(&pooled, Some(direct)).await;
        assert_eq!(
            fault(&found, "database", "goes through a transaction pooler").state,
            State::Well
        );
        assert!(is_well(&found), "{connections}: {found:#?}");
        for (migration, words) in [
            (None, "migrations would run through the pooler"),
            (
                Some(pooled.as_str()),
                "MIGRATION_DATABASE_URL goes through a transaction pooler",
            ),
        ] {
            assert_fault(
                &database_by(&pooled, migration).await,
                "database",
                words,
                "the direct URL",
            );
        }
    }
}

#[tokio::test]
async fn settings_of_a_session_do_not_pass_a_pooler() {
    let database = TestDatabase::create(migrate).await;
    let direct = database.url();
    let parsed = url::Url::parse(direct).unwrap();
    let users = [(parsed.username(), parsed.password().unwrap_or_default())];
    let with_options = |url: &str| format!("{url}?options=-c%20statement_timeout%3D5000");
    assert!(parsed.query().is_none(), "{direct}");

    let found = database_by(&with_options(direct), None).await;
    assert!(
        found.iter().all(|finding| finding.state != State::Fault),
        "{found:#?}"
    );

    let strict = PgBouncer::start(direct, &users, 2).await.unwrap();
    let found = database_by(&with_options(&strict.url(direct)), Some(direct)).await;
    let refused = fault(&found, "database", "DATABASE_URL cannot be connected to");
    assert_eq!(refused.state, State::Fault);
    assert!(
        refused.what.contains("startup parameter") && refused.what.contains("ALTER ROLE"),
        "{refused}"
    );

    let lenient = PgBouncer::start_with(direct, &users, 2, "ignore_startup_parameters = options")
        .await
        .unwrap();
    assert_fault(
        &database_by(&with_options(&lenient.url(direct)), Some(direct)).await,
        "database",
        "do not hold behind the pooler",
        "ALTER ROLE",
    );
}

#[tokio::test]
async fn queues_and_their_dead_letters() {
    let aws = Aws::shared().await;
    let dead = aws.create_queue("doctor-dead").await.unwrap();
    let queue = aws.create_queue("doctor-work").await.unwrap();
    let settings = Settings::of(&[
        ("AWS_ENDPOINT_URL", &aws.endpoint_url()),
        ("AWS_REGION", "us-east-1"),
        ("PROVISIONING_QUEUE_URL", &queue),
        ("SPOOL_QUEUE_URL", &format!("{queue}-missing")),
    ]);
    let found = examine(&settings, None).await;
    assert_fault(
        &found,
        "queues",
        "PROVISIONING_QUEUE_URL: the queue has no dead-letter queue",
        "template.yaml",
    );
    assert_fault(
        &found,
        "queues",
        "SPOOL_QUEUE_URL: there is no such queue",
        "outputs",
    );

    let redrive = json!({ "deadLetterTargetArn": "arn:aws:sqs:us-east-1:123456789012:doctor-dead", "maxReceiveCount": 5 });
    let change = json!({ "QueueUrl": queue, "Attributes": { "RedrivePolicy": redrive.to_string() } });
    aws.call("sqs", "AmazonSQS.SetQueueAttributes", change)
        .await
        .unwrap();
    let found = examine(&settings, None).await;
    assert_eq!(
        fault(&found, "queues", "PROVISIONING_QUEUE_URL: no dead letters").state,
        State::Well
    );
    aws.send(&dead, "x").await.unwrap();
    let found = examine(&settings, None).await;
    assert_eq!(fault(&found, "queues", "1 dead letters").state, State::Notice);
}

#[tokio::test]
async fn a_captured_request_tells_the_key() {
    let database = TestDatabase::create(migrate).await;
    let stack = stack(&database).await;
    let well = settings(&stack);
    let body = "AccountSid=x&From=%2B14155551234&MessageSid=1&To=%2B14055550100";
    let fields = [
        "AccountSid",
        "x",
        "From",
        "+14155551234",
        "MessageSid",
        "1",
        "To",
        "+14055550100",
    ];
    let project = stack.simulator().config().project_id.clone();
    let body = body.replace("AccountSid=x", &format!("AccountSid={project}"));
    let pairs: Vec<(String, String)> = fields
        .chunks(2)
        .map(|pair| (pair[0].to_owned(), pair[1].replace('x', &project)))
        .collect();
    let params: simulator::Params = pairs.into_iter().collect();
    let event = |signature: &str, host: &str| {
        json!({
            "version": "2.0", "routeKey": "$default", "rawPath": "/api/webhooks/signalwire/sms", "rawQueryString": "",
            "headers": { "host": host, "content-type": "application/x-www-form-urlencoded", "x-signalwire-signature": signature },
            "requestContext": { "stage": "$default", "http": { "method": "POST", "path": "/api/webhooks/signalwire/sms" } },
            "body": body, "isBase64Encoded": false,
        })
        .to_string()
    };
    let signed = |base: &str| {
        stack
            .simulator()
            .sign_form(&format!("{base}/api/webhooks/signalwire/sms"), &params)
    };
    let ours = event(&signed(&stack.urls().gateway), "x");
    let area = "signing key";
    assert_eq!(
        fault(
            &examine(&well, Some(&ours)).await,
            area,
            "was signed with our key"
        )
        .state,
        State::Well
    );
    let moved = event(&signed("https://moved.example"), "moved.example");
    assert_fault(
        &examine(&well, Some(&moved)).await,
        area,
        "calls https://moved.example",
        "APP_URL",
    );
    assert_fault(
        &examine(&well, Some(&event("AAAA", "x"))).await,
        area,
        "does not verify",
        "SIGNALWIRE_SIGNING_KEY",
    );
    assert_fault(
        &examine(&well, Some("{}")).await,
        area,
        "no API Gateway event",
        "events/",
    );
    stack.shutdown().await.unwrap();
}

#[tokio::test]
async fn the_guides_three_tests() {
    let database = TestDatabase::create(migrate).await;
    let stack = stack(&database).await;
    let settings = settings(&stack);
    let gateway = stack.urls().gateway.clone();
    let report = operate::run(&settings, &["smoke", &gateway]).await.unwrap();
    assert!(report.ends_with("all three hold\n"), "{report}");
    stack.settle().await;
    let sql = stack.inspect().await.unwrap();
    let left = "select (select count(*) from api_keys where revoked_at is null),
                       (select count(*) from workspaces where is_active)";
    let left = sql.query_one(left, &[]).await.unwrap();
    assert_eq!((left.get::<_, i64>(0), left.get::<_, i64>(1)), (0, 0));

    let wrong = settings.clone().with("SIGNALWIRE_SIGNING_KEY", "PSK_wrong");
    let failed = operate::run(&wrong, &["smoke", &gateway]).await.unwrap_err();
    assert!(
        failed.contains("ok  2  ") && failed.contains("answers 403 (the signing key"),
        "{failed}"
    );
    let wrong = settings
        .clone()
        .with("CLERK_WEBHOOK_SECRET", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw");
    let failed = operate::run(&wrong, &["smoke", &gateway]).await.unwrap_err();
    assert!(failed.contains("the Clerk webhook answers 401"), "{failed}");

    let far = operate::run(
        &settings,
        &["smoke", "https://far.example.com", "--to", "+14155551234"],
    )
    .await;
    assert!(far.unwrap_err().contains("--buy"));
    let far = operate::run(&settings, &["smoke", "https://far.example.com"]).await;
    assert!(far.unwrap_err().contains("--to"));
    stack.shutdown().await.unwrap();
}
