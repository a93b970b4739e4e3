//! What operators and the guide count on.

use crate::support::{database, rows};
use tokio_postgres::Client;

const WORKSPACE: &str = "0192f0c1-0000-7000-8000-000000000001";

async fn columns(sql: &Client, table: &str) -> Vec<String> {
    rows(sql, &format!("select attname from pg_attribute where attrelid = '{table}'::regclass and attnum > 0 and not attisdropped order by attnum")).await
}

#[tokio::test]
async fn workspace_phone_numbers_has_sixteen_columns_four_indexes_and_its_foreign_key() {
    let database = database().await;
    let sql = database.client().await;
    assert_eq!(
        columns(&sql, "workspace_phone_numbers").await,
        [
            "id",
            "workspace_id",
            "phone_number",
            "phone_number_sid",
            "friendly_name",
            "capabilities",
            "voice_url",
            "sms_url",
            "status_callback_url",
            "status",
            "number_type",
            "monthly_cost_cents",
            "provisioned_at",
            "released_at",
            "created_at",
            "updated_at",
        ]
    );
    let indexes = "select i.indisunique, pg_get_indexdef(i.indexrelid, 1, true), i.indnatts, coalesce(pg_get_expr(i.indpred, i.indrelid), 'all')
                   from pg_index i where i.indrelid = 'workspace_phone_numbers'::regclass and not i.indisprimary order by 2";
    assert_eq!(
        rows(&sql, indexes).await,
        [
            "f | number_type | 1 | all",
            "t | phone_number | 1 | (status <> 'released'::text)",
            "f | status | 1 | all",
            "f | workspace_id | 1 | all",
        ]
    );
    let keys = "select contype, pg_get_constraintdef(oid) from pg_constraint where conrelid = 'workspace_phone_numbers'::regclass and contype in ('p', 'f') order by 1";
    assert_eq!(
        rows(&sql, keys).await,
        [
            "f | FOREIGN KEY (workspace_id) REFERENCES workspaces(id)",
            "p | PRIMARY KEY (id)"
        ]
    );
    let jsonb = "select data_type from information_schema.columns where table_name = 'workspace_phone_numbers' and column_name = 'capabilities'";
    assert_eq!(rows(&sql, jsonb).await, ["jsonb"]);
}

#[tokio::test]
async fn the_columns_of_the_other_tables_are_there() {
    let database = database().await;
    let sql = database.client().await;
    for (table, expected) in [
        (
            "workspaces",
            "id name slug clerk_organization_id subscription_tier preferred_area_code number_limit is_active created_at updated_at",
        ),
        ("contacts", "id workspace_id first_name last_name email phone"),
        (
            "conversations",
            "id workspace_id channel status phone_number_id business_phone customer_phone contact_id subject snippet is_unread unread_count message_count last_message_at",
        ),
        (
            "conversation_messages",
            "id workspace_id conversation_id direction body sender_phone recipient_phone external_id status error_code segments attachments \
             call_duration call_recording_url call_transcription price created_at delivered_at",
        ),
        (
            "voice_settings",
            "phone_number_id forward_to business_hours time_zone greeting missed_call_text",
        ),
        (
            "provisioning_orders",
            "id workspace_id state reason attempts next_attempt_at phone_number number_type created_at updated_at",
        ),
        (
            "phone_number_readiness",
            "phone_number_id messaging_readiness reason updated_at",
        ),
        (
            "opt_outs",
            "workspace_id business_phone customer_phone opted_out word message_sid changed_at",
        ),
        ("unrouted_messages", "id"),
    ] {
        let columns = columns(&sql, table).await;
        for column in expected.split_whitespace() {
            assert!(columns.iter().any(|known| known == column), "{table}.{column}");
        }
    }
    for (column, kind) in [
        ("workspaces.id", "uuid"),
        ("voice_settings.forward_to", "text[]"),
        ("voice_settings.business_hours", "jsonb"),
        ("conversation_messages.attachments", "jsonb"),
    ] {
        let (table, column) = column.split_once('.').unwrap();
        let ask = format!(
            "select format_type(atttypid, atttypmod) from pg_attribute where attrelid = '{table}'::regclass and attname = '{column}'"
        );
        assert_eq!(rows(&sql, &ask).await, [kind], "{table}.{column}");
    }
}

/// Which values a statement with `{}` in it takes.
async fn check(sql: &Client, statement: &str, good: &[&str], bad: &[&str]) {
    for (values, expected) in [(good, None), (bad, Some("23514"))] {
        for value in values {
            let result = sql
                .batch_execute(&format!("begin; {}", statement.replace("{}", value)))
                .await;
            let code = result.err().map(|error| {
                error
                    .code()
                    .map(|code| code.code().to_owned())
                    .unwrap_or_default()
            });
            sql.batch_execute("rollback").await.expect("a transaction ends");
            assert_eq!(code.as_deref(), expected, "{value:?} in {statement}");
        }
    }
}

