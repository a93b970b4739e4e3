//! Stores what arrived while Postgres was away.
//!
//! Trigger: SQS `SpoolQueue`. Effect: each webhook is stored as if it had been stored at once, with the time at which it arrived, in
//! any order, any number of times. Answer: the records that have to come again, because Postgres is still away; a record that no
//! retry can cure is parked with its reason, alone.

mod handler;

pub use handler::App;
