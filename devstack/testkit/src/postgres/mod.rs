//! A real Postgres for tests, benches and the local stack.
//!
//! [`Server`] is a server (a private one, or the one of `DATABASE_URL`), [`Template`] a migrated database to copy from,
//! [`TestDatabase`] one test's own copy. Most tests need one line:
//!
//! ```no_run
//! # async fn migrate(_url: &str) -> Result<(), String> { Ok(()) }
//! # async fn test() {
//! let database = testkit::postgres::TestDatabase::create(async |url: &str| migrate(url).await).await;
//! let client = database.client().await;
//! # }
//! ```
//!
//! URLs name the role [`OWNER`]: it owns its databases and may create roles but is no superuser, as in production, so
//! forced row-level security binds it. [`Server::superuser_url`] is for what only a superuser may do.

mod admin;
mod binaries;
mod download;
mod private;
mod server;
mod sweep;
mod template;
mod tls;

pub(crate) use binaries::unprivileged;
pub use binaries::{Binaries, Source};
pub(crate) use download::copy_for_everyone;
pub use server::{OWNER, Options, Server};
pub use template::{Template, TestDatabase};
