//! What if a query forgets to ask for its workspace? Every function is made again without its filters, and called.

use common::store::STATEMENTS;
use devstack::access::Access;
use uuid::Uuid;

use crate::support::{Tenant, Town};

/// A body without its comparisons of workspaces; `None` when it has none.
fn without_filters(source: &str) -> Option<String> {
    let word = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '.';
    let mut kept = String::new();
    let mut rest = source;
    let mut removed = false;
    while let Some(at) = rest.find(" = ") {
        let left = rest[..at].rfind(|c| !word(c)).map_or(0, |before| {
            before + rest[before..].chars().next().map_or(1, char::len_utf8)
        });
        // `(p_message).workspace_id` is a name as well
        let start = match rest[at + 3..].find(')') {
            Some(end) if rest[at + 3..].starts_with('(') => at + 3 + end + 1,
            _ => at + 3,
        };
        let right_end = rest[start..]
            .find(|c| !word(c))
            .map_or(rest.len(), |end| start + end);
        let (name, value) = (&rest[left..at], &rest[at + 3..right_end]);
        let column = name.rsplit('.').next().unwrap_or_default();
        let is_filter = (column == "workspace_id" && value != "acting_for")
            || (column == "id" && ["p_workspace", "m.workspace_id", "c.workspace_id"].contains(&value));
        // an assignment is no comparison
        let assigns = rest[..left].trim_end().ends_with("set") || rest[..left].trim_end().ends_with("now(),");
        if is_filter && !assigns {
            kept.push_str(&rest[..left]);
            kept.push_str("true");
            removed = true;
        } else {
            kept.push_str(&rest[..right_end]);
        }
        rest = &rest[right_end..];
    }
    kept.push_str(rest);
    removed.then_some(kept)
}

/// Makes every function that works for one workspace forget to ask for it; gives how many did ask.
async fn forget(town: &Town) -> Vec<String> {
    let ask = "select p.proname::text, pg_get_functiondef(p.oid), p.prosrc
               from pg_proc p left join function_access a on a.name = p.proname
               where p.pronamespace = 'public'::regnamespace and p.prokind = 'f' and a.works_as is distinct from 'system'";
    let mut forgetful = Vec::new();
    for row in town.fixture.sql.query(ask, &[]).await.unwrap() {
        let (name, definition, source): (String, String, String) = (row.get(0), row.get(1), row.get(2));
        if let Some(changed) = without_filters(&source) {
            town.fixture
                .sql
                .batch_execute(&definition.replace(&source, &changed))
                .await
                .unwrap_or_else(|error| panic!("{name}: {error:?}\n{changed}"));
            forgetful.push(name);
        }
    }
    forgetful
}

#[test]
fn filters_are_found() {
    for (source, expected) in [
        (
            "where k.workspace_id = c.workspace_id and x = 1",
            "where true and x = 1",
        ),
        ("where id = p_workspace and is_active", "where true and is_active"),
        (
            "where m.id = p_id and m.workspace_id = p_workspace;",
            "where m.id = p_id and true;",
        ),
        (
            "where external_id = p_sid and workspace_id = found_row.workspace_id) then",
            "where external_id = p_sid and true) then",
        ),
    ] {
        assert_eq!(without_filters(source).as_deref(), Some(expected));
    }
    assert_eq!(
        without_filters("set adopted_at = now(), workspace_id = acting_for() where id = p_id"),
        None
    );
}

/// Everything that acts for Acme, and what names Bolt's things in Acme's name.
async fn everything_for_acme(town: &Town) -> Vec<String> {
    let (acme, bolt) = (town.acme, town.bolt);
    let sms = town.sms_webhook().await;
    for (sid, body) in [
        ("sid-of-both", "Hello"),
        ("SM2", "STOP"),
        ("SM3", "START"),
        ("SM4", "yes"),
    ] {
        town.receive(&sms, acme, sid, body).await;
    }
    let send = town.outbound_send().await;
    let mut answers = Vec::new();
    for key in ["key-of-both", "another", "another"] {
        let (_, answer) = town.send(&send, acme, key, "We write").await;
        answers.push(answer.to_string());
    }
    // with a token of Acme's, in Bolt's name
    let stranger = Tenant {
        organization: acme.organization,
        ..bolt
    };
    let (status, answer) = town.send(&send, stranger, "foreign", "We pretend").await;
    assert_eq!(
        (status, answer["code"].as_str()),
        (404, Some("unknown_workspace"))
    );
    answers.extend(raw_calls(town, acme, bolt).await);
    answers
}

