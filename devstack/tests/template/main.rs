//! `template.yaml` beside the code: each function's variables are what it reads, its policy is what it calls, its routes are
//! those of the local watcher; alarms name paragraphs that exist and metrics that are counted.

mod functions;
mod operation;
mod reading;
