//! The Postgres of the tests, tested.
#![expect(clippy::unwrap_used, reason = "a helper that fails is a failed test")]

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use testkit::Error;
use testkit::postgres::{OWNER, Options, Server, TestDatabase};
use tokio_postgres::{Client, NoTls};

async fn connect(url: &str) -> Result<Client, tokio_postgres::Error> {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await?;
    tokio::spawn(connection);
    Ok(client)
}

async fn migrate(url: &str) -> Result<(), tokio_postgres::Error> {
    let client = connect(url).await?;
    client
        .batch_execute(
            "CREATE TABLE note (body text NOT NULL);
             ALTER TABLE note ENABLE ROW LEVEL SECURITY;
             ALTER TABLE note FORCE ROW LEVEL SECURITY;
             CREATE POLICY visible ON note USING (body <> 'hidden') WITH CHECK (true);",
        )
        .await
}

async fn notes(client: &Client) -> i64 {
    client
        .query_one("SELECT count(*) FROM note", &[])
        .await
        .unwrap()
        .get(0)
}

#[tokio::test]
async fn every_test_has_its_own_copy_of_the_migrated_database() {
    let (first, second) = tokio::join!(TestDatabase::create(migrate), TestDatabase::create(migrate));
    assert_ne!(first.name(), second.name());
    let client = first.client().await;
    client
        .execute("INSERT INTO note VALUES ('here')", &[])
        .await
        .unwrap();
    assert_eq!(notes(&client).await, 1);
    assert_eq!(notes(&second.client().await).await, 0);
    assert_eq!(notes(&connect(first.url()).await.unwrap()).await, 1);
}

#[tokio::test]
async fn the_owner_is_bound_by_forced_row_level_security() {
    let database = TestDatabase::create(migrate).await;
    let client = database.client().await;
    client
        .execute("INSERT INTO note VALUES ('hidden')", &[])
        .await
        .unwrap();
    assert_eq!(notes(&client).await, 0);
    assert_eq!(notes(&database.superuser_client().await).await, 1);
    let user: String = client
        .query_one("SELECT current_user::text", &[])
        .await
        .unwrap()
        .get(0);
    assert_eq!(user, OWNER);
}

#[tokio::test]
async fn a_dropped_test_database_is_gone() {
    let database = TestDatabase::create(migrate).await;
    let name = database.name().to_owned();
    let watcher = TestDatabase::create(migrate).await.superuser_client().await;
    drop(database);
    let statement = "SELECT count(*) FROM pg_database WHERE datname = $1";
    for _ in 0..200 {
        let left: i64 = match watcher.query_one(statement, &[&name]).await {
            Ok(row) => row.get(0),
            // The watcher's own database went first: the drops are done in order.
            Err(_) => return,
        };
        if left == 0 {
            return;
        }
        tokio::time::sleep(Duration::from_millis(25)).await;
    }
    panic!("{name} is still there");
}

#[test]
fn runtimes_that_come_and_go_share_one_server() {
    let threads: Vec<_> = (0..4)
        .map(|_| {
            std::thread::spawn(|| {
                let runtime = tokio::runtime::Builder::new_current_thread()
                    .enable_all()
                    .build()
                    .unwrap();
                runtime.block_on(async {
                    let database = TestDatabase::create(migrate).await;
                    notes(&database.client().await).await
                })
            })
        })
        .collect();
    for thread in threads {
        assert_eq!(thread.join().unwrap(), 0);
    }
}

#[tokio::test]
async fn a_private_server_goes_away_and_comes_back_on_its_port() {
    let server = Server::start(Options {
        private: true,
        durable: true,
        ..Options::default()
    })
    .await
    .unwrap();
    server.create_database("kept").await.unwrap();
    let url = server.url("kept");
    connect(&url)
        .await
        .unwrap()
        .batch_execute("CREATE TABLE t AS SELECT 7 AS n")
        .await
        .unwrap();
    for crash in [false, true] {
        if crash {
            server.crash().await.unwrap()
        } else {
            server.stop().await.unwrap()
        }
        assert!(connect(&url).await.is_err());
        server.start_again().await.unwrap();
        let n: i32 = connect(&url)
            .await
            .unwrap()
            .query_one("SELECT n FROM t", &[])
            .await
            .unwrap()
            .get(0);
        assert_eq!(n, 7);
    }
    server
        .create_database("after")
        .await
        .expect("the superuser's connection is made again");
    let directory = server.socket_directory().unwrap().to_path_buf();
    server.close().await.unwrap();
    assert!(!directory.exists());
}

