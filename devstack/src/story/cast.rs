//! Who takes part.

use std::time::Duration;

use testkit::identity::Claims;
use uuid::Uuid;

/// The Pro workspace's organization at Clerk.
pub(super) const ORGANIZATION: &str = "org_2story_acme_plumbing";
pub(super) const NAME: &str = "Acme Plumbing";
pub(super) const SLUG: &str = "acme-plumbing";
pub(super) const AREA_CODE: &str = "405";
/// Who works there.
pub(super) const ADMIN: &str = "user_2story_ada";

/// A customer of the Pro workspace, and how somebody there typed the number.
pub(super) const CUSTOMER: &str = "+14155550101";
pub(super) const CUSTOMER_TYPED: &str = "(415) 555-0101";
/// The plumber's mobile: calls are forwarded to it.
pub(super) const MOBILE: &str = "+14055550177";
/// The agent who is joined with a customer.
pub(super) const AGENT: &str = "+14055550178";

/// The user of the personal Starter workspace.
pub(super) const USER: &str = "user_2story_sam_rivera";
/// A customer of the Starter workspace.
pub(super) const NEIGHBOUR: &str = "+14155550102";
/// Nobody has ever written to this number.
pub(super) const STRANGER: &str = "+14155550199";

/// How long a token of the local stack is good: longer than anybody stays.
const TOKEN_LIFETIME: Duration = Duration::from_secs(30 * 24 * 3600);

/// The Pro workspace's id: from the Clerk id, as every delivery makes it.
pub(super) fn workspace() -> Uuid {
    clerk_webhook::workspace_id(ORGANIZATION)
}

/// The Starter workspace's id.
pub(super) fn personal_workspace() -> Uuid {
    clerk_webhook::workspace_id(USER)
}

/// Ada's claims: admin of the organization.
pub(super) fn admin() -> Claims {
    Claims::of(ADMIN)
        .organization(ORGANIZATION, "admin", SLUG)
        .expires_in(TOKEN_LIFETIME)
}

/// Sam's claims: no organization.
pub(super) fn user() -> Claims {
    Claims::of(USER).expires_in(TOKEN_LIFETIME)
}
