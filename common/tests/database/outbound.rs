//! A send whose first statement is asked again before its first answer, or its commit, is known.

use crate::consent::{ACME, CUSTOMER, blocked, pid, prepare};
use crate::support::{database, rows};
use uuid::Uuid;

#[tokio::test]
async fn the_same_call_again_waits_for_the_first_one_and_goes_on() {
    let database = database().await;
    let watcher = prepare(&database).await;
    let (first, second) = (
        database.superuser_client().await,
        database.superuser_client().await,
    );
    let second_pid = pid(&second).await;
    for key in ["null", "'key-1'"] {
        let id = Uuid::now_v7();
        let begin = format!(
            "select outcome, message_id from begin_outbound('{ACME}', 'org_1', null, 'messages:write', '{id}', {key}, '\\x00', 'sms',
                '{CUSTOMER}', 'Hi', '[]', 1, null, null, null, null, now(), null, 'send')"
        );
        let created = [format!("created | {id}")];
        first.batch_execute("begin").await.expect("a transaction");
        assert_eq!(rows(&first, &begin).await, created, "{key}");
        // the connection is gone, as far as the function knows, and its transaction is not
        let (again, ()) = tokio::join!(rows(&second, &begin), async {
            blocked(&watcher, second_pid).await;
            first.batch_execute("commit").await.expect("it commits");
        });
        assert_eq!(again, created, "{key}");
        assert_eq!(rows(&second, &begin).await, created, "{key}, and once more");
        let sent = format!("select count(*) from conversation_messages where id = '{id}'");
        assert_eq!(rows(&watcher, &sent).await, ["1"], "{key}");
        let count = "select message_count from conversations";
        let so_far = if key == "null" { "1" } else { "2" };
        assert_eq!(rows(&watcher, count).await, [so_far], "{key}");
    }
}
