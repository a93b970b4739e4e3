//! Workspace life cycle, as Clerk tells it.
//!
//! Trigger: `POST /api/webhooks/clerk`, signed by Standard Webhooks. Effect: an event on the provisioning queue, whose id is Clerk's
//! message id, so a repeat has no further effect. Answer: 200 once the queue has it, or when the event means nothing here;
//! 401 unsigned, 413 too long, 400 malformed, 503 when the queue did not take it (Clerk comes again).

mod handler;
mod translate;

pub use handler::App;
pub use translate::{Malformed, translate, workspace_id};