#[tokio::test]
async fn words_that_are_not_in_the_contract_are_refused() {
    let database = database().await;
    let sql = database.superuser_client().await;
    sql.batch_execute(&format!(
        "insert into workspaces (id, name) values ('{WORKSPACE}', 'Acme')"
    ))
    .await
    .unwrap();
    let number = |column: &str, value: &str| {
        format!(
            "insert into workspace_phone_numbers (workspace_id, phone_number, {column}) values ('{WORKSPACE}', '+14055550123', '{value}')"
        )
    };
    check(
        &sql,
        &number("status", "{}"),
        &["active", "suspended", "released"],
        &["", "Active", "deleted"],
    )
    .await;
    check(
        &sql,
        &number("number_type", "{}"),
        &["primary", "sales", "support", "custom"],
        &["", "fax"],
    )
    .await;
    let numbers = format!(
        "insert into workspace_phone_numbers (workspace_id, phone_number) values ('{WORKSPACE}', '{{}}')"
    );
    check(
        &sql,
        &numbers,
        &["+14055550123", "+442079460958"],
        &["4055550123", "+0123456789", "+1 405 555 0123", ""],
    )
    .await;
    check(
        &sql,
        "insert into workspaces (name, subscription_tier) values ('x', '{}')",
        &["starter", "professional", "enterprise"],
        &["free", "pro", ""],
    )
    .await;
    let conversation = |column: &str| {
        let given = if column == "channel" {
            "'{}', 'active'"
        } else {
            "'sms', '{}'"
        };
        format!(
            "insert into conversations (workspace_id, business_phone, customer_phone, channel, status) values ('{WORKSPACE}', 'a', 'b', {given})"
        )
    };
    check(
        &sql,
        &conversation("channel"),
        &["sms", "whatsapp", "call"],
        &["email", "SMS"],
    )
    .await;
    check(
        &sql,
        &conversation("status"),
        &["active", "archived", "closed", "spam"],
        &["open", ""],
    )
    .await;
    let message = |values: &str| {
        format!(
            "with c as (insert into conversations (workspace_id, business_phone, customer_phone, channel) values ('{WORKSPACE}', 'a', 'b', 'sms') returning id)
             insert into conversation_messages (workspace_id, conversation_id, sender_phone, recipient_phone, direction, status) select '{WORKSPACE}', id, 'a', 'b', {values} from c"
        )
    };
    // the foreign key is looked at when the statement ends, so one statement can write both
    let statuses = [
        "queued",
        "sending",
        "sent",
        "failed",
        "undelivered",
        "delivered",
        "read",
        "received",
        "unknown",
        "ringing",
        "in-progress",
        "completed",
        "busy",
        "no-answer",
        "canceled",
    ];
    check(
        &sql,
        &message("'inbound', '{}'"),
        &statuses,
        &["", "answered", "initiated"],
    )
    .await;
    check(
        &sql,
        &message("'{}', 'sent'"),
        &["inbound", "outbound"],
        &["in", ""],
    )
    .await;
}

#[tokio::test]
async fn a_number_is_live_once_and_can_come_back_after_its_release() {
    let database = database().await;
    let sql = database.superuser_client().await;
    sql.batch_execute(&format!(
        "insert into workspaces (id, name) values ('{WORKSPACE}', 'Acme')"
    ))
    .await
    .unwrap();
    let insert = |status: &str| {
        format!(
            "insert into workspace_phone_numbers (workspace_id, phone_number, status) values ('{WORKSPACE}', '+14055550123', '{status}')"
        )
    };
    for status in ["released", "released", "suspended"] {
        sql.batch_execute(&insert(status)).await.unwrap();
    }
    let error = sql.batch_execute(&insert("active")).await.unwrap_err();
    assert_eq!(error.code().map(|code| code.code()), Some("23505"));
    let nobody = "insert into workspace_phone_numbers (workspace_id, phone_number) values (gen_random_uuid(), '+14055550124')";
    assert_eq!(
        sql.batch_execute(nobody)
            .await
            .unwrap_err()
            .code()
            .map(|code| code.code()),
        Some("23503")
    );
}

#[tokio::test]
async fn slug_and_clerk_organization_are_unique() {
    let database = database().await;
    let sql = database.superuser_client().await;
    sql.batch_execute(
        "insert into workspaces (name, slug, clerk_organization_id) values ('A', 'a', 'org_1')",
    )
    .await
    .unwrap();
    for again in ["('B', 'a', 'org_2')", "('B', 'b', 'org_1')"] {
        let error = sql
            .batch_execute(&format!(
                "insert into workspaces (name, slug, clerk_organization_id) values {again}"
            ))
            .await
            .unwrap_err();
        assert_eq!(error.code().map(|code| code.code()), Some("23505"), "{again}");
    }
    sql.batch_execute("insert into workspaces (name) values ('B'), ('C')")
        .await
        .unwrap();
}
