//! The carrier's side: a SignalWire stand-in with state, as strict as the carrier, independent of our own code.

mod answer;
mod campaign;
mod carrier;
mod config;
mod control;
mod cxml;
mod delivery;
mod endpoint;
mod fault;
mod ledger;
mod magic;
mod messaging;
mod paging;
mod random;
mod resource;
mod rest;
mod server;
mod signature;
mod simulator;
mod state;
mod stock;
mod text;
mod voice;
mod webhook;
mod wire;

pub use crate::{
    config::{Config, PlatformNumber, Timeouts},
    cxml::Element,
    delivery::{Delivery, DialedLeg, Reply},
    fault::{Fault, Operation, When},
    ledger::{Exchange, Ledger, RequestRecord, WebhookKind},
    magic::{MAGIC_AREA_CODES, MAGIC_TO, MAGIC_TO_PREFIXES, Magic, MagicEffect},
    resource::{
        call::CallRecord,
        campaign::{AssignmentRecord, OrderRecord},
        message::{Media, MessageKind, MessageRecord},
        number::{Hook, OwnedNumber},
        recording::{RecordingRecord, TranscriptionRecord},
    },
    signature::{sign_form, sign_json},
    simulator::Simulator,
    stock::{Purchase, StockNumber},
    voice::script::{CallScript, DialOutcome, Voicemail},
    wire::Params,
};
