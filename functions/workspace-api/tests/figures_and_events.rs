//! Usage, endpoints and the log of events: each refusal beside its success.
#![allow(clippy::unwrap_used, reason = "a test may stop where it is")]

use common::caller::SecretKey;
use devstack::fixture::{Fixture, json, request, text};
use serde_json::{Value, json as value};
use testkit::identity::Claims;
use uuid::Uuid;
use workspace_api::App;

const NUMBER: &str = "+14055550123";
const CUSTOMER: &str = "+14155551234";

struct Office {
    fixture: Fixture,
    app: App,
    workspace: Uuid,
}

impl Office {
    async fn open(extra: &[(&str, &str)]) -> Self {
        let mut fixture = Fixture::start().await;
        for (name, setting) in extra {
            fixture.set(name, setting);
        }
        let workspace = fixture.workspace("Acme", "professional", "org_1").await;
        fixture.number(workspace, NUMBER, "primary").await;
        let app = App::start_with(fixture.settings()).await.unwrap();
        Self {
            fixture,
            app,
            workspace,
        }
    }

    fn bearer(&self, role: &str) -> String {
        let claims = Claims::of("user_1").organization("org_1", role, "acme");
        format!("Bearer {}", self.fixture.issuer.token(&claims))
    }

    /// `path` is below the workspace unless it begins with `/`.
    async fn ask(
        &self,
        authorization: &str,
        method: &str,
        path: &str,
        body: &Value,
    ) -> lambda_http::Response<lambda_http::Body> {
        let full = if path.starts_with('/') {
            path.to_owned()
        } else {
            format!("/api/workspaces/{}/{path}", self.workspace)
        };
        let (path, query) = full.split_once('?').unwrap_or((&full, ""));
        let headers = [
            ("authorization", authorization),
            ("content-type", "application/json"),
        ];
        let body = if body.is_null() {
            String::new()
        } else {
            body.to_string()
        };
        self.app
            .handle(request(testkit::runtime_api::http_event(
                method,
                path,
                query,
                &headers,
                body.as_bytes(),
            )))
            .await
    }

    async fn good(&self, method: &str, path: &str, body: &Value, status: u16) -> Value {
        let response = self.ask(&self.bearer("admin"), method, path, body).await;
        assert_eq!(response.status(), status, "{method} {path}: {}", text(&response));
        json(&response)
    }

    async fn refused(&self, role: &str, method: &str, path: &str, body: &Value) -> (u16, String, Value) {
        let response = self.ask(&self.bearer(role), method, path, body).await;
        let problem = json(&response);
        (
            response.status().as_u16(),
            problem["code"].as_str().unwrap_or_default().to_owned(),
            problem["field"].clone(),
        )
    }

    async fn received(&self, sid: &str) {
        let call = "select 1 from record_inbound_message(gen_random_uuid(), $1, 'sms', $2, $3, 'Hello', '[]', 1, false, null, null, now())";
        self.fixture
            .sql
            .execute(call, &[&sid, &NUMBER, &CUSTOMER])
            .await
            .unwrap();
    }

    async fn operator(&self, scope: &str) -> String {
        let key = SecretKey::random().unwrap();
        let insert = "insert into api_keys (id, hash, prefix, name, scopes) values ($1, $2, $3, 'operator', array[$4])";
        let hash = key.hash();
        self.fixture
            .sql
            .execute(
                insert,
                &[&Uuid::now_v7(), &hash.as_bytes(), &key.prefix(), &scope],
            )
            .await
            .unwrap();
        format!("Bearer {}", key.expose())
    }
}

