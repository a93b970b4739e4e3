//! The schema, and every statement that runs on it.

mod callers;
mod consent;
mod figures;
mod limits;
mod migrations;
mod money;
mod numbers;
mod operations;
mod outbound;
mod plans;
mod releases;
mod schema;
mod statements;
mod support;
