//! Status of messages, calls, recordings, transcriptions and number assignments.
//!
//! Trigger: `POST /api/webhooks/signalwire/status` and `…/status/*`; the URL that we give with a send carries our message's id, so that
//! a report which overtakes the send's own answer finds its row. Effect: the report is kept, its row moves forward, never back;
//! a report on a SID that nobody knows is parked. Answer: 200 with an empty document, whether the SID is known or not.

mod handler;

pub use handler::App;
