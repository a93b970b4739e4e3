//! The schema, and every statement that runs on it.

mod callers;
mod figures;
mod migrations;
mod numbers;
mod releases;
mod schema;
mod statements;
mod support;
