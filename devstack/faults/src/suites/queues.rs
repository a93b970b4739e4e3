//! The queues as AWS runs them: a batch is hidden while a function works on it, what the function does not refuse is deleted, the rest
//! comes again, and what came too often dies into a queue of its own. The queues are an emulator's, spoken to over HTTP.

use crate::Broken;
use crate::check;
use crate::lab::{CUSTOMER, Lab, Way, ask, sid};
use crate::programs::Programs;
use crate::tally::Tally;
use devstack::clerk::{ClerkWebhook, organization_created};
use devstack::fixture::CLERK_SECRET;
use serde_json::{Value, json};
use simulator::{Fault, Operation};
use std::collections::BTreeMap;
use std::time::{Duration, Instant};
use testkit::aws::Aws;
use testkit::runtime_api::{Function, http_event, sqs_event};
use uuid::Uuid;

/// How long a message that was received stays hidden.
const VISIBILITY_SECONDS: u32 = 2;

/// How often a message is received before it dies.
const RECEIVES_MAX: u32 = 3;

/// Longer than any case needs.
const PATIENCE: Duration = Duration::from_secs(90);

/// A queue, and what Lambda's event source mapping does with it.
struct Mapping {
    aws: &'static Aws,
    queue: String,
    dead: String,
    /// How often each message was delivered.
    deliveries: BTreeMap<String, u32>,
}

impl Mapping {
    async fn open(lab: &Lab<'_>, name: &str) -> Result<Self, Broken> {
        let name = format!("{name}-{}", Uuid::new_v4().simple());
        let (queue, dead) = lab
            .aws
            .create_queue_with_dead_letters(&name, VISIBILITY_SECONDS, RECEIVES_MAX)
            .await?;
        Ok(Self {
            aws: lab.aws,
            queue,
            dead,
            deliveries: BTreeMap::new(),
        })
    }

    /// One batch; a function that dies over it deletes nothing. Gives how many messages it had.
    async fn poll(&mut self, function: &Function) -> Result<usize, Broken> {
        let messages = self.aws.receive(&self.queue).await?;
        if messages.is_empty() {
            return Ok(0);
        }
        for message in &messages {
            *self.deliveries.entry(message.id.clone()).or_default() += 1;
        }
        let records: Vec<(&str, &str)> = messages
            .iter()
            .map(|message| (message.id.as_str(), message.body.as_str()))
            .collect();
        if let Ok(answer) = function.invoke(sqs_event(&records)).await {
            let failures = answer["batchItemFailures"]
                .as_array()
                .cloned()
                .unwrap_or_default();
            for message in &messages {
                if !failures
                    .iter()
                    .any(|failure| failure["itemIdentifier"] == message.id.as_str())
                {
                    self.aws.delete(&self.queue, &message.receipt).await?;
                }
            }
        }
        Ok(messages.len())
    }

