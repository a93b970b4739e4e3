//! The carrier's side: a SignalWire stand-in with state, the one used by every test and by `cargo dev`.
//!
//! It is as strict as the carrier and independent of our own code: its own signatures, its own reading of XML. "FACTS n"
//! in these docs is a section of the carrier fact sheet; "uncertain" marks what the carrier does not document.
//!
//! ```no_run
//! # async fn example() -> std::io::Result<()> {
//! use simulator::{CallScript, Config, Fault, Operation, PlatformNumber, Simulator};
//!
//! let mut number = PlatformNumber::new("+14052290000");
//! number.sms_url = Some("http://127.0.0.1:3000/api/webhooks/signalwire/sms".to_owned());
//! let sim = Simulator::start(Config { platform_numbers: vec![number], ..Config::default() }).await?;
//!
//! let delivery = sim.inbound_sms("+14055231234", "+14052290000", "STOP").await;
//! assert!(delivery.is_clean() && delivery.replies.len() == 1);
//! sim.redeliver(&delivery).await; // the same bytes again
//!
//! sim.fail_next(Operation::Purchase, Fault::status_after(500)); // bought, and the answer is a 500
//! sim.inbound_call("+14055231234", "+14052290000", CallScript::leaves_voicemail(14, "Call me back")).await;
//! sim.settle().await; // every callback has been delivered
//! assert!(sim.ledger().warnings.is_empty());
//! # Ok(()) }
//! ```
//!
//! # REST
//!
//! Compat (`/api/laml/2010-04-01/Accounts/{AccountSid}`, `.json` optional): the account, AvailablePhoneNumbers (Local,
//! TollFree), IncomingPhoneNumbers, Messages with Media, Calls, Recordings, Transcriptions. JSON: `/api/messaging/messages`
//! and `/logs`, `/api/relay/rest/phone_numbers` (reads), `/api/relay/rest/registry/beta` (orders, assignments). What is
//! not simulated answers 404. Unknown parameters are ignored, as by the carrier, and noted in
//! [`RequestRecord::unknown_params`].
//!
//! # Magic numbers
//!
//! A `To` of `+1500555` or `+1907555` and four digits ([`MAGIC_TO`]); the digits are the last four of the code.
//!
//! | digits | a send or a call |
//! |---|---|
//! | 1211 1219 1601 1610 1612 1614 1717 | is refused, 400, code 2xxxx with these digits |
//! | 4001 | is refused, 422, code 4001 (no balance) |
//! | 1611 0429 | is refused, 429 with `Retry-After: 1`, code 21611 (queue full), 20429 (throttled) |
//! | 5000 5003 | answers 500, 503; nothing happened |
//! | 5001 5004 | happens, and answers 500, 503 |
//! | 0001 0010 0011 0022 0027 3019 | is accepted and reported `failed` with 30001 30010 30011 30022 30027 63019 |
//! | 0003 0004 0005 0006 0007 0008 | is accepted and reported `sent`, then `undelivered` with 30003 … 30008 |
//! | 1000 | is accepted; nothing is ever reported |
//! | 1001 | is accepted; ends in `sent` |
//! | 0486 0480 0404 | (call) ends `busy`, `no-answer`, `failed` |
//!
//! Area codes of the generated stock ([`MAGIC_AREA_CODES`]): 405 539 918 580 572 (OK), 415 628 (CA), 212 646 (NY), 416
//! (ON, country `CA`) sell 30 numbers each, every fifth without SMS, every seventh without voice. 907 has none, 908 only
//! unusable ones, 209 only such as are gone at the purchase (422), 213 only such as cost more than the balance (4001), 323
//! only such as are bought with a 500 as the answer. A campaign exists for every UUID but the nil one.
//!
//! # By curl
//!
//! Under `/_sim/` on the same port, without credentials: `POST inbound/sms|mms|whatsapp|call`, `POST faults`
//! (`{"operation":"purchase","fault":{"kind":"close","when":"after"},"times":1}`; `times` 0 is always, no `fault` clears),
//! `DELETE faults`, `POST advance` (`{"days":14}`), `POST settle`, `GET ledger`, `GET stock`, `GET magic`.
//!
//! # Uncertain
//!
//! The code of a number that is not for sale (21422 here); whether 22121 comes with 409 or 422 (422); the HTTP status of
//! most refusals (400); whether the bounds of date filters are included (they are), and whether an unsent message counts
//! by its creation (it does); how a GET webhook is signed; the form of an inbound WhatsApp message; the extra parameters of
//! a fallback request (none); whether a redirected webhook is requested with GET (it is). `#ot=…&rt=…` overrides are not
//! read, and webhooks go to plain `http` only: an `https` URL fails with 11220.

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
