//! Removes what killed test runs left behind on a server that is not ours.
//!
//! A private server goes with everything in it. On the server of `DATABASE_URL` each process holds an advisory lock
//! under its run's number, which is also in its databases' names: a name whose lock is free has no owner any more.

use std::sync::LazyLock;

use tokio_postgres::Client;

use super::server::quoted;
use crate::Error;
use crate::ports::random;

/// The first key of the advisory locks; the second is the run's number.
const LOCK: i32 = 0x7465_7374;

/// A number of this process.
pub(super) fn run_id() -> i32 {
    static RUN_ID: LazyLock<i32> = LazyLock::new(|| (random() & 0x7fff_ffff) as i32);
    *RUN_ID
}

/// The statement that marks this process as alive, for as long as its connection lasts.
pub(super) fn mark() -> String {
    format!("SELECT pg_advisory_lock_shared({LOCK}, {})", run_id())
}

/// Drops the databases of runs that have ended.
pub(super) async fn leftovers(client: &Client) -> Result<(), Error> {
    let pattern = "^testkit_[0-9a-f]{8}_(test|template)_";
    let rows = client
        .query(
            "SELECT datname::text FROM pg_database WHERE datname ~ $1",
            &[&pattern],
        )
        .await?;
    for row in rows {
        let name: String = row.get(0);
        let Ok(run) = i32::from_str_radix(&name["testkit_".len()..][..8], 16) else {
            continue;
        };
        let free: bool = client
            .query_one("SELECT pg_try_advisory_lock($1, $2)", &[&LOCK, &run])
            .await?
            .get(0);
        if free {
            // Two processes may sweep at once; whoever comes second finds nothing.
            let _ = client
                .batch_execute(&format!("DROP DATABASE IF EXISTS {}", quoted(&name)))
                .await;
            client
                .execute("SELECT pg_advisory_unlock($1, $2)", &[&LOCK, &run])
                .await?;
        }
    }
    Ok(())
}
