//! The commands on a real database.
#![expect(clippy::unwrap_used, reason = "a helper that fails is a failed test")]

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
