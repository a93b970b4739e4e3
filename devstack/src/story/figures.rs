//! What stands at the end: counts, and the three queries of the deployment guide, verbatim.

use super::failed::Failed;
use super::healing::NOWHERE;
use super::stage::Stage;

/// "Key Metrics to Track", to the letter.
const GUIDE: [(&str, &str); 3] = [
    (
        "Provisioning success rate",
        "SELECT 
     COUNT(*) as total_pro_enterprise,
     COUNT(wpn.id) as with_numbers,
     (COUNT(wpn.id)::float / COUNT(*) * 100) as success_rate
   FROM workspaces w
   LEFT JOIN workspace_phone_numbers wpn ON w.id = wpn.workspace_id
   WHERE w.subscription_tier IN ('professional', 'enterprise');",
    ),
    (
        "Phone number utilization",
        "SELECT 
     status,
     COUNT(*) as count,
     SUM(monthly_cost_cents) / 100.0 as monthly_cost
   FROM workspace_phone_numbers
   GROUP BY status;",
    ),
    (
        "Messages received per workspace (last 30 days)",
        "SELECT 
     w.name,
     COUNT(*) as message_count
   FROM conversation_messages cm
   JOIN workspaces w ON cm.workspace_id = w.id
   WHERE cm.direction = 'inbound'
     AND cm.created_at > NOW() - INTERVAL '30 days'
   GROUP BY w.name
   ORDER BY message_count DESC;",
    ),
];

/// What is counted: a name, and where.
const COUNTED: [(&str, &str); 12] = [
    ("workspaces", "workspaces"),
    ("numbers", "workspace_phone_numbers"),
    ("orders", "provisioning_orders"),
    ("contacts", "contacts"),
    ("conversations", "conversations"),
    ("messages in", "conversation_messages where direction = 'inbound'"),
    (
        "messages out",
        "conversation_messages where direction = 'outbound'",
    ),
    ("status reports", "status_reports"),
    ("consent changes", "opt_out_changes"),
    ("unrouted", "unrouted_messages"),
    ("runs of the reconciler", "reconciler_runs"),
    (
        "parked",
        "(select 1 from parked_reports where adopted_at is null union all select 1 from parked_events) as parked",
    ),
];

/// What waits for a row that never came, and what no retry cured.
const PARKED: &str =
    "select kind, external_id, report::text as content from parked_reports where adopted_at is null
                      union all select reason, record_id, body from parked_events";

/// Counts by name: the same however often everything was delivered.
pub type Counts = Vec<(&'static str, i64)>;

/// Counts, prints, and makes sure that nothing was left lying.
pub(super) async fn print(stage: &mut Stage<'_>) -> Result<Counts, Failed> {
    stage.step("What stands at the end");
    stage.stack.settle().await;
    let mut counts = Counts::new();
    for (name, from) in COUNTED {
        counts.push((name, stage.count(from).await?));
    }
    let ledger = stage.stack.simulator().ledger();
    let first = |sent: bool| {
        ledger
            .messages
            .iter()
            .filter(move |message| (message.direction != "inbound") == sent)
    };
    counts.push(("at the carrier: numbers", count(ledger.numbers.len())));
    counts.push(("at the carrier: messages in", count(first(false).count())));
    counts.push(("at the carrier: messages out", count(first(true).count())));
    counts.push(("at the carrier: calls and legs", count(ledger.calls.len())));
    for (name, count) in &counts {
        stage.line(&format!("      {name:<31} {count:>3}"));
    }
    for (name, sql) in GUIDE {
        stage.line("");
        stage.show(&format!("the guide's query \"{name}\""), sql).await?;
    }
    stage.line("");
    stage
        .show(
            "the view provisioning_success",
            "select * from provisioning_success",
        )
        .await?;

    let refused: Vec<String> = ledger
        .exchanges
        .iter()
        .filter(|exchange| !exchange.url.starts_with(NOWHERE))
        .filter_map(|exchange| {
            Some(format!(
                "{:?} {}: {}",
                exchange.kind, exchange.url, exchange.error?
            ))
        })
        .collect();
    stage.same("webhooks that went wrong", "[]", format!("{refused:?}"))?;
    stage.same("the carrier's warnings", "[]", format!("{:?}", ledger.warnings))?;
    let dead: Vec<String> = stage
        .stack
        .dead_letters()
        .into_iter()
        .map(|letter| letter.body)
        .collect();
    stage.same("dead letters", "[]", format!("{dead:?}"))?;
    let parked = stage.rows(PARKED).await?;
    stage.same("parked reports and events", "", parked.lines()[1..].join("; "))?;
    stage.tick(format!(
        "{} webhooks delivered, none that reached us refused; no dead letter, nothing parked, no complaint of the carrier",
        ledger.exchanges.len()
    ));
    Ok(counts)
}

fn count(n: usize) -> i64 {
    i64::try_from(n).unwrap_or(i64::MAX)
}
