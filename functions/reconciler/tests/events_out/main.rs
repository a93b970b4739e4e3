//! Events out: written with what they tell, delivered signed, in order, to whom they concern.
#![allow(clippy::unwrap_used, reason = "a test may stop where it is")]

mod delivering;
mod desk;
mod hook;
mod telling;
