//! What one send asks of the database and of the carrier.

use crate::programs::Programs;
use crate::report::Report;
use crate::sample::Sample;
use crate::surroundings::{Broken, CUSTOMER, Carrier, Database, expect_status};
use serde_json::json;
use std::time::Instant;
use testkit::identity::{Claims, Issuer};
use testkit::postgres::Options;
use testkit::proxy::Proxy;
use testkit::runtime_api::{Function, http_event};

const SENDS: u64 = 100;

/// Counts both.
pub async fn run(programs: &Programs, carrier: &Carrier, report: &mut Report) -> Result<(), Broken> {
    let database = Database::start(Options {
        durable: true,
        ..Options::default()
    })
    .await?;
    let proxy = Proxy::start(&database.url())?;
    let issuer = Issuer::start()?;
    let mut environment = carrier.environment(&proxy.url(&database.url()), &database.server);
    environment.extend([
        ("AUTH_ISSUER", issuer.url()),
        ("AUTH_JWKS_URL", issuer.jwks_url()),
    ]);
    let function = Function::spawn(programs.function("outbound-send"), environment)?;
    let token = issuer.token(&Claims::of("user_1").organization("org_1", "member", "acme"));
    let body = json!({ "channel": "sms", "to": CUSTOMER, "body": "See you on Tuesday", "workspaceId": database.workspace }).to_string();
    let authorization = format!("Bearer {token}");
    let headers = [
        ("content-type", "application/json"),
        ("authorization", authorization.as_str()),
    ];
    let event = http_event("POST", "/api/communications", "", &headers, body.as_bytes());
    expect_status(&function.invoke(event.clone()).await?, 201)?;

    let asked = || carrier.simulator.ledger().requests.len() as u64;
    let before = (asked(), issuer.jwks_requests());
    proxy.reset_counts();
    let mut times = Sample::default();
    for _ in 0..SENDS {
        let sent = Instant::now();
        let answer = function.invoke(event.clone()).await?;
        times.add(sent.elapsed());
        expect_status(&answer, 201)?;
    }
    let (flights, calls, keys) = (
        proxy.counts().flights,
        asked() - before.0,
        issuer.jwks_requests() - before.1,
    );
    let measured =
        format!("{flights} round trips, {calls} calls, {keys} looks at the keys for {SENDS} sends");
    let met = (flights, calls, keys) == (2 * SENDS, SENDS, 0);
    report.goal(
        "outbound",
        "2 round trips, 1 call",
        measured,
        format!("{times} ms each, simulator included"),
        met,
    );
    function.close().await;
    database.server.close().await?;
    Ok(())
}
