//! 1,000 workspaces with 1,000 messages each: what an answer costs does not grow with the others.

use crate::support::{Ask, Office};
use serde_json::{Value, json};

/// 8 kB each. A scan of the messages alone would be some 20,000.
const BLOCKS_MAX: i64 = 600;

const FILL: &str = "
    insert into workspaces (id, name, slug, clerk_organization_id, subscription_tier)
    select md5('w' || w)::uuid, 'w' || w, 'w' || w, 'org_w' || w, 'enterprise' from generate_series(1, 999) w;
    insert into workspace_phone_numbers (id, workspace_id, phone_number, number_type)
    select md5('n' || w)::uuid, md5('w' || w)::uuid, '+1405' || (5000000 + w), 'primary' from generate_series(1, 999) w;
";

#[tokio::test]
async fn answers_cost_the_same_among_a_thousand() {
    let office = Office::open().await;
    let sql = &office.fixture.sql;
    // what follows a message elsewhere is not what is measured here; indexes are made faster at once than row by row
    sql.batch_execute("set session_replication_role = replica; set maintenance_work_mem = '512MB'")
        .await
        .unwrap();
    let indexes = "select string_agg(format('drop index %s', i.indexrelid::regclass), ';'), string_agg(pg_get_indexdef(i.indexrelid), ';')
                   from pg_index i left join pg_constraint c on c.conindid = i.indexrelid
                   where i.indrelid = 'conversation_messages'::regclass and c.oid is null";
    let indexes = sql.query_one(indexes, &[]).await.unwrap();
    sql.batch_execute(indexes.get(0)).await.unwrap();
    sql.batch_execute(FILL).await.unwrap();
    // fifty customers each, every one with twenty messages
    sql.batch_execute(
        "insert into contacts (workspace_id, first_name, phone)
         select w.id, 'Customer ' || c, '+1415' || (5550000 + c) from workspaces w, generate_series(1, 50) c;
         insert into conversations (id, workspace_id, phone_number_id, business_phone, customer_phone, channel, message_count, last_message_at)
         select md5(w.id::text || c)::uuid, w.id, n.id, n.phone_number, '+1415' || (5550000 + c), 'sms', 20, now() - make_interval(mins => c)
         from workspaces w join workspace_phone_numbers n on n.workspace_id = w.id, generate_series(1, 50) c;
         insert into conversation_messages (id, workspace_id, conversation_id, direction, body, sender_phone, recipient_phone, status, created_at)
         select lpad(to_hex(row_number() over ()), 32, '0')::uuid, c.workspace_id, c.id, 'inbound', 'words ' || m, c.customer_phone, c.business_phone, 'received',
                c.last_message_at - make_interval(mins => m)
         from conversations c, generate_series(1, 20) m;
         set session_replication_role = default",
    )
    .await
    .unwrap();
    sql.batch_execute(indexes.get(1)).await.unwrap();
    sql.batch_execute(
        "analyze workspaces, workspace_phone_numbers, contacts, conversations, conversation_messages",
    )
    .await
    .unwrap();
    assert_eq!(
        office.fixture.count("conversation_messages").await,
        999 * 1000 + 1000
    );
    let thread = format!("md5('{}' || 7)::uuid", office.workspace);
    let message = format!("(select id from conversation_messages where conversation_id = {thread} limit 1)");
    let page = "'limit', 50, 'after', null";
    for (function, arguments) in [
        ("api_list_phone_numbers", format!("jsonb_build_object({page})")),
        ("api_list_conversations", format!("jsonb_build_object({page})")),
        ("api_list_conversations", format!("jsonb_build_object({page}, 'unread', false, 'channel', 'sms', 'numberType', 'primary')")),
        ("api_list_conversations", "jsonb_build_object('limit', 10, 'after', jsonb_build_array(now() - interval '20 minutes', gen_random_uuid()))".to_owned()),
        ("api_list_conversations", format!("jsonb_build_object({page}, 'q', 'Customer 3')")),
        ("api_list_conversations", format!("jsonb_build_object({page}, 'q', 'no such words')")),
        ("api_get_conversation", format!("jsonb_build_object('conversationId', {thread})")),
        ("api_update_conversation", format!("jsonb_build_object('conversationId', {thread}, 'isUnread', false)")),
        ("api_list_messages", format!("jsonb_build_object({page}, 'conversationId', {thread})")),
        ("api_get_message", format!("jsonb_build_object('messageId', {message})")),
        ("api_trace_message", format!("jsonb_build_object('messageId', {message})")),
        ("api_get_customer", "jsonb_build_object('customerPhone', '+14155550007')".to_owned()),
        ("api_list_customer_messages", format!("jsonb_build_object({page}, 'customerPhone', '+14155550007')")),
        ("api_list_contacts", format!("jsonb_build_object({page}, 'q', 'Customer')")),
        ("api_list_orders", format!("jsonb_build_object({page})")),
    ] {
        let call = format!("{function}('{}', 'org_1', null, 'conversations:read', {arguments})", office.workspace);
        let answer: Value = sql.query_one(&format!("select {call}"), &[]).await.unwrap().get(0);
        assert!(answer.get("body").is_some(), "{function}: {answer}");
        // once more, since the first call also reads the catalogue
        let plan: Value = sql.query_one(&format!("explain (analyze, buffers, format json) select {call}"), &[]).await.unwrap().get(0);
        let plan = &plan[0]["Plan"];
        let blocks = plan["Shared Hit Blocks"].as_i64().unwrap() + plan["Shared Read Blocks"].as_i64().unwrap();
        // a search reads what this workspace ever heard, and no more
        let most = if arguments.contains("'q'") { 4000 } else { BLOCKS_MAX };
        assert!(blocks <= most, "{function} {arguments}: {blocks} blocks");
    }
    let (status, body) = office.ask(Ask::get("conversations?limit=2")).await;
    assert_eq!(
        (status, body["items"].as_array().map(Vec::len)),
        (200, Some(2)),
        "{body}"
    );
    assert_ne!(body["nextCursor"], json!(null));
}