    /// Polls until nothing waits and nothing is hidden.
    async fn until_empty(&mut self, function: &Function) -> Result<(), Broken> {
        let begun = Instant::now();
        while self.waiting(&self.queue).await? > 0 {
            if begun.elapsed() > PATIENCE {
                return Err("a queue is never empty".into());
            }
            if self.poll(function).await? == 0 {
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }
        Ok(())
    }

    async fn waiting(&self, queue: &str) -> Result<u64, Broken> {
        let names = [
            "ApproximateNumberOfMessages",
            "ApproximateNumberOfMessagesNotVisible",
        ];
        let request = json!({ "QueueUrl": queue, "AttributeNames": names });
        let answer = self
            .aws
            .call("sqs", "AmazonSQS.GetQueueAttributes", request)
            .await?;
        let count = |name: &str| answer["Attributes"][name].as_str()?.parse::<u64>().ok();
        Ok(names.into_iter().filter_map(count).sum())
    }

    /// An operator sends dead letters back to where they came from.
    async fn redrive(&self) -> Result<usize, Broken> {
        let mut moved = 0;
        loop {
            let letters = self.aws.receive(&self.dead).await?;
            if letters.is_empty() {
                return Ok(moved);
            }
            for letter in letters {
                self.aws.send(&self.queue, &letter.body).await?;
                self.aws.delete(&self.dead, &letter.receipt).await?;
                moved += 1;
            }
        }
    }
}

/// Runs all of it.
pub(super) async fn run(programs: &Programs, tally: &Tally) -> Result<(), Broken> {
    tokio::try_join!(
        partial_batches(programs, tally),
        dead_letters(programs, tally),
        killed_replays(programs, tally)
    )
    .map(|_| ())
}

/// An order for a number.
fn order() -> (Uuid, Value) {
    let workspace = Uuid::new_v4();
    let tenant = json!({ "id": workspace, "name": "Acme", "slug": workspace, "clerkOrganizationId": workspace, "subscriptionTier": "pro" });
    let event =
        json!({ "id": workspace, "type": "workspace.created", "workspace": tenant, "areaCode": "405" });
    (workspace, event)
}

/// Good records, one that the carrier fails once, and poison in one batch: only the one comes again, and the poison is parked.
async fn partial_batches(programs: &Programs, tally: &Tally) -> Result<(), Broken> {
    let case = "a batch with poison and a failure";
    let mut lab = Lab::open(programs).await?;
    let mut mapping = Mapping::open(&lab, "provisioning").await?;
    lab.fixture.set("PROVISIONING_QUEUE_URL", &mapping.queue);
    let clerk = lab.start("clerk-webhook", Way::Direct).await?;
    let provision = lab.start("provision-trigger", Way::Direct).await?;
    // Clerk tells of one organization, twice
    let created = organization_created("org_queue", "Queue & Co", "queue", "pro", "405");
    let webhook = ClerkWebhook::new(CLERK_SECRET, &created);
    for _ in 0..2 {
        let event = http_event(
            "POST",
            "/api/webhooks/clerk",
            "",
            &webhook.headers(),
            &webhook.bytes(),
        );
        let answer = ask(&clerk, event).await;
        tally.expect(answer.status == 200, || {
            format!("{case}: Clerk was answered {} {}", answer.status, answer.body)
        });
    }
    let (_, other) = order();
    let (_, mut tier) = order();
    tier["workspace"]["subscriptionTier"] = json!("platinum");
    for body in [other.to_string(), "no JSON at all".to_owned(), tier.to_string()] {
        mapping.aws.send(&mapping.queue, &body).await?;
    }
    lab.fixture
        .simulator
        .fail_next(Operation::Purchase, Fault::status(503));
    mapping.until_empty(&provision).await?;
    let again = mapping.deliveries.values().filter(|times| **times > 1).count();
    tally.expect((mapping.deliveries.len(), again) == (5, 1), || {
        format!("{case}: deliveries {:?}", mapping.deliveries)
    });
    tally.count(
        "queue messages delivered",
        mapping.deliveries.values().sum::<u32>() as usize,
    );
    let parked = lab.fixture.rows("parked_events").await;
    tally.count("poison parked", parked.len());
    tally.expect(
        parked.len() == 2 && parked.iter().all(|event| event["reason"].is_string()),
        || format!("{case}: parked {parked:?}"),
    );
    let dead = mapping.waiting(&mapping.dead).await?;
    tally.expect(dead == 0, || format!("{case}: {dead} died"));
    let workspaces = lab
        .fixture
        .sql
        .query("select workspace_id from provisioning_orders", &[])
        .await?;
    tally.expect(workspaces.len() == 2, || {
        format!("{case}: {} orders", workspaces.len())
    });
    for row in workspaces {
        check::workspace_has(&lab, tally, case, row.get(0), 1).await?;
    }
    Ok(())
}

/// Postgres is away for longer than the queue has patience: the records die, and an operator sends them back.
async fn dead_letters(programs: &Programs, tally: &Tally) -> Result<(), Broken> {
    let case = "an outage longer than the queue's patience";
    let lab = Lab::open(programs).await?;
    let mut mapping = Mapping::open(&lab, "outage").await?;
    let provision = lab.start("provision-trigger", Way::Proxied).await?;
    let orders: Vec<(Uuid, Value)> = (0..3).map(|_| order()).collect();
    for (_, event) in &orders {
        mapping.aws.send(&mapping.queue, &event.to_string()).await?;
    }
    lab.database.refuse(true).await?;
    mapping.until_empty(&provision).await?;
    let dead = mapping.waiting(&mapping.dead).await?;
    tally.expect(dead == 3, || format!("{case}: {dead} of 3 died"));
    tally.expect(
        mapping.deliveries.values().all(|times| *times == RECEIVES_MAX),
        || format!("{case}: deliveries {:?}", mapping.deliveries),
    );
    lab.database.refuse(false).await?;
    let redriven = mapping.redrive().await?;
    tally.count("dead letters sent back and done", redriven);
    mapping.until_empty(&provision).await?;
    for (workspace, _) in orders {
        check::workspace_has(&lab, tally, case, workspace, 1).await?;
    }
    let left = mapping.waiting(&mapping.dead).await?;
    tally.expect(left == 0, || format!("{case}: {left} died again"));
    Ok(())
}

/// A replay dies over its batch, and another one takes it before the first has ended: nothing is lost, nothing is stored twice.
async fn killed_replays(programs: &Programs, tally: &Tally) -> Result<(), Broken> {
    let case = "a replay that is killed over its batch";
    let mut lab = Lab::open(programs).await?;
    let mut mapping = Mapping::open(&lab, "spool").await?;
    lab.fixture.set("SPOOL_QUEUE_URL", &mapping.queue);
    let webhook = lab.start("sms-webhook", Way::Proxied).await?;
    lab.database.refuse(true).await?;
    let sids: Vec<String> = (0..8).map(|_| sid("QUE")).collect();
    for sid in &sids {
        let answer = ask(&webhook, lab.message_from(CUSTOMER, sid, "Hello?")).await;
        tally.expect(answer.status == 200, || {
            format!("{case}: answered {}", answer.status)
        });
        tally.answered(case, answer.took);
    }
    lab.database.refuse(false).await?;
    mapping.aws.send(&mapping.queue, "no spooled webhook").await?;
    // killed while its statements are under way
    let doomed = lab.start("spool-replay", Way::Proxied).await?;
    lab.database.delay(Duration::from_millis(150));
    let kill = async {
        tokio::time::sleep(Duration::from_millis(400)).await;
        doomed.kill();
    };
    let (polled, ()) = tokio::join!(mapping.poll(&doomed), kill);
    tally.expect(polled? > 0, || format!("{case}: nothing was delivered"));
    lab.database.delay(Duration::ZERO);
    // hidden meanwhile: nobody else gets it
    let replay = lab.start("spool-replay", Way::Direct).await?;
    mapping.until_empty(&replay).await?;
    tally.expect(mapping.deliveries.values().all(|times| *times >= 2), || {
        format!("{case}: deliveries {:?}", mapping.deliveries)
    });
    tally.count(
        "queue messages delivered",
        mapping.deliveries.values().sum::<u32>() as usize,
    );
    let parked = lab.fixture.count("parked_events").await;
    tally.count("poison parked", usize::try_from(parked)?);
    tally.expect(parked == 1, || format!("{case}: {parked} parked"));
    check::messages_are_stored(&lab, tally, case, &sids).await?;
    check::conversations_agree(&lab, tally, case).await
}
