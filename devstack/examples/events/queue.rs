//! What waits in the provisioning queue.

use serde_json::{Value, json};

use crate::catalogue::{Event, sqs};

const PRO: &str = "0192f0c1-0000-7000-8000-00000000e001";
const ENTERPRISE: &str = "0192f0c1-0000-7000-8000-00000000e002";

fn workspace(id: &str, name: &str, tier: &str) -> Value {
    let slug = name.to_lowercase().replace(' ', "-");
    let organization = format!("org_2events_{}", slug.replace('-', "_"));
    json!({ "id": id, "name": name, "slug": slug, "clerkOrganizationId": organization, "subscriptionTier": tier })
}

fn created(id: &str, workspace: Value, area_code: &str) -> Value {
    json!({ "id": id, "type": "workspace.created", "workspace": workspace, "areaCode": area_code })
}

fn done() -> Value {
    json!({ "batchItemFailures": [] })
}

/// For `provision-trigger`.
pub fn records() -> Vec<Event> {
    let pro = || workspace(PRO, "Events Bakery", "professional");
    let enterprise = || workspace(ENTERPRISE, "Events Clinic", "enterprise");
    let good = created("events-pro", pro(), "405");
    let requested = json!({
        "id": "events-request-1", "type": "phone_number.requested", "workspace": enterprise(), "areaCode": "212",
        "numberType": "sales", "friendlyName": "Sales desk",
    });
    let envelope = json!({
        "version": "0", "id": "6a7e8feb-b491-4cf7-a9f1-bf3703467718", "detail-type": "workspace.created", "source": "ringspace.app",
        "account": "123456789012", "time": "2026-01-05T15:00:00Z", "region": "us-east-1", "resources": [],
        "detail": created("events-enterprise", enterprise(), "415"),
    });
    let starter = created(
        "events-starter",
        workspace("0192f0c1-0000-7000-8000-00000000e003", "Events Kiosk", "starter"),
        "405",
    );
    let gold = created(
        "events-gold",
        workspace("0192f0c1-0000-7000-8000-00000000e004", "Events Gold", "gold"),
        "405",
    );
    vec![
        Event::new("workspace-created", sqs(&[("events-1", &good)]), done()),
        Event::new("eventbridge-envelope", sqs(&[("events-2", &envelope)]), done()),
        Event::new("phone-number-requested", sqs(&[("events-3", &requested)]), done()),
        Event::new("starter-created", sqs(&[("events-4", &starter)]), done()),
        Event::new(
            "the-same-twice",
            sqs(&[("events-5", &good), ("events-6", &good)]),
            done(),
        ),
        // what no retry cures is parked, and what stands beside it is done
        Event::new(
            "poison-beside-good",
            sqs(&[
                ("events-7", &json!("this is no JSON")),
                ("events-8", &good),
                ("events-9", &gold),
                ("events-10", &json!({ "type": "workspace.exploded" })),
            ]),
            done(),
        ),
        Event::new("no-records", sqs(&[]), done()),
    ]
}
