//! The deployment guide's three queries, word for word, and the views that stand beside them.

use crate::support::{database, rows};

const SUCCESS: &str = "
   -- Count workspaces with vs without numbers
   SELECT 
     COUNT(*) as total_pro_enterprise,
     COUNT(wpn.id) as with_numbers,
     (COUNT(wpn.id)::float / COUNT(*) * 100) as success_rate
   FROM workspaces w
   LEFT JOIN workspace_phone_numbers wpn ON w.id = wpn.workspace_id
   WHERE w.subscription_tier IN ('professional', 'enterprise');
";

const BY_STATUS: &str = "
   -- Numbers by status
   SELECT 
     status,
     COUNT(*) as count,
     SUM(monthly_cost_cents) / 100.0 as monthly_cost
   FROM workspace_phone_numbers
   GROUP BY status;
";

const RECEIVED: &str = "
   -- Messages received per workspace (last 30 days)
   SELECT 
     w.name,
     COUNT(*) as message_count
   FROM conversation_messages cm
   JOIN workspaces w ON cm.workspace_id = w.id
   WHERE cm.direction = 'inbound'
     AND cm.created_at > NOW() - INTERVAL '30 days'
   GROUP BY w.name
   ORDER BY message_count DESC;
";

/// Two Pro workspaces, one with a number; an Enterprise with one; a Starter; a Pro that was deleted comes later.
const SEED: &str = "
    insert into workspaces (id, name, subscription_tier) values
        ('00000000-0000-0000-0000-0000000000a1', 'Acme', 'professional'),
        ('00000000-0000-0000-0000-0000000000a2', 'Bare', 'professional'),
        ('00000000-0000-0000-0000-0000000000a3', 'Clinic', 'enterprise'),
        ('00000000-0000-0000-0000-0000000000a4', 'Dog walker', 'starter');
    insert into workspace_phone_numbers (workspace_id, phone_number, status, monthly_cost_cents) values
        ('00000000-0000-0000-0000-0000000000a1', '+14055550001', 'active', 100),
        ('00000000-0000-0000-0000-0000000000a3', '+14055550003', 'active', 150);
";

#[tokio::test]
async fn provisioning_success() {
    let database = database().await;
    let sql = database.superuser_client().await;
    sql.batch_execute(SEED).await.unwrap();
    assert_eq!(rows(&sql, SUCCESS).await, ["3 | 2 | 66.66666666666666"]);
    let view = "select * from provisioning_success order by subscription_tier";
    assert_eq!(
        rows(&sql, view).await,
        ["enterprise | 1 | 1 | 100.00", "professional | 2 | 1 | 50.00"]
    );

    // a second number is no second workspace, and a released one is no success: the view knows
    sql.batch_execute(
        "insert into workspace_phone_numbers (workspace_id, phone_number, status) values
             ('00000000-0000-0000-0000-0000000000a3', '+14055550004', 'active'),
             ('00000000-0000-0000-0000-0000000000a2', '+14055550005', 'released'),
             ('00000000-0000-0000-0000-0000000000a2', '+14055550006', 'suspended')",
    )
    .await
    .unwrap();
    assert_eq!(rows(&sql, SUCCESS).await, ["5 | 5 | 100"]);
    assert_eq!(
        rows(&sql, view).await,
        ["enterprise | 1 | 1 | 100.00", "professional | 2 | 1 | 50.00"]
    );

    // a deleted workspace is nobody whom we owe a number
    sql.batch_execute("update workspaces set is_active = false where name = 'Bare'")
        .await
        .unwrap();
    assert_eq!(
        rows(&sql, view).await,
        ["enterprise | 1 | 1 | 100.00", "professional | 1 | 1 | 100.00"]
    );
}

#[tokio::test]
async fn numbers_and_their_cost_by_status() {
    let database = database().await;
    let sql = database.superuser_client().await;
    assert!(rows(&sql, BY_STATUS).await.is_empty());
    sql.batch_execute(SEED).await.unwrap();
    sql.batch_execute(
        "insert into workspace_phone_numbers (workspace_id, phone_number, status) values
             ('00000000-0000-0000-0000-0000000000a1', '+14055550007', 'released'),
             ('00000000-0000-0000-0000-0000000000a1', '+14055550007', 'released'),
             ('00000000-0000-0000-0000-0000000000a1', '+14055550008', 'suspended')",
    )
    .await
    .unwrap();
    let mut guide = rows(&sql, BY_STATUS).await;
    guide.sort();
    assert_eq!(
        guide,
        [
            "active | 2 | 2.5000000000000000",
            "released | 2 | 2.0000000000000000",
            "suspended | 1 | 1.00000000000000000000"
        ]
    );
    let view = rows(&sql, "select * from phone_number_costs order by status").await;
    assert_eq!(
        view,
        ["active | 2 | 2.50", "released | 2 | 0.00", "suspended | 1 | 1.00"]
    );
}

#[tokio::test]
async fn messages_received_in_thirty_days() {
    let database = database().await;
    let sql = database.superuser_client().await;
    assert!(rows(&sql, RECEIVED).await.is_empty());
    sql.batch_execute(SEED).await.unwrap();
    sql.batch_execute(
        "insert into workspaces (id, name) values ('00000000-0000-0000-0000-0000000000a5', 'Acme');
         insert into conversations (workspace_id, channel, business_phone, customer_phone) select id, 'sms', '+14055550001', '+14155550101' from workspaces;
         insert into conversation_messages (workspace_id, conversation_id, direction, status, sender_phone, recipient_phone, created_at)
         select c.workspace_id, c.id, m.direction, 'received', '+14155550101', '+14055550001', now() - m.age
         from conversations c join workspaces w on w.id = c.workspace_id
         join (values ('a1', 'inbound', interval '1 minute'), ('a1', 'inbound', interval '29 days'), ('a1', 'inbound', interval '31 days'),
                      ('a1', 'outbound', interval '1 day'), ('a3', 'inbound', interval '2 days'), ('a5', 'inbound', interval '3 days')) as m (id, direction, age)
           on w.id::text like '%' || m.id",
    )
    .await
    .unwrap();
    // the guide counts by name: the two called Acme are one
    assert_eq!(rows(&sql, RECEIVED).await, ["Acme | 3", "Clinic | 1"]);
    let view = "select right(workspace_id::text, 2), name, message_count, last_message_at is null from inbound_messages_last_30_days order by 1";
    assert_eq!(
        rows(&sql, view).await,
        [
            "a1 | Acme | 2 | f",
            "a2 | Bare | 0 | t",
            "a3 | Clinic | 1 | f",
            "a4 | Dog walker | 0 | t",
            "a5 | Acme | 1 | f"
        ]
    );
}
