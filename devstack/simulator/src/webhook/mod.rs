//! Webhooks: how they travel, and how their answers are judged (FACTS 6).

pub(crate) mod client;
pub(crate) mod deliver;
