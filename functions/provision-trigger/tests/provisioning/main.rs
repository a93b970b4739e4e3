//! Orders for numbers, against real Postgres and the simulated carrier.

mod buying;
mod events;
mod faults;
mod plans;
mod support;
