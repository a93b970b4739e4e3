//! The commands on a real database.

use common::config::Settings;
use devstack::fixture::{Fixture, migrate};
use testkit::postgres::TestDatabase;
use uuid::Uuid;

#[tokio::test]
async fn keys_are_made_shown_once_listed_and_ended() {
    let fixture = Fixture::start().await;
    let workspace = fixture.workspace("Acme", "professional", "org_1").await;
    let id = workspace.to_string();
    let settings = fixture.settings();
    let run = async |words: &[&str]| operate::run(&settings, words).await;

    let made = run(&[
        "api-key",
        "create",
        "--workspace",
        &id,
        "--name",
        "shop",
        "--scopes",
        "messages:write,usage:read",
    ])
    .await
    .unwrap();
    let key = made.lines().next().unwrap();
    assert!(key.starts_with("rsk_"));
    let row = fixture.row("api_keys").await;
    assert_eq!(
        (&row["name"], &row["workspace_id"]),
        (&"shop".into(), &id.as_str().into())
    );
    assert_eq!(row["scopes"], serde_json::json!(["messages:write", "usage:read"]));
    assert!(!row.to_string().contains(key), "only a hash is kept");

    let listed = run(&["api-key", "list", "--workspace", &id]).await.unwrap();
    assert!(listed.contains(&key[..12]) && !listed.contains(key), "{listed}");
    assert!(listed.contains("last used never"));
    assert!(
        run(&["api-key", "list", "--workspace", &Uuid::nil().to_string()])
            .await
            .unwrap()
            .contains("no keys")
    );

    let key_id = row["id"].as_str().unwrap();
    run(&["api-key", "revoke", key_id]).await.unwrap();
    run(&["api-key", "revoke", key_id]).await.unwrap();
    assert!(run(&["api-key", "list"]).await.unwrap().contains("REVOKED"));
}

#[tokio::test]
async fn mistakes_are_named() {
    let database = TestDatabase::create(migrate).await;
    let settings = Settings::of(&[("DATABASE_URL", database.url())]);
    let nil = Uuid::nil().to_string();
    for (words, expected) in [
        (vec!["api-key"], "usage: api-key create"),
        (
            vec!["api-key", "create", "--name", "x"],
            "say --workspace ID, or --platform",
        ),
        (
            vec!["api-key", "create", "--platform", "--name", "x"],
            "--scopes is missing",
        ),
        (
            vec![
                "api-key",
                "create",
                "--platform",
                "--name",
                "x",
                "--scopes",
                "all",
            ],
            "`all` is no scope",
        ),
        (
            vec![
                "api-key",
                "create",
                "--workspace",
                &nil,
                "--name",
                "x",
                "--scopes",
                "platform:read",
            ],
            "--platform only",
        ),
        (
            vec![
                "api-key",
                "create",
                "--workspace",
                &nil,
                "--name",
                "x",
                "--scopes",
                "usage:read",
            ],
            "no such workspace",
        ),
        (vec!["api-key", "revoke", "x"], "`x` is no UUID"),
        (vec!["api-key", "revoke", &nil], "no key of that id"),
        (vec!["consent"], "usage: consent stop"),
        (
            vec![
                "consent",
                "stop",
                "--shared",
                "--number",
                "+14056940235",
                "--customer",
                "+14155551234",
            ],
            "--actor is missing",
        ),
        (vec!["consent", "export"], "say --workspace ID, or --shared"),
        (
            vec![
                "consent",
                "stop",
                "--workspace",
                &nil,
                "--number",
                "+14055550123",
                "--customer",
                "+14155551234",
                "--actor",
                "ann",
                "--reason",
                "asked by letter",
            ],
            "the workspace has no such number",
        ),
        (vec!["limits", "show", &nil], "no such workspace"),
        (
            vec!["limits", "set", &nil, "messages_per_day=1"],
            "no such workspace",
        ),
        (
            vec!["limits", "set", &nil, "messages_per_day"],
            "is not NAME=VALUE",
        ),
        (
            vec!["blocked", "add", "nonsense", "--note", "x"],
            "is not the beginning of a number",
        ),
        (vec!["blocked", "remove", "+1999"], "was not blocked"),
        (vec!["refusals", "x"], "no number of days"),
        (vec!["retention"], "usage: retention show"),
        (vec!["retention", "set", &nil], "usage: retention show"),
        (vec!["retention", "show", "x"], "`x` is no UUID"),
        (vec!["retention", "show", &nil], "no such workspace"),
        (vec!["retention", "set", &nil, "texts=30"], "no such workspace"),
        (vec!["retention", "clear", &nil], "no such workspace"),
        (vec!["dance"], "there is no command `dance`"),
    ] {
        let message = operate::run(&settings, &words).await.unwrap_err();
        assert!(message.contains(expected), "{words:?}: {message}");
    }
    let made = operate::run(
        &settings,
        &[
            "api-key",
            "create",
            "--platform",
            "--name",
            "watch",
            "--scopes",
            "platform:read",
        ],
    );
    assert!(made.await.unwrap().starts_with("rsk_"));
}

