//! Every fault that the carrier's API can have, at every operation that we ask for.

use super::Scale;
use crate::Broken;
use crate::check;
use crate::lab::{CUSTOMER, Lab, NUMBER, Way, ask, carrier_config, invoke_batch};
use crate::programs::Programs;
use crate::tally::Tally;
use futures_util::{StreamExt, stream};
use serde_json::{Value, json};
use simulator::{Fault, Operation, When};
use testkit::identity::Claims;
use testkit::runtime_api::{Function, http_event, sqs_event};
use uuid::Uuid;

/// What is under way when the fault strikes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Work {
    /// A workspace gets its number.
    Purchase,
    /// A message or call goes out.
    Send,
    /// A number is given back.
    Release,
    /// The reconciler compares everything.
    Reconcile,
}

const WORK: [(Work, &[Operation]); 4] = [
    (
        Work::Purchase,
        &[
            Operation::Search,
            Operation::Purchase,
            Operation::ListNumbers,
            Operation::CampaignOrder,
        ],
    ),
    (Work::Send, &[Operation::SendMessage, Operation::CreateCall]),
    (Work::Release, &[Operation::Release]),
    (
        Work::Reconcile,
        &[
            Operation::ListMessages,
            Operation::GetMessage,
            Operation::ListMedia,
            Operation::ListNumbers,
            Operation::UpdateNumber,
            Operation::CampaignNumbers,
        ],
    ),
];

fn quick_faults() -> Vec<Fault> {
    vec![
        Fault::status_after(500),
        Fault::Close { when: When::After },
        Fault::TruncatedJson,
        Fault::status(503),
    ]
}

fn faults() -> Vec<Fault> {
    let mut faults = quick_faults();
    faults.extend([
        Fault::status(500),
        Fault::status_after(503),
        Fault::status(404),
        Fault::code(422, 21422, "is not available"),
        Fault::Close { when: When::Before },
        Fault::Hang { when: When::Before },
        Fault::Hang { when: When::After },
        Fault::Delay { milliseconds: 1500 },
        Fault::Html,
        Fault::HugeBody,
        Fault::RateLimited {
            retry_after_seconds: Some(1),
        },
        Fault::RateLimited {
            retry_after_seconds: None,
        },
        Fault::Unauthorized,
    ]);
    faults
}

/// Runs all of it.
pub(super) async fn run(programs: &Programs, tally: &Tally, scale: Scale) -> Result<(), Broken> {
    let all = if scale.is_full { faults() } else { quick_faults() };
    let mut cases = Vec::new();
    for (work, operations) in WORK {
        if !scale.is_full && matches!(work, Work::Release | Work::Reconcile) {
            continue;
        }
        cases.extend(
            operations
                .iter()
                .flat_map(|operation| all.iter().map(move |fault| (work, *operation, fault.clone()))),
        );
    }
    // what waits for a timeout waits together
    let (hanging, others): (Vec<_>, Vec<_>) = cases
        .into_iter()
        .partition(|(.., fault)| matches!(fault, Fault::Hang { .. }));
    for (some, at_once) in [(others, 4), (hanging, 16)] {
        tally.say(format_args!(
            "{} faults of the carrier, {at_once} at once",
            some.len()
        ));
        let mut running = stream::iter(some)
            .map(|(work, operation, fault)| case(programs, tally, work, operation, fault))
            .buffer_unordered(at_once);
        while let Some(done) = running.next().await {
            done?;
        }
    }
    Ok(())
}

async fn case(
    programs: &Programs,
    tally: &Tally,
    work: Work,
    operation: Operation,
    fault: Fault,
) -> Result<(), Broken> {
    let name = format!("{work:?}, {fault:?} at {operation:?}");
    let mut lab = Lab::open_with(programs, carrier_config()).await?;
    let is_campaign = matches!(operation, Operation::CampaignOrder | Operation::CampaignNumbers);
    if is_campaign {
        lab.fixture
            .set("SIGNALWIRE_CAMPAIGN_ID", &Uuid::new_v4().to_string());
    }
    tally.count("faults of the carrier tried", 1);
    match work {
        Work::Purchase => purchase(&lab, tally, &name, operation, fault).await,
        Work::Send => send(&lab, tally, &name, operation, fault).await,
        Work::Release => release(&lab, tally, &name, fault).await,
        Work::Reconcile => reconcile(&lab, tally, &name, operation, fault).await,
    }
}

/// No answer of the carrier, however long, makes a function grow beyond this.
const RESIDENT_KIB_MAX: u64 = 48 * 1024;

