//! Who may do what, as the database decides it.

use crate::support::{database, rows};
use tokio_postgres::Client;

const ONE: &str = "00000000-0000-7000-8000-000000000001";
const TWO: &str = "00000000-0000-7000-8000-000000000002";
const NOBODY: &str = "00000000-0000-7000-8000-00000000000f";

async fn prepare(sql: &Client) {
    sql.batch_execute(&format!(
        "insert into workspaces (id, name, clerk_organization_id) values ('{ONE}', 'One', 'org_1'), ('{TWO}', 'Two', 'org_2');
         select create_api_key('{ONE}', gen_random_uuid(), sha256('one'), 'rsk_one', 'one', '{{numbers:read,usage:read}}');
         select create_api_key('{TWO}', gen_random_uuid(), sha256('gone'), 'rsk_gone', 'gone', '{{numbers:read}}');
         update api_keys set revoked_at = now() where prefix = 'rsk_gone';
         select create_api_key(null, gen_random_uuid(), sha256('ops'), 'rsk_ops', 'ops', '{{numbers:read,platform:read}}');"
    ))
    .await
    .expect("the schema takes them");
}

#[tokio::test]
async fn one_function_decides_for_every_route() {
    let database = database().await;
    let sql = database.superuser_client().await;
    prepare(&sql).await;
    let key = |text: &str| format!("null, sha256('{text}')");
    let workspace = |id: &str| format!("'{id}'");
    let owner = |text: &str| format!("'{text}', null");
    for (asked, caller, scope, expected) in [
        // members: their own workspace and no other
        (workspace(ONE), owner("org_1"), "numbers:read", "- | One | org_1"),
        (
            workspace(TWO),
            owner("org_1"),
            "numbers:read",
            "unknown_workspace | - | -",
        ),
        (
            workspace(NOBODY),
            owner("org_1"),
            "numbers:read",
            "unknown_workspace | - | -",
        ),
        (
            "null".into(),
            owner("org_1"),
            "platform:read",
            "forbidden | - | -",
        ),
        // keys: their own workspace, their scopes
        (
            workspace(ONE),
            key("one"),
            "numbers:read",
            "- | One | key rsk_one",
        ),
        (workspace(ONE), key("one"), "usage:read", "- | One | key rsk_one"),
        (workspace(ONE), key("one"), "messages:write", "forbidden | - | -"),
        (workspace(TWO), key("one"), "messages:write", "forbidden | - | -"),
        (
            workspace(TWO),
            key("one"),
            "numbers:read",
            "unknown_workspace | - | -",
        ),
        (
            workspace(NOBODY),
            key("one"),
            "numbers:read",
            "unknown_workspace | - | -",
        ),
        ("null".into(), key("one"), "numbers:read", "forbidden | - | -"),
        // operators' keys: every workspace, and the platform
        (
            workspace(TWO),
            key("ops"),
            "numbers:read",
            "- | Two | key rsk_ops",
        ),
        (
            workspace(NOBODY),
            key("ops"),
            "numbers:read",
            "unknown_workspace | - | -",
        ),
        ("null".into(), key("ops"), "platform:read", "- | - | key rsk_ops"),
        (workspace(TWO), key("ops"), "messages:write", "forbidden | - | -"),
        // nobody
        (
            workspace(TWO),
            key("gone"),
            "numbers:read",
            "unauthorized | - | -",
        ),
        (
            workspace(ONE),
            key("never"),
            "numbers:read",
            "unauthorized | - | -",
        ),
        (
            workspace(ONE),
            "null, null".into(),
            "numbers:read",
            "unauthorized | - | -",
        ),
        (
            "null".into(),
            "null, null".into(),
            "platform:read",
            "unauthorized | - | -",
        ),
    ] {
        let ask =
            format!("select refusal, (tenant).name, actor from authorise({asked}, {caller}, '{scope}')");
        assert_eq!(rows(&sql, &ask).await, [expected], "{ask}");
    }
    sql.batch_execute("update workspaces set is_active = false")
        .await
        .unwrap();
    for caller in [owner("org_1"), key("one"), key("ops")] {
        let ask = format!("select refusal from authorise('{ONE}', {caller}, 'numbers:read')");
        assert_eq!(rows(&sql, &ask).await, ["unknown_workspace"], "{ask}");
    }
}

#[tokio::test]
async fn a_refused_caller_acts_for_nobody() {
    let database = database().await;
    let sql = database.superuser_client().await;
    prepare(&sql).await;
    let acting = async |caller: &str| {
        sql.batch_execute("begin").await.unwrap();
        sql.batch_execute(&format!("select authorise('{ONE}', {caller}, 'numbers:read')"))
            .await
            .unwrap();
        let set = rows(&sql, "select current_setting('ringspace.workspace_id', true)").await;
        sql.batch_execute("rollback").await.unwrap();
        set
    };
    assert_eq!(acting("'org_1', null").await, [ONE]);
    assert_eq!(acting("'org_2', null").await, [""]);
    assert_eq!(acting("null, sha256('never')").await, [""]);
}

#[tokio::test]
async fn last_use_is_kept_to_the_minute_and_nobody_waits_for_it() {
    let database = database().await;
    let sql = database.superuser_client().await;
    prepare(&sql).await;
    let used = "select last_used_at from api_keys where prefix = 'rsk_one'";
    let ask = format!("select refusal from authorise('{ONE}', null, sha256('one'), 'numbers:read')");
    assert_eq!(rows(&sql, used).await, ["-"]);
    rows(&sql, &ask).await;
    let first = rows(&sql, used).await;
    assert_ne!(first, ["-"]);
    rows(&sql, &ask).await;
    assert_eq!(rows(&sql, used).await, first);
    sql.batch_execute("update api_keys set last_used_at = now() - interval '61 seconds'")
        .await
        .unwrap();
    let aged = rows(&sql, used).await;
    // somebody else has the row: the caller goes on without
    let other = database.superuser_client().await;
    other
        .batch_execute("begin; select * from api_keys for update")
        .await
        .unwrap();
    assert_eq!(rows(&sql, &ask).await, ["-"]);
    assert_eq!(rows(&sql, used).await, aged);
    other.batch_execute("rollback").await.unwrap();
    rows(&sql, &ask).await;
    assert_ne!(rows(&sql, used).await, aged);
}

#[tokio::test]
async fn scopes_are_words_of_the_contract() {
    let database = database().await;
    let sql = database.superuser_client().await;
    prepare(&sql).await;
    let names = common::domain::Scope::ALL.map(|scope| scope.as_str()).join(",");
    sql.batch_execute(&format!(
        "select create_api_key(null, gen_random_uuid(), sha256('all'), 'rsk_all', 'all', '{{{names}}}')"
    ))
    .await
    .unwrap();
    for (workspace, scopes) in [
        ("null", "{}"),
        ("null", "{everything}"),
        (&*format!("'{ONE}'"), "{platform:read}"),
    ] {
        let made = sql
            .batch_execute(&format!(
                "select create_api_key({workspace}, gen_random_uuid(), sha256('{scopes}'), 'rsk_x', 'x', '{scopes}')"
            ))
            .await;
        assert_eq!(made.unwrap_err().code().unwrap().code(), "23514", "{scopes}");
    }
}
