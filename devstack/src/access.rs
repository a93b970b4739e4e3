//! The logins that functions connect with here: as in production, each may do what its function needs and no more.

use common::config::Settings;
use tokio_postgres::Client;
use url::Url;

/// No secret: these logins exist on test servers only.
const PASSWORD: &str = "local";

/// What a login may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Store what the carrier's webhooks bring.
    Webhooks,
    /// What callers of the API ask for.
    Api,
    /// Provisioning, sweeps, replays.
    Worker,
    /// All of that, but nothing else: for what runs several functions with one setting.
    Functions,
}

impl Access {
    /// All of them.
    pub const EVERY: [Self; 4] = [Self::Webhooks, Self::Api, Self::Worker, Self::Functions];

    /// What a function has, by its name.
    pub fn of(function: &str) -> Self {
        match function {
            "sms-webhook" | "voice-webhook" | "status-callback" => Self::Webhooks,
            "outbound-send" | "workspace-api" => Self::Api,
            "provision-trigger" | "reconciler" | "spool-replay" => Self::Worker,
            _ => Self::Functions,
        }
    }

    /// The role that connects.
    pub fn login(self) -> &'static str {
        match self {
            Self::Webhooks => "ringspace_local_webhooks",
            Self::Api => "ringspace_local_api",
            Self::Worker => "ringspace_local_worker",
            Self::Functions => "ringspace_local_functions",
        }
    }

    /// The roles that it is a member of; the migrations make them.
    pub fn roles(self) -> &'static str {
        match self {
            Self::Webhooks => "ringspace_webhooks",
            Self::Api => "ringspace_api",
            Self::Worker => "ringspace_worker",
            Self::Functions => "ringspace_webhooks, ringspace_api, ringspace_worker",
        }
    }

    /// A database's URL, as this login instead of whom it names. What is no URL stays as it is.
    pub fn url(self, url: &str) -> String {
        let Ok(mut parsed) = Url::parse(url) else {
            return url.to_owned();
        };
        // refused for a URL without a host only, which stays as it is
        let _ = parsed.set_username(self.login());
        let _ = parsed.set_password(Some(PASSWORD));
        parsed.into()
    }

    /// The same settings, with this login.
    pub fn settings(self, settings: &Settings) -> Settings {
        let url = settings.optional("DATABASE_URL").unwrap_or_default();
        settings.clone().with("DATABASE_URL", &self.url(url))
    }
}

/// Makes the logins on a server where the migrations have run; `client` may create roles.
///
/// # Errors
/// As the server.
pub async fn create_logins(client: &Client) -> Result<(), tokio_postgres::Error> {
    // Roles belong to the whole server, so another process may make the same one at the same moment.
    let statements: String = Access::EVERY
        .iter()
        .map(|access| {
            format!(
                "begin
                     if not exists (select 1 from pg_roles where rolname = '{login}') then
                         create role {login} login password '{PASSWORD}' in role {roles};
                     end if;
                 exception when duplicate_object or unique_violation then null;
                 end;",
                login = access.login(),
                roles = access.roles(),
            )
        })
        .collect();
    client
        .batch_execute(&format!("do $$ begin {statements} end $$"))
        .await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_names_the_login() {
        assert_eq!(
            Access::of("sms-webhook").url("postgres://owner:secret@127.0.0.1:5432/db?sslmode=require"),
            "postgres://ringspace_local_webhooks:local@127.0.0.1:5432/db?sslmode=require"
        );
        let settings = Settings::of(&[("DATABASE_URL", "postgres://owner@127.0.0.1/db")]);
        assert_eq!(
            Access::of("reconciler")
                .settings(&settings)
                .optional("DATABASE_URL"),
            Some("postgres://ringspace_local_worker:local@127.0.0.1/db")
        );
    }
}
