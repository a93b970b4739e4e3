//! The migrations make the roles: on a server where there are none, where somebody else made them, in several databases at once,
//! and again.

use devstack::fixture::migrate;
use testkit::postgres::{Options, Server};
use tokio_postgres::{Client, NoTls};

use crate::support::{number, refusal};

async fn private_server() -> Server {
    Server::start(Options {
        private: true,
        ..Options::default()
    })
    .await
    .unwrap()
}

async fn connect(url: &str) -> Client {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await.unwrap();
    tokio::spawn(connection);
    client
}

#[tokio::test]
async fn databases_of_one_server_may_be_migrated_at_once_and_again() {
    let server = private_server().await;
    let names = ["one", "two", "three", "four"];
    for name in names {
        server.create_database(name).await.unwrap();
    }
    let urls = names.map(|name| server.url(name));
    let (one, two, three, four) = tokio::join!(
        migrate(&urls[0]),
        migrate(&urls[1]),
        migrate(&urls[2]),
        migrate(&urls[3])
    );
    for result in [one, two, three, four] {
        result.unwrap();
    }
    let owner = connect(&urls[0]).await;
    for again in [
        "call secure_schema()",
        "call open_functions(); call secure_schema()",
    ] {
        owner.batch_execute(again).await.unwrap();
        let definers = "select count(distinct p.proname) from pg_proc p join pg_roles r on r.oid = p.proowner
                        where r.rolname in ('ringspace_tenant', 'ringspace_system') and p.prosecdef";
        let listed = number(&owner, "select count(*) from function_access").await;
        assert_eq!(number(&owner, definers).await, listed);
    }
    server.close().await.unwrap();
}

/// A later migration makes a table and a function, and replaces another.
#[tokio::test]
async fn what_a_later_migration_makes_is_secured_by_one_call() {
    let server = private_server().await;
    server.create_database("later").await.unwrap();
    migrate(&server.url("later")).await.unwrap();
    let owner = connect(&server.url("later")).await;
    owner
        .batch_execute(
            "begin;
             call open_functions();
             create table notes (workspace_id uuid not null references workspaces (id), note text);
             create function take_note(p_workspace uuid, p_note text) returns bigint language plpgsql as $$
             begin
                 perform act_for(p_workspace);
                 insert into notes values (p_workspace, p_note);
                 return (select count(*) from notes);
             end $$;
             create or replace function due_releases(p_limit bigint) returns setof uuid language sql stable as 'select null::uuid where false';
             insert into function_access values ('take_note', 'tenant', '{api}', null);
             call secure_schema();
             commit",
        )
        .await
        .unwrap();
    let superuser = connect(&server.superuser_url("later")).await;
    superuser
        .batch_execute("insert into workspaces (id, name) values ('00000000-0000-0000-0000-0000000000a1', 'A'), ('00000000-0000-0000-0000-0000000000b2', 'B')")
        .await
        .unwrap();
    for id in ["a1", "b2"] {
        let call = format!("select take_note('00000000-0000-0000-0000-0000000000{id}', 'x')");
        assert_eq!(number(&owner, &call).await, 1);
    }
    assert_eq!(number(&owner, "select count(*) from notes").await, 0);
    assert_eq!(number(&superuser, "select count(*) from notes").await, 2);
    let due = "select count(*) from pg_proc where proname = 'due_releases' and prosecdef and proowner = 'ringspace_system'::regrole
               and not has_function_privilege('public', oid, 'execute')";
    assert_eq!(number(&owner, due).await, 1);
    // a name that is misspelt is no hole
    let misspelt = "begin; insert into function_access values ('take_not', 'tenant', '{api}', null); call secure_schema()";
    assert_eq!(refusal(&owner, misspelt).await.as_deref(), Some("P0001"));
    server.close().await.unwrap();
}

#[tokio::test]
async fn a_superuser_may_migrate() {
    let server = private_server().await;
    server.create_database("development").await.unwrap();
    migrate(&server.superuser_url("development")).await.unwrap();
    let superuser = connect(&server.superuser_url("development")).await;
    let definers = "select count(*) from pg_proc p where p.prosecdef and p.proowner::regrole::text !~ '^ringspace_(tenant|system)$'";
    assert_eq!(number(&superuser, definers).await, 0);
    server.close().await.unwrap();
}

/// A role that somebody has given more than it may have is not used.
#[tokio::test]
async fn a_role_that_passes_row_level_security_by_is_refused() {
    let server = private_server().await;
    server.create_database("wary").await.unwrap();
    let superuser = connect(&server.superuser_url("wary")).await;
    superuser
        .batch_execute("create role ringspace_tenant bypassrls")
        .await
        .unwrap();
    let error = migrate(&server.superuser_url("wary")).await.unwrap_err();
    assert!(
        error.contains("ringspace_tenant is more powerful than it may be"),
        "{error}"
    );
    superuser
        .batch_execute("alter role ringspace_tenant nobypassrls")
        .await
        .unwrap();
    migrate(&server.superuser_url("wary")).await.unwrap();
    server.close().await.unwrap();
}
