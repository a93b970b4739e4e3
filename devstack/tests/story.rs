//! The story, through the gateway, on a database of its own.

use devstack::fixture::migrate;
use devstack::http;
use devstack::stack::{Options, Signatures, Stack};
use devstack::story::{self, Outcome};
use testkit::postgres::TestDatabase;

async fn play(deliver_twice: bool) -> Outcome {
    let database = TestDatabase::create(migrate).await;
    let options = Options {
        deliver_twice,
        ..Options::on(&database)
    };
    let stack = Stack::start(options).await.expect("the stack starts");
    let outcome = story::play(&stack, &|_| {}).await;
    stack.shutdown().await.expect("the stack ends");
    outcome.unwrap_or_else(|failed| panic!("{failed}"))
}

#[tokio::test]
async fn the_story_holds_and_so_it_does_when_everything_comes_twice() {
    let once = play(false).await;
    let twice = play(true).await;
    assert_eq!(once.counts, twice.counts);
    assert!(
        once.counts
            .iter()
            .all(|(name, count)| *count > 0 || *name == "parked")
    );
}

#[tokio::test]
async fn the_guides_curl() {
    const FORM: &str = "To=%2B14055551234&From=%2B14155551234&Body=Test&MessageSid=SM123";
    let database = TestDatabase::create(migrate).await;
    let stack = Stack::start(Options::on(&database))
        .await
        .expect("the stack starts");
    let workspace = story::prepare(&stack).await.expect("there is a workspace");
    stack
        .lend_number(workspace.id, "+14055551234")
        .await
        .expect("nobody has the number");
    let sql = stack.inspect().await.unwrap();
    let stored = async || -> i64 {
        let count = "select count(*) from conversation_messages
                     where external_id = 'SM123' and body = 'Test' and workspace_id = $1";
        sql.query_one(count, &[&workspace.id]).await.unwrap().get(0)
    };
    let post = async || {
        let url = format!("{}/api/webhooks/signalwire/sms", stack.urls().gateway);
        let headers = [("content-type", "application/x-www-form-urlencoded")];
        http::request("POST", &url, &headers, FORM).await.unwrap()
    };

    assert_eq!(post().await.status, 403);
    assert_eq!(stored().await, 0);

    stack.set_signatures(Signatures::Off).await.unwrap();
    for _ in 0..2 {
        let answer = post().await;
        assert_eq!((answer.status, answer.body.as_str()), (200, "<Response/>"));
        assert!(answer.header("content-type").unwrap().starts_with("text/xml"));
        assert_eq!(stored().await, 1);
    }

    stack.set_signatures(Signatures::Required).await.unwrap();
    assert_eq!(post().await.status, 403);
    stack.shutdown().await.unwrap();
}

#[tokio::test]
async fn a_step_that_does_not_hold_says_what_came_instead() {
    let database = TestDatabase::create(migrate).await;
    let options = Options {
        signatures: Signatures::Off,
        ..Options::on(&database)
    };
    let stack = Stack::start(options).await.expect("the stack starts");
    let failed = story::play(&stack, &|_| {}).await.expect_err("forgeries get in");
    stack.shutdown().await.expect("the stack ends");
    assert_eq!((failed.expected.as_str(), failed.came.as_str()), ("403", "200"));
    let text = failed.to_string();
    assert!(
        text.contains("Somebody forges a webhook") && text.contains("expected  403"),
        "{text}"
    );
}