#[tokio::test]
async fn consent_is_changed_with_a_reason_and_exported() {
    let fixture = Fixture::start().await;
    let workspace = fixture.workspace("Acme", "professional", "org_1").await;
    fixture.number(workspace, "+14055550123", "primary").await;
    let id = workspace.to_string();
    let settings = fixture.settings();
    let run = async |words: &[&str]| operate::run(&settings, words).await;
    let whom = [
        "--number",
        "+14055550123",
        "--customer",
        "+14155551234",
        "--actor",
        "ann",
    ];
    let own = [
        &["consent", "stop", "--workspace", &id],
        whom.as_slice(),
        &["--reason", "=asked, by letter"],
    ]
    .concat();
    assert_eq!(
        run(&own).await.unwrap(),
        "+14155551234 is opted out of +14055550123\n"
    );
    let shared = [
        &["consent", "start", "--shared"],
        whom.as_slice(),
        &["--reason", "x"],
    ]
    .concat();
    assert!(run(&shared).await.unwrap_err().contains("belongs to a workspace"));
    let csv = run(&["consent", "export", "--workspace", &id]).await.unwrap();
    let lines: Vec<&str> = csv.lines().collect();
    assert_eq!(
        lines[0],
        "changed_at,number,customer,change,word,message_sid,actor,reason"
    );
    assert!(
        lines[1].ends_with("Z,+14055550123,+14155551234,opt-out,MANUAL,,ann,\"'=asked, by letter\""),
        "{csv}"
    );
    assert_eq!(
        (
            lines.len(),
            run(&["consent", "export", "--shared"])
                .await
                .unwrap()
                .lines()
                .count()
        ),
        (2, 1)
    );
    let empty = [
        &["consent", "start", "--workspace", &id],
        whom.as_slice(),
        &["--reason", " "],
    ]
    .concat();
    assert_eq!(run(&empty).await.unwrap_err(), "--reason is missing");
}

#[tokio::test]
async fn limits_are_shown_set_and_given_back() {
    let fixture = Fixture::start().await;
    let workspace = fixture.workspace("Acme", "professional", "org_1").await;
    let id = workspace.to_string();
    let settings = fixture.settings();
    let run = async |words: &[&str]| operate::run(&settings, words).await;
    assert!(
        run(&["limits", "show", &id])
            .await
            .unwrap()
            .contains("messages_per_day=20000\n")
    );
    let words = [
        "limits",
        "set",
        &id,
        "messages_per_day=7",
        "sending_enabled=false",
        "quiet_from=21:00",
        "quiet_until=08:00",
    ];
    let shown = run(&words).await.unwrap();
    for line in [
        "messages_per_day=7\n",
        "sending_enabled=false\n",
        "quiet_from=21:00:00\n",
    ] {
        assert!(shown.contains(line), "{shown}");
    }
    let shown = run(&["limits", "set", &id, "messages_per_day=tier"])
        .await
        .unwrap();
    assert!(
        shown.contains("messages_per_day=20000\n") && shown.contains("sending_enabled=false\n"),
        "{shown}"
    );
    for (change, expected) in [
        ("messages_per_day=many", "not one that its limit takes"),
        ("messages_per_day=-1", "not one that its limit takes"),
        ("workspace_id=1", "there is no limit called workspace_id"),
        ("favours=1", "there is no limit called favours"),
        ("time_zone=Mars/Base", "there is no time zone called Mars/Base"),
    ] {
        let message = run(&["limits", "set", &id, change]).await.unwrap_err();
        assert!(message.contains(expected), "{change}: {message}");
    }
    assert!(run(&["blocked", "list"]).await.unwrap().contains("+1___976"));
    run(&["blocked", "add", "+1415555", "--note", "a pump"])
        .await
        .unwrap();
    assert!(run(&["blocked", "list"]).await.unwrap().contains("a pump"));
    run(&["blocked", "remove", "+1415555"]).await.unwrap();
    assert_eq!(run(&["refusals"]).await.unwrap(), "nothing was refused\n");
    fixture
        .sql
        .execute("select count_refusal($1, 'daily_cap')", &[&workspace])
        .await
        .unwrap();
    fixture
        .sql
        .execute("select count_refusal($1, 'daily_cap')", &[&workspace])
        .await
        .unwrap();
    let refused = run(&["refusals", "1"]).await.unwrap();
    assert!(
        refused.contains(&id) && refused.trim_end().ends_with("daily_cap             2"),
        "{refused}"
    );
}

