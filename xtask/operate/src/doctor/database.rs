//! Postgres: reachable, new enough, migrated, with roles that row-level security binds, and pooled only where that works.

use super::Findings;
use common::config::Settings;
use common::store::DatabaseUrl;
use std::collections::BTreeSet;
use std::time::Duration;
use tokio_postgres::config::{Host, SslMode};
use tokio_postgres::error::SqlState;
use tokio_postgres::{Client, Error};

/// Views that look with the eyes of who asks (`security_invoker`) came with 15.
const VERSION_MIN: i32 = 150_000;

pub(super) async fn examine(settings: &Settings) -> Findings {
    let mut findings = Findings::of("database");
    let Ok(url) = DatabaseUrl::from_settings(settings, "DATABASE_URL") else {
        findings.unseen("nothing to connect to", "set DATABASE_URL first");
        return findings;
    };
    encryption(&url, &mut findings);
    let Some(client) = reach(&url, "DATABASE_URL", &mut findings).await else {
        return findings;
    };
    if let Err(error) = look(&client, &mut findings).await {
        findings.fault(
            format!("a question was not answered: {error}"),
            "run the migrations, then look again",
        );
    }
    // the functions' logins do not see the migrations' history; whoever runs them does
    let owner = match DatabaseUrl::from_settings(settings, "MIGRATION_DATABASE_URL") {
        Ok(url) => connect(&url).await.ok(),
        Err(_) => None,
    };
    if let Err(error) = version(owner.as_ref().unwrap_or(&client), &mut findings).await {
        findings.fault(
            format!("the schema's version is not to be seen: {error}"),
            "set MIGRATION_DATABASE_URL, whose role runs the migrations",
        );
    }
    let is_pooled = match connect(&url).await {
        Ok(second) => share_servers(&client, &second).await,
        Err(_) => false,
    };
    if is_pooled {
        findings.well("DATABASE_URL goes through a transaction pooler, which the functions can do with");
        if url.config().get_options().is_some() {
            findings.fault(
                "the `options` of DATABASE_URL do not hold behind the pooler: its server connections were begun without them",
                "take `options` out of the URL, and give the settings to the role: ALTER ROLE … SET",
            );
        }
    } else {
        findings.well("DATABASE_URL is a direct connection (or a session pooler)");
    }
    migrations(settings, is_pooled, &mut findings).await;
    findings
}

fn encryption(url: &DatabaseUrl, findings: &mut Findings) {
    let is_far = url.config().get_hosts().iter().any(|host| match host {
        Host::Tcp(name) => {
            name != "localhost" && !name.parse::<std::net::IpAddr>().is_ok_and(|ip| ip.is_loopback())
        }
        #[cfg(unix)]
        Host::Unix(_) => false,
    });
    if is_far && url.config().get_ssl_mode() != SslMode::Require {
        findings.fault(
            "DATABASE_URL does not insist on encryption",
            "add sslmode=require; the certificate is verified then, against the public roots and DATABASE_CA",
        );
    }
}

async fn connect(url: &DatabaseUrl) -> Result<Client, String> {
    let connecting = url.config().connect(url.tls());
    let connected = tokio::time::timeout(Duration::from_secs(10), connecting).await;
    let (client, connection) = connected
        .map_err(|_| "no answer within 10 s".to_owned())?
        .map_err(|error| describe(&error))?;
    tokio::spawn(connection);
    Ok(client)
}

fn describe(error: &Error) -> String {
    let Some(refusal) = error.as_db_error() else {
        let mut text = error.to_string();
        let mut cause = std::error::Error::source(error);
        while let Some(next) = cause {
            text = format!("{text}: {next}");
            cause = next.source();
        }
        return text;
    };
    let advice = match refusal.code() {
        code if *code == SqlState::INVALID_PASSWORD => " (user or password is wrong)",
        code if *code == SqlState::INVALID_CATALOG_NAME => " (there is no such database)",
        code if *code == SqlState::TOO_MANY_CONNECTIONS => " (use the provider's pooled URL)",
        // PgBouncer's words, and Neon's
        _ if refusal.message().contains("startup parameter") => {
            " (a pooler carries no settings of a session: take `options` out of the URL, and give them to the role with \
             ALTER ROLE … SET)"
        }
        _ => "",
    };
    format!("{} {}{advice}", refusal.code().code(), refusal.message())
}

async fn reach(url: &DatabaseUrl, name: &str, findings: &mut Findings) -> Option<Client> {
    match connect(url).await {
        Ok(client) => Some(client),
        Err(why) => {
            findings.fault(
                format!("{name} cannot be connected to: {why}"),
                "check host, port, user and password; inside a VPC the security group; for a private authority DATABASE_CA",
            );
            None
        }
    }
}

