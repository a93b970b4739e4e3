//! Ringspace on one machine: real Postgres, the real handlers, and a simulator in the carrier's place.
//!
//! [`fixture`] is what a test of one function needs.

pub mod fixture;