#[tokio::test]
async fn retention_is_shown_set_and_cleared() {
    let fixture = Fixture::start().await;
    let workspace = fixture.workspace("Acme", "professional", "org_1").await;
    let id = workspace.to_string();
    let settings = fixture.settings();
    let run = async |words: &[&str]| operate::run(&settings, words).await;
    let says = |texts: &str, recordings: &str| {
        Ok(format!(
            "texts and attachments: {texts}\nrecordings and transcriptions: {recordings}\n"
        ))
    };
    assert_eq!(
        run(&["retention", "show", &id]).await,
        says("for ever", "for ever")
    );
    assert_eq!(
        run(&["retention", "set", &id, "texts=90"]).await,
        says("90 days", "for ever")
    );
    let both = says("90 days", "30 days");
    assert_eq!(run(&["retention", "set", &id, "recordings=30"]).await, both);
    let row = fixture.row("retention_settings").await;
    assert_eq!(
        (&row["body_days"], &row["recording_days"]),
        (&90.into(), &30.into())
    );
    for (changes, expected) in [
        (vec!["texts"], "`texts` is not NAME=DAYS"),
        (vec!["texts=ever"], "`ever` is no number of days"),
        (vec!["texts="], "`` is no number of days"),
        (vec!["texts=99999999999"], "is no number of days"),
        (vec!["texts=2"], "days are from 3 to 3650; nothing was changed"),
        (
            vec!["recordings=3651"],
            "days are from 3 to 3650; nothing was changed",
        ),
        (vec!["texts=5", "recordings=0"], "nothing was changed"),
        (vec!["texts=5", "texts=6"], "texts is given twice"),
        (
            vec!["bodies=5"],
            "there is nothing called bodies: texts, recordings",
        ),
    ] {
        let words = [vec!["retention", "set", &id], changes].concat();
        let message = run(&words).await.unwrap_err();
        assert!(message.contains(expected), "{words:?}: {message}");
        assert_eq!(run(&["retention", "show", &id]).await, both, "{words:?}");
    }
    assert_eq!(
        run(&["retention", "clear", &id]).await,
        says("for ever", "for ever")
    );
}

#[tokio::test]
async fn the_reconciler_is_asked_and_does_nothing() {
    let fixture = Fixture::start().await;
    let workspace = fixture.workspace("Acme", "professional", "org_1").await;
    fixture.number(workspace, "+14055550123", "primary").await;
    let settings = fixture.settings();
    let plan = operate::run(&settings, &["reconcile", "--dry-run"])
        .await
        .unwrap();
    assert!(
        plan.contains("+14055550123  drift") && plan.ends_with("Nothing was changed.\n"),
        "{plan}"
    );
    assert_eq!(fixture.count("reconciler_runs").await, 0);
    for (words, expected) in [
        (vec!["reconcile"], "say --dry-run"),
        (vec!["reconcile", "--dry-run", "now"], "expected here: no word"),
        (vec!["reconcile", "--now"], "there is no option --now here"),
    ] {
        let message = operate::run(&settings, &words).await.unwrap_err();
        assert!(message.contains(expected), "{words:?}: {message}");
    }
    let message = operate::run(&Settings::of(&[]), &["reconcile", "--dry-run"]).await;
    assert!(message.unwrap_err().contains("is not set"));
}