#[tokio::test]
async fn usage_of_a_workspace() {
    let office = Office::open(&[]).await;
    office.received("SM1").await;
    office
        .fixture
        .sql
        .batch_execute("update conversation_messages set price = -0.0041")
        .await
        .unwrap();
    let usage = office.good("GET", "usage", &Value::Null, 200).await;
    assert_eq!(
        (
            &usage["totals"]["messagesIn"],
            &usage["currency"],
            &usage["timeZone"]
        ),
        (&value!(1), &value!("USD"), &value!("UTC"))
    );
    assert_eq!(usage["totals"]["cost"]["messages"], "0.0041", "{usage}");
    assert_eq!(usage["byNumber"][0]["phoneNumber"], NUMBER);
    assert_eq!(usage["byChannel"][0]["channel"], "sms");
    let series = office
        .good("GET", "usage/series?interval=week", &Value::Null, 200)
        .await;
    let last = series["points"].as_array().unwrap().last().unwrap();
    assert_eq!(
        (&last["messagesIn"], last["costEstimated"] != last["cost"]),
        (&value!(1), true)
    );
    let csv = office
        .ask(
            &office.bearer("billing"),
            "GET",
            "usage.csv?timeZone=America/Chicago",
            &Value::Null,
        )
        .await;
    assert_eq!(csv.headers()["content-type"], "text/csv; charset=utf-8");
    let lines: Vec<&str> = text(&csv).lines().collect();
    let columns = lines[0].split(',').count();
    assert!(
        lines.len() >= 4 && lines.iter().all(|line| line.split(',').count() == columns),
        "{lines:?}"
    );
    assert!(lines[0].starts_with("date,time_zone,phone_number,channel,"));

    for (path, field) in [
        ("usage?from=2026-01-01&to=2025-01-01", "from"),
        ("usage?from=2020-01-01&to=2026-01-01", "from"),
        ("usage?timeZone=Mars/Olympus", "timeZone"),
        ("usage?from=yesterday", "from"),
        ("usage?since=2026-01-01", "since"),
        ("usage/series?interval=second", "interval"),
    ] {
        let refused = office.refused("admin", "GET", path, &Value::Null).await;
        assert_eq!(refused, (400, "bad_request".to_owned(), value!(field)), "{path}");
    }
    let other = office.fixture.workspace("Beta", "starter", "org_2").await;
    let path = format!("/api/workspaces/{other}/usage");
    assert_eq!(
        office.refused("admin", "GET", &path, &Value::Null).await.1,
        "unknown_workspace"
    );
}

#[tokio::test]
async fn usage_of_the_platform_is_for_operators() {
    let office = Office::open(&[]).await;
    let second = office.fixture.workspace("Beta", "enterprise", "org_2").await;
    office.received("SM1").await;
    let operator = office.operator("platform:read").await;
    let ask = async |authorization: &str, path: &str| {
        let response = office.ask(authorization, "GET", path, &Value::Null).await;
        (response.status().as_u16(), json(&response))
    };
    let (status, usage) = ask(&operator, "/api/platform/usage").await;
    assert_eq!(
        (status, &usage["routing"]["routed"]),
        (200, &value!(1)),
        "{usage}"
    );
    assert_eq!(
        (
            &usage["provisioning"][1]["tier"],
            &usage["provisioning"][1]["successShare"]
        ),
        (&value!("professional"), &value!("1.0000"))
    );
    let mut seen = Vec::new();
    let mut path = "/api/platform/workspaces?limit=1".to_owned();
    loop {
        let (status, page) = ask(&operator, &path).await;
        assert_eq!(status, 200, "{page}");
        seen.extend(
            page["items"]
                .as_array()
                .unwrap()
                .iter()
                .map(|item| item["workspaceId"].clone()),
        );
        match page["nextCursor"].as_str() {
            Some(cursor) => path = format!("/api/platform/workspaces?limit=1&cursor={cursor}"),
            None => break,
        }
    }
    let mut expected = vec![value!(office.workspace), value!(second)];
    expected.sort_by_key(Value::to_string);
    assert_eq!(seen, expected);
    for path in ["/api/platform/usage", "/api/platform/workspaces"] {
        assert_eq!(ask(&office.bearer("owner"), path).await.0, 403);
        assert_eq!(ask(&office.operator("usage:read").await, path).await.0, 403);
        assert_eq!(ask("", path).await.0, 401);
    }
}