/// Unnamed statements throughout: behind a transaction pooler a named one may not be there when it is used.
async fn look(client: &Client, findings: &mut Findings) -> Result<(), Error> {
    let row = client
        .query_typed_one(
            "select current_setting('server_version_num')::integer, current_setting('server_version'),
                    r.rolsuper, r.rolbypassrls, r.rolname::text
             from pg_roles r where r.rolname = current_user",
            &[],
        )
        .await?;
    let (number, version): (i32, String) = (row.get(0), row.get(1));
    if number >= VERSION_MIN {
        findings.well(format!("Postgres {version}"));
    } else {
        findings.fault(format!("Postgres {version} is too old"), "use 15 or newer");
    }
    let (is_super, bypasses, role): (bool, bool, String) = (row.get(2), row.get(3), row.get(4));
    if is_super || bypasses {
        findings.fault(
            format!("the role `{role}` of DATABASE_URL is not bound by row-level security"),
            "connect as the schema's owner or an ordinary role, never as a superuser or with BYPASSRLS",
        );
    } else {
        findings.well(format!("the role `{role}` is bound by row-level security"));
    }
    let operator = client
        .query_typed_opt("select 1 from pg_roles where rolname = 'ringspace_operator'", &[])
        .await?;
    if operator.is_some() {
        findings.well("the role ringspace_operator is there");
    } else {
        findings.notice(
            "there is no role ringspace_operator, through which operators query",
            "the migrations make it; their role needs CREATEROLE",
        );
    }
    Ok(())
}

async fn version(client: &Client, findings: &mut Findings) -> Result<(), Error> {
    let history: Option<String> = client
        .query_typed_one("select to_regclass('refinery_schema_history')::text", &[])
        .await?
        .get(0);
    let latest = migrator::latest().unwrap_or_default();
    let applied = match history {
        None => 0,
        Some(_) => client
            .query_typed_one(
                "select coalesce(max(version), 0)::bigint from refinery_schema_history",
                &[],
            )
            .await?
            .get(0),
    };
    match applied {
        0 => findings.fault(
            "no migration has run",
            "invoke the migrator (docs/DEPLOY.md, step 4)",
        ),
        version if version < latest => findings.fault(
            format!("the schema is at version {version}, this code needs {latest}"),
            "invoke the migrator (docs/DEPLOY.md, step 4)",
        ),
        version if version > latest => findings.notice(
            format!("the schema is at version {version}, newer than this code ({latest})"),
            "nothing, when you have just rolled back: the release before works on it",
        ),
        version => findings.well(format!("the schema is at version {version}")),
    }
    Ok(())
}

/// Two connections that are both open share server processes, and one connection has several, only behind a transaction pooler. A
/// pooler may give them one each for a while, so they are asked a few times, and at once.
async fn share_servers(one: &Client, other: &Client) -> bool {
    const ASKED: usize = 5;
    let process = async |client: &Client| -> Option<i32> {
        let rows = client.simple_query("select pg_backend_pid()").await.ok()?;
        rows.iter().find_map(|message| match message {
            tokio_postgres::SimpleQueryMessage::Row(row) => row.get(0)?.parse().ok(),
            _ => None,
        })
    };
    let (mut first, mut second) = (BTreeSet::new(), BTreeSet::new());
    for _ in 0..ASKED {
        first.extend(process(one).await);
        second.extend(process(other).await);
        let (a, b) = futures_util::join!(process(one), process(other));
        first.extend(a);
        second.extend(b);
    }
    first.len() > 1 || second.len() > 1 || !first.is_disjoint(&second)
}

async fn migrations(settings: &Settings, is_pooled: bool, findings: &mut Findings) {
    const ADVICE: &str =
        "set MIGRATION_DATABASE_URL to the direct URL: migrations hold a lock over several transactions";
    if settings.optional("MIGRATION_DATABASE_URL").is_none() {
        if is_pooled {
            findings.fault("migrations would run through the pooler of DATABASE_URL", ADVICE);
        }
        return;
    }
    let url = match DatabaseUrl::from_settings(settings, "MIGRATION_DATABASE_URL") {
        Ok(url) => url,
        Err(error) => return findings.fault(error.to_string(), "a Postgres URL is expected"),
    };
    let Some(first) = reach(&url, "MIGRATION_DATABASE_URL", findings).await else {
        return;
    };
    match connect(&url).await {
        Ok(second) if share_servers(&first, &second).await => {
            findings.fault("MIGRATION_DATABASE_URL goes through a transaction pooler", ADVICE);
        }
        _ => findings.well("MIGRATION_DATABASE_URL is a direct connection"),
    }
}