/// Looks how large a function ever was.
fn weigh(tally: &Tally, name: &str, function: &Function) {
    if let Some((_, most)) = function.resident_kib() {
        tally.heaviest(name, most);
        tally.expect(most <= RESIDENT_KIB_MAX, || format!("{name}: grew to {most} KiB"));
    }
}

async fn deliver(function: &Function, event: &Value) -> Result<bool, Broken> {
    Ok(invoke_batch(
        function,
        sqs_event(&[(&Uuid::new_v4().to_string(), &event.to_string())]),
    )
    .await?
    .is_empty())
}

async fn purchase(
    lab: &Lab<'_>,
    tally: &Tally,
    name: &str,
    operation: Operation,
    fault: Fault,
) -> Result<(), Broken> {
    let workspace = Uuid::new_v4();
    let tenant = json!({ "id": workspace, "name": "Acme", "slug": "acme", "clerkOrganizationId": "org_2", "subscriptionTier": "pro" });
    let event = json!({ "id": "e1", "type": "workspace.created", "workspace": tenant, "areaCode": "405" });
    let function = lab.start("provision-trigger", Way::Direct).await?;
    let simulator = &lab.fixture.simulator;
    if operation == Operation::ListNumbers {
        simulator.fail_next(Operation::Purchase, Fault::status_after(500)); // the list is read after a purchase that went wrong
    }
    simulator.fail_next(operation, fault);
    for _ in 0..6 {
        if deliver(&function, &event).await? {
            break;
        }
    }
    let order = lab.fixture.row("provisioning_orders").await;
    if order["state"] == "needs_attention" {
        // a person has put the cause right
        tally.expect(order["reason"].is_string(), || format!("{name}: no reason"));
        let retry = json!({ "id": "e2", "type": "order.retry_requested", "workspace": { "id": workspace }, "orderId": order["id"] });
        deliver(&function, &retry).await?;
    }
    weigh(tally, name, &function);
    check::workspace_has(lab, tally, name, workspace, 1).await
}

async fn send(
    lab: &Lab<'_>,
    tally: &Tally,
    name: &str,
    operation: Operation,
    fault: Fault,
) -> Result<(), Broken> {
    let function = lab.start("outbound-send", Way::Direct).await?;
    lab.fixture.simulator.fail_next(operation, fault);
    let channel = if operation == Operation::CreateCall {
        "call"
    } else {
        "sms"
    };
    let token =
        lab.fixture
            .issuer
            .token(&Claims::of("user_1").organization(crate::lab::OWNER, "member", "acme"));
    let body = json!({ "channel": channel, "to": CUSTOMER, "body": "Hello", "workspaceId": lab.workspace })
        .to_string();
    let authorization = format!("Bearer {token}");
    let headers = [
        ("content-type", "application/json"),
        ("authorization", authorization.as_str()),
        ("idempotency-key", "k1"),
    ];
    let event = || http_event("POST", "/api/communications", "", &headers, body.as_bytes());
    let carried = || {
        let ledger = lab.fixture.simulator.ledger();
        ledger.calls.len()
            + ledger
                .messages
                .iter()
                .filter(|message| message.direction != "inbound")
                .count()
    };
    let first = ask(&function, event()).await;
    let sent = carried();
    let agrees = match first.status {
        201 => sent == 1,
        202 => sent <= 1,
        502 | 503 => sent == 0,
        _ => false,
    };
    tally.expect(agrees, || {
        format!(
            "{name}: answered {} with {sent} sends: {}",
            first.status, first.body
        )
    });
    let second = ask(&function, event()).await;
    let now = carried();
    tally.count("keys used again", 1);
    tally.count("sends beyond keys", now.saturating_sub(1));
    // only "wait and come again" lets the same key send later
    let may_send_now = first.status == 503;
    tally.expect(now == sent || (may_send_now && now == 1), || {
        format!("{name}: {now} sends after a repeat ({})", second.status)
    });

    weigh(tally, name, &function);

    let age = "update conversation_messages set created_at = created_at - interval '3 minutes', checked_at = null where external_id is null";
    lab.fixture.sql.execute(age, &[]).await?;
    lab.start("reconciler", Way::Direct)
        .await?
        .invoke(json!({ "resources": ["rule/lab-five-minutes"] }))
        .await?;
    let open = lab.fixture.count("conversation_messages where status in ('unknown') or (external_id is null and status = 'queued')").await;
    let known = lab
        .fixture
        .count("conversation_messages where external_id is not null")
        .await;
    tally.expect(open == 0 && known == i64::try_from(now).unwrap_or(-1), || {
        format!("{name}: {open} open, {known} known of {now}")
    });
    tally.expect(carried() == now, || format!("{name}: the reconciler has sent"));
    Ok(())
}

