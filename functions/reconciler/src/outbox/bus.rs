//! Events to the bus, oldest first.

use crate::handler::Parts;
use common::bus::{BusEvent, ENTRIES_MAX};
use common::store;
use serde_json::{Value, json};
use std::time::Instant;
use uuid::Uuid;

/// What was done.
#[derive(Default)]
pub struct Done {
    pub counts: Vec<(&'static str, usize)>,
    pub problems: Vec<String>,
    pub store_problem: Option<store::Error>,
}

/// Puts what is due on the bus.
pub async fn deliver(parts: &Parts, until: Instant) -> Done {
    let mut done = Done::default();
    let limit = i32::try_from(ENTRIES_MAX).unwrap_or(i32::MAX);
    loop {
        let name = parts.bus.as_ref().map(|bus| bus.name());
        let due = match parts.store().claim_bus_events(name, limit).await {
            Ok(due) => due,
            Err(error) => {
                done.store_problem = Some(error);
                return done;
            }
        };
        let (Some(bus), false) = (&parts.bus, due.is_empty()) else {
            return done;
        };
        let events: Vec<BusEvent> = due
            .iter()
            .map(|event| BusEvent {
                kind: event.kind.clone(),
                document: event.document.clone(),
                occurred_at: event.occurred_at,
            })
            .collect();
        let answers = match bus.put(&events).await {
            Ok(answers) => answers,
            Err(error) => {
                done.problems.push(error.to_string());
                vec![Some(error.to_string()); due.len()]
            }
        };
        let mut sent: Vec<Uuid> = Vec::new();
        let mut refused: Vec<Value> = Vec::new();
        for (event, refusal) in due.iter().zip(answers) {
            match refusal {
                None => sent.push(event.id),
                Some(why) => refused.push(json!({ "id": event.id, "error": why })),
            }
        }
        done.counts.push(("events_on_bus", sent.len()));
        if !refused.is_empty() {
            done.counts.push(("events_refused_by_bus", refused.len()));
        }
        if let Err(error) = parts
            .store()
            .finish_bus_events(&sent, &Value::Array(refused))
            .await
        {
            done.store_problem = Some(error);
        }
        if !done.problems.is_empty() || done.store_problem.is_some() || Instant::now() >= until {
            return done;
        }
    }
}
