//! What the carrier keeps, and how its APIs show it.

pub(crate) mod call;
pub(crate) mod campaign;
pub(crate) mod message;
pub(crate) mod number;
pub(crate) mod recording;

/// The Compat base path of a project.
pub(crate) fn account_path(account_sid: &str) -> String {
    format!("/api/laml/2010-04-01/Accounts/{account_sid}")
}