/// The functions of the database themselves, in Acme's name and with Bolt's ids.
async fn raw_calls(town: &Town, acme: Tenant, bolt: Tenant) -> Vec<String> {
    // the owner may call what anybody may
    let sql = town.connect(town.fixture.database.url()).await;
    let ids = |ask: &'static str| async move {
        let row = town.fixture.sql.query_one(ask, &[&bolt.id]).await.unwrap();
        row.get::<_, Uuid>(0)
    };
    let order = ids("select id from provisioning_orders where workspace_id = $1").await;
    let message =
        ids("select id from conversation_messages where workspace_id = $1 order by created_at limit 1").await;
    let key = ids("select id from api_keys where workspace_id = $1").await;
    let a = acme.id;
    let mut answers = Vec::new();
    for call in [
        format!(
            "finish_outbound('{message}', '{a}', 'key-of-both', 'stolen', 'sent', null, null, 1, 1, true, '{{}}')"
        ),
        format!(
            "finish_outbound('{message}', '{a}', 'key-of-both', null, 'failed', '1', 'x', 1, 1, false, '{{}}')"
        ),
        format!("retry_order('{order}', '{a}')"),
        format!("request_release('{a}', '{}')", bolt.number_id),
        format!(
            "request_number('{a}', 'Acme', 'org_bolt', 'org_acme', 'professional', now(), 'event-of-both', '405', 'custom', 'x', gen_random_uuid())"
        ),
        format!(
            "apply_workspace_event('event-of-both-1', 'workspace.plan_changed', '{a}', 'Acme', 'org_bolt', 'org_acme', 'starter', null, '405', now(), 30, gen_random_uuid())"
        ),
        format!(
            "apply_workspace_event('event-of-both-2', 'workspace.plan_changed', '{a}', 'Acme', null, 'org_acme', 'professional', null, '405', now(), 30, gen_random_uuid())"
        ),
        format!(
            "apply_workspace_event('event-of-both-3', 'workspace.deleted', '{a}', 'Acme', null, 'org_acme', 'starter', null, '405', now(), 30, gen_random_uuid())"
        ),
        format!("revoke_api_key('{a}', '{key}')"),
        format!("list_api_keys('{a}')"),
    ] {
        let rows = sql
            .query(
                &format!("select to_jsonb(t)::text from (select {call} as t) t"),
                &[],
            )
            .await;
        match rows {
            Ok(rows) => answers.extend(
                rows.iter()
                    .map(|row| row.get::<_, Option<String>>(0).unwrap_or_default()),
            ),
            // somebody else's order or number is not there
            Err(error) => {
                let code = error.code().map(|code| code.code().to_owned());
                assert_eq!(code.as_deref(), Some("RS404"), "{call}: {error:?}");
            }
        }
    }
    answers
}

#[tokio::test]
async fn a_query_that_forgets_to_ask_sees_and_touches_nothing_foreign() {
    let town = Town::furnished().await;
    let forgetful = forget(&town).await;
    assert!(forgetful.len() >= 12, "{forgetful:?}");
    let acted = |name: &&String| STATEMENTS.iter().any(|text| text.contains(&format!(" {name}(")));
    assert!(forgetful.iter().filter(acted).count() >= 6, "{forgetful:?}");
    let before = town.belongings(town.bolt).await;
    assert!(before.len() >= 14);
    let answers = everything_for_acme(&town).await;
    assert_eq!(town.belongings(town.bolt).await, before);
    for answer in &answers {
        for foreign in [
            town.bolt.id.to_string(),
            town.bolt.number_id.to_string(),
            town.bolt.number.to_owned(),
            "Bolt".to_owned(),
            "sent by org_bolt".to_owned(),
        ] {
            assert!(!answer.contains(&foreign), "{foreign} in {answer}");
        }
    }
    // and it did work: Acme's own things have moved
    let own = town.belongings(town.acme).await;
    assert!(own.iter().any(|row| row.contains("We write")) && own.iter().any(|row| row.contains("STOP")));
}

/// The test above would find something: without row-level security the same functions reach into the other workspace.
#[tokio::test]
async fn without_row_level_security_they_would() {
    let town = Town::furnished().await;
    forget(&town).await;
    let before = town.belongings(town.bolt).await;
    for (table, _) in crate::support::tenant_tables(&town.fixture.sql).await {
        town.fixture
            .sql
            .batch_execute(&format!("alter table {table} disable row level security"))
            .await
            .unwrap();
    }
    let sql = town
        .connect(&Access::Functions.url(town.fixture.database.url()))
        .await;
    let suspend = format!(
        "select apply_workspace_event('event-of-both-4', 'workspace.deleted', '{}', 'Acme', null, 'org_acme', 'starter', null, '405', now(), 30, gen_random_uuid())",
        town.acme.id
    );
    sql.batch_execute(&suspend).await.unwrap();
    assert_ne!(town.belongings(town.bolt).await, before);
}