async fn release(lab: &Lab<'_>, tally: &Tally, name: &str, fault: Fault) -> Result<(), Broken> {
    let function = lab.start("provision-trigger", Way::Direct).await?;
    let number = lab.fixture.row("workspace_phone_numbers").await;
    let event = json!({ "id": "e1", "type": "phone_number.release_requested", "workspace": { "id": lab.workspace }, "phoneNumberId": number["id"] });
    lab.fixture.simulator.fail_next(Operation::Release, fault);
    deliver(&function, &event).await?;
    let status = lab.fixture.row("workspace_phone_numbers").await["status"].clone();
    let is_owned = lab.fixture.simulator.number(NUMBER).is_some();
    tally.expect(status == "suspended" || status == "released", || {
        format!("{name}: {status}")
    });
    tally.expect(
        !(status == "released" && is_owned) || name.contains("404"),
        || format!("{name}: released here and owned there"),
    );
    let reconciler = lab.start("reconciler", Way::Direct).await?;
    for _ in 0..2 {
        lab.fixture
            .sql
            .execute(
                "update phone_number_releases set next_attempt_at = now() where released_at is null",
                &[],
            )
            .await?;
        reconciler.invoke(json!({})).await?;
    }
    let status = lab.fixture.row("workspace_phone_numbers").await["status"].clone();
    let is_owned = lab.fixture.simulator.number(NUMBER).is_some();
    // a 404 counts as released: a carrier that says so and keeps the number is beyond us
    tally.expect(
        status == "released" && (!is_owned || name.contains("404")),
        || format!("{name}: {status}, owned: {is_owned}"),
    );
    Ok(())
}

async fn reconcile(
    lab: &Lab<'_>,
    tally: &Tally,
    name: &str,
    operation: Operation,
    fault: Fault,
) -> Result<(), Broken> {
    let simulator = &lab.fixture.simulator;
    let sending = lab.start("outbound-send", Way::Direct).await?;
    ask(&sending, lab.send(CUSTOMER, "Hello", "k1")).await;
    let sid = simulator
        .ledger()
        .messages
        .first()
        .map(|message| message.sid.clone())
        .unwrap_or_default();
    simulator.report_message(&sid, "delivered", None).await; // nobody hears it
    simulator
        .inbound_mms(
            CUSTOMER,
            NUMBER,
            "A picture",
            &[("https://media.example/1", "image/png")],
        )
        .await;
    let age =
        "update conversation_messages set created_at = created_at - interval '1 minute', checked_at = null";
    lab.fixture.sql.execute(age, &[]).await?;
    if operation == Operation::CampaignNumbers {
        let pending = "insert into phone_number_readiness (phone_number_id, workspace_id) select id, workspace_id from workspace_phone_numbers";
        lab.fixture.sql.execute(pending, &[]).await?;
    }
    let reconciler = lab.start("reconciler", Way::Direct).await?;
    simulator.fail_next(operation, fault);
    let first = reconciler.invoke(json!({})).await;
    tally.expect(first.is_ok(), || format!("{name}: {:?}", first.as_ref().err()));
    simulator.clear_faults();
    lab.fixture
        .sql
        .execute("update conversation_messages set checked_at = null", &[])
        .await?;
    let second = reconciler.invoke(json!({})).await?;
    tally.expect(second["problems"] == json!([]), || format!("{name}: {second}"));
    weigh(tally, name, &reconciler);
    let delivered = lab
        .fixture
        .count("conversation_messages where direction = 'outbound' and status = 'delivered'")
        .await;
    let received = lab
        .fixture
        .count("conversation_messages where direction = 'inbound' and jsonb_array_length(attachments) = 1")
        .await;
    let configured = simulator
        .number(NUMBER)
        .is_some_and(|number| number.sms_hook.url.is_some());
    tally.expect((delivered, received, configured) == (1, 1, true), || {
        format!("{name}: delivered {delivered}, received {received}, configured {configured}")
    });
    let ghosts = lab
        .fixture
        .count("workspace_phone_numbers where status = 'released'")
        .await;
    tally.expect(ghosts == 0, || format!("{name}: {ghosts} numbers given up"));
    Ok(())
}