#[tokio::test]
async fn endpoints_from_their_creation_to_their_end() {
    let office = Office::open(&[]).await;
    let wanted = value!({ "url": "http://127.0.0.1:9/hook", "eventTypes": ["message.received"], "description": "CRM" });
    let made = office.good("POST", "webhook-endpoints", &wanted, 201).await;
    assert!(made["secret"].as_str().unwrap().starts_with("whsec_"), "{made}");
    let id = made["id"].as_str().unwrap().to_owned();
    let one = format!("webhook-endpoints/{id}");
    let shown = office.good("GET", &one, &Value::Null, 200).await;
    assert_eq!(
        (shown.get("secret"), &shown["eventTypes"]),
        (None, &value!(["message.received"]))
    );
    let rotated = office
        .good("POST", &format!("{one}/rotate-secret"), &Value::Null, 200)
        .await;
    assert_ne!(rotated["secret"], made["secret"]);
    let kept = office.fixture.row("webhook_endpoints").await;
    assert_eq!(kept["previous_secret"], made["secret"]);

    office.received("SM1").await;
    let log = office.good("GET", "events", &Value::Null, 200).await;
    let event = &log["items"][0];
    assert_eq!(
        (&event["type"], &event["deliveries"][0]["state"]),
        (&value!("message.received"), &value!("pending"))
    );
    let event = format!("events/{}", event["id"].as_str().unwrap());
    assert_eq!(
        office.good("GET", &event, &Value::Null, 200).await["attempts"],
        value!([])
    );
    let replayed = office
        .good("POST", &format!("{event}/replay"), &value!({}), 202)
        .await;
    assert_eq!(replayed["deliveries"], 1);
    let since = value!({ "since": "2020-01-01T00:00:00Z" });
    assert_eq!(
        office.good("POST", &format!("{one}/replay"), &since, 202).await["deliveries"],
        1
    );

    office
        .good("PATCH", &one, &value!({ "isActive": false }), 200)
        .await;
    let refused = office
        .refused(
            "admin",
            "POST",
            &format!("{event}/replay"),
            &value!({ "endpointId": id }),
        )
        .await;
    assert_eq!((refused.0, refused.1.as_str()), (409, "endpoint_disabled"));
    let listed = office.good("GET", "webhook-endpoints", &Value::Null, 200).await;
    assert_eq!(listed["items"].as_array().unwrap().len(), 1);
    office.good("DELETE", &one, &Value::Null, 200).await;
    for (method, path, body) in [
        ("GET", one.clone(), Value::Null),
        ("DELETE", one.clone(), Value::Null),
        ("PATCH", one.clone(), value!({})),
        ("POST", format!("{one}/rotate-secret"), Value::Null),
        ("POST", format!("{one}/replay"), since.clone()),
        ("GET", format!("events/{}", Uuid::now_v7()), Value::Null),
        ("POST", format!("events/{}/replay", Uuid::now_v7()), value!({})),
        ("GET", "webhook-endpoints/x".to_owned(), Value::Null),
    ] {
        let refused = office.refused("admin", method, &path, &body).await;
        assert_eq!(
            (refused.0, refused.1.as_str()),
            (404, "not_found"),
            "{method} {path}"
        );
    }
}

#[tokio::test]
async fn who_and_what_may_be_an_endpoint() {
    let office = Office::open(&[("APP_URL", "https://ringspace.example")]).await;
    for (url, detail) in [
        ("http://hooks.example.com/", "https"),
        ("https://127.0.0.1/", "private"),
        ("https://169.254.169.254/latest", "private"),
        ("https://localhost/", "private"),
        ("https://user:pass@hooks.example.com/", "password"),
        ("hooks", "absolute"),
    ] {
        let body = value!({ "url": url });
        let response = office
            .ask(&office.bearer("admin"), "POST", "webhook-endpoints", &body)
            .await;
        let problem = json(&response);
        assert_eq!(
            (response.status().as_u16(), &problem["field"]),
            (400, &value!("url")),
            "{url}"
        );
        assert!(
            problem["detail"].as_str().unwrap().contains(detail),
            "{url}: {problem}"
        );
    }
    let good = value!({ "url": "https://hooks.example.com/ringspace" });
    for (body, field) in [
        (value!({}), "url"),
        (
            value!({ "url": "https://x.example/", "eventTypes": ["nothing"] }),
            "eventTypes[0]",
        ),
        (
            value!({ "url": "https://x.example/", "secret": "mine" }),
            "secret",
        ),
    ] {
        let refused = office.refused("admin", "POST", "webhook-endpoints", &body).await;
        assert_eq!(refused, (400, "bad_request".to_owned(), value!(field)));
    }
    for role in ["manager", "agent", "viewer", "billing"] {
        assert_eq!(
            office.refused(role, "POST", "webhook-endpoints", &good).await.0,
            403,
            "{role}"
        );
    }
    for _ in 0..10 {
        office.good("POST", "webhook-endpoints", &good, 201).await;
    }
    assert_eq!(
        office
            .refused("admin", "POST", "webhook-endpoints", &good)
            .await
            .1,
        "endpoint_limit"
    );
    assert_eq!(office.fixture.count("webhook_endpoints").await, 10);
}