#[tokio::test]
async fn tls_is_verified_against_the_servers_own_authority_and_a_wrong_password_is_refused() {
    let options = Options {
        tls: true,
        scram: true,
        ..Options::default()
    };
    let server = match Server::start(options).await {
        // The one source that cannot, and it has to say so.
        Err(Error::Missing(text)) if text.contains("without TLS") => return,
        result => result.unwrap(),
    };
    let mut roots = rustls::RootCertStore::empty();
    let pem = server.ca_pem().unwrap();
    for certificate in rustls::pki_types::pem::PemObject::pem_slice_iter(pem.as_bytes()) {
        roots.add(certificate.unwrap()).unwrap();
    }
    let config =
        rustls::ClientConfig::builder_with_provider(Arc::new(rustls::crypto::aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
    let tls = tokio_postgres_rustls::MakeRustlsConnect::new(config);
    for host in ["127.0.0.1", "localhost"] {
        let url = server.url("postgres").replace("127.0.0.1", host);
        let (client, connection) = tokio_postgres::connect(&url, tls.clone()).await.unwrap();
        tokio::spawn(connection);
        let statement = "SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()";
        assert!(client.query_one(statement, &[]).await.unwrap().get::<_, bool>(0));
    }
    let wrong = server.url("postgres").replace("app-owner-password", "wrong");
    assert!(tokio_postgres::connect(&wrong, tls).await.is_err());
    server.create_database("by_socket").await.unwrap();
}

#[tokio::test]
async fn settings_reach_the_server_and_its_log_can_be_read() {
    let settings = vec![("log_statement".to_owned(), "all".to_owned())];
    let server = Server::start(Options {
        settings,
        ..Options::default()
    })
    .await
    .unwrap();
    connect(&server.url("postgres"))
        .await
        .unwrap()
        .batch_execute("SELECT 'in the log'")
        .await
        .unwrap();
    assert!(server.log().contains("in the log"));
}

#[tokio::test]
async fn a_failed_migration_says_why() {
    let server = Server::shared().await;
    let failed = testkit::postgres::Template::prepare(server, async |_: &str| Err("column x is wrong")).await;
    assert!(matches!(failed, Err(Error::Failed(text)) if text.contains("column x is wrong")));
}

/// Not a test of its own: the next one runs it in a second process, where it waits to be killed.
#[tokio::test]
async fn a_server_kept_in_a_static() {
    if std::env::var_os("TESTKIT_HOLD").is_none() {
        return;
    }
    let server = Server::start(Options {
        private: true,
        ..Options::default()
    })
    .await
    .unwrap();
    let server: &'static Server = Box::leak(Box::new(server));
    eprintln!("holding {}", server.socket_directory().unwrap().display());
    std::future::pending::<()>().await;
}

#[test]
fn a_server_ends_with_an_owner_that_is_killed() {
    let mut owner = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "a_server_kept_in_a_static", "--nocapture"])
        .env("TESTKIT_HOLD", "1")
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = BufReader::new(owner.stderr.take().unwrap()).lines();
    let directory = lines
        .map_while(Result::ok)
        .find_map(|line| line.strip_prefix("holding ").map(str::to_owned))
        .expect("the server starts");
    let postmaster = std::fs::read_to_string(Path::new(&directory).join("data/postmaster.pid")).unwrap();
    let postmaster: i32 = postmaster.lines().next().unwrap().parse().unwrap();
    owner.kill().unwrap();
    owner.wait().unwrap();
    let postmaster = rustix::process::Pid::from_raw(postmaster).unwrap();
    for _ in 0..400 {
        if !Path::new(&directory).exists() && rustix::process::test_kill_process(postmaster).is_err() {
            return;
        }
        std::thread::sleep(Duration::from_millis(25));
    }
    panic!("{directory} or process {postmaster:?} is still there");
}
