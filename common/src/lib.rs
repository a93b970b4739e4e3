//! What two or more of Ringspace's functions share.
//!
//! - [`domain`]: numbers, keywords, segments, statuses, destinations. No I/O, no wire formats, imports no sibling.
//! - [`webhook`]: what the carrier sends us and reads from us: signature, form, cXML.
//! - [`signalwire`]: what we ask of the carrier over REST.
//! - [`store`]: Postgres, one statement a webhook. Knows nothing of [`signalwire`], nor the reverse: functions join them.
//! - [`config`]: settings from the environment and one secret, re-read while a function lives.
//! - [`http`]: the edge of an HTTP function: API Gateway events in, answers and problem documents out.
//! - [`receiver`]: what the functions that the carrier calls have in common.
//! - [`ingest`]: what each of the carrier's webhooks stores; [`spool`]: where one waits when it cannot be stored.
//! - [`event`]: the provisioning events of the queue; [`queue`]: SQS, [`batch`]: what comes from it; [`bus`]: EventBridge.
//! - [`caller`]: who calls the API and what they may do; [`bearer`]: their tokens. [`telemetry`]: the log;
//!   [`metrics`]: one line an invocation, and what is counted.

mod aws_http;
pub mod batch;
pub mod bearer;
pub mod bus;
pub mod caller;
pub mod config;
pub mod domain;
pub mod event;
pub mod http;
pub mod ingest;
pub mod metrics;
pub mod queue;
pub mod receiver;
pub mod signalwire;
pub mod spool;
pub mod store;
pub mod telemetry;
pub mod tls;
pub mod webhook;
