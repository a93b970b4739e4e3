//! What a simulator is started with.

use std::{net::SocketAddr, time::Duration};

use crate::stock::StockNumber;

/// Settings of a [`crate::Simulator`]; `Default` is a project that owns nothing yet.
#[derive(Debug, Clone)]
pub struct Config {
    /// Where to listen; port 0 picks a free one.
    pub bind: SocketAddr,
    /// The project: user name of Basic authentication, and `AccountSid` everywhere.
    pub project_id: String,
    /// The API token: password of Basic authentication.
    pub token: String,
    /// Signs webhooks (FACTS 8).
    pub signing_key: String,
    /// Numbers that the project owns from the start, bought long ago.
    pub platform_numbers: Vec<PlatformNumber>,
    /// Numbers for sale; `None` generates the default stock (see the crate documentation).
    pub stock: Option<Vec<StockNumber>>,
    /// Whether sends and calls go through their life cycle by themselves; otherwise the test drives them with
    /// [`crate::Simulator::report_message`] and [`crate::Simulator::run_call`].
    pub auto_status: bool,
    /// How long before each step of a life cycle, and between the attempts of a status callback.
    pub callback_delay: Duration,
    /// Every webhook goes out a second time, identical, after its answer: receivers must be idempotent.
    pub deliver_twice: bool,
    /// Enforces the campaign rules for US local numbers bought here: no messaging until assigned (FACTS 10).
    pub campaign_required: bool,
    /// Patience of a webhook delivery.
    pub timeouts: Timeouts,
    /// Seed of SIDs and of the generated stock; `None` draws one.
    pub seed: Option<u64>,
}

/// How long a webhook may take (FACTS 6).
#[derive(Debug, Clone, Copy)]
pub struct Timeouts {
    /// To connect.
    pub connect: Duration,
    /// From request to the end of the answer.
    pub read: Duration,
    /// For all attempts of a status callback together.
    pub total: Duration,
}

impl Default for Timeouts {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(2),
            read: Duration::from_secs(5),
            total: Duration::from_secs(15),
        }
    }
}

/// A number that is owned from the start.
#[derive(Debug, Clone, Default)]
pub struct PlatformNumber {
    /// E.164.
    pub phone_number: String,
    /// `SmsUrl`.
    pub sms_url: Option<String>,
    /// `SmsFallbackUrl`.
    pub sms_fallback_url: Option<String>,
    /// `VoiceUrl`.
    pub voice_url: Option<String>,
    /// `VoiceFallbackUrl`.
    pub voice_fallback_url: Option<String>,
    /// `StatusCallback`: about calls only (FACTS 3).
    pub status_callback: Option<String>,
    /// Where inbound WhatsApp goes; `sms_url` when absent. Not a field of the Compat API.
    pub whatsapp_url: Option<String>,
}

impl PlatformNumber {
    /// A number without URLs.
    pub fn new(phone_number: impl Into<String>) -> Self {
        Self {
            phone_number: phone_number.into(),
            ..Self::default()
        }
    }
}

impl Default for Config {
    fn default() -> Self {
        Self {
            bind: SocketAddr::from(([127, 0, 0, 1], 0)),
            project_id: "6d7f2f6e-1d2c-4c3b-9a55-0c1f8e7a9b10".to_owned(),
            token: "PT_local_simulator_token".to_owned(),
            signing_key: "PSK_local_signing_key".to_owned(),
            platform_numbers: Vec::new(),
            stock: None,
            auto_status: true,
            callback_delay: Duration::from_millis(10),
            deliver_twice: false,
            campaign_required: false,
            timeouts: Timeouts::default(),
            seed: None,
        }
    }
}
