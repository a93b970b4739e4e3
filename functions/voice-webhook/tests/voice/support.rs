//! A workspace with a number, and a function in front of it.

use devstack::fixture::{Fixture, text};
use serde_json::Value;
use testkit::proxy::Proxy;
use uuid::Uuid;
use voice_webhook::App;

pub const PATH: &str = "/api/webhooks/signalwire/voice";
pub const DIAL_RESULT: &str = "/api/webhooks/signalwire/voice/dial-result";
pub const RECORDING_DONE: &str = "/api/webhooks/signalwire/voice/recording-done";
pub const NUMBER: &str = "+14055550123";
pub const CALLER: &str = "+14155550101";
pub const EMPTY: &str = "<Response/>";
pub const HANGUP: &str = "<Response><Hangup/></Response>";

pub struct Desk {
    pub fixture: Fixture,
    pub app: App,
    pub workspace: Uuid,
    pub number: Uuid,
}

impl Desk {
    /// Acme, a professional workspace with [`NUMBER`].
    pub async fn open() -> Self {
        Self::open_with(|_| {}).await
    }

    pub async fn open_with(change: impl FnOnce(&mut Fixture)) -> Self {
        let mut fixture = Fixture::of("voice-webhook").await;
        change(&mut fixture);
        let workspace = fixture.workspace("Acme", "professional", "org_acme").await;
        let number = fixture.number(workspace, NUMBER, "primary").await;
        let app = App::start_with(fixture.settings())
            .await
            .expect("the settings are right");
        Self {
            fixture,
            app,
            workspace,
            number,
        }
    }

    /// The same with a proxy before Postgres.
    pub async fn open_behind_proxy() -> (Self, Proxy) {
        let mut proxy = None;
        let desk = Self::open_with(|fixture| proxy = Some(fixture.put_proxy())).await;
        (desk, proxy.expect("it was just started"))
    }

    /// Where calls of the number go: columns of `voice_settings` and their SQL values.
    pub async fn settings(&self, columns: &str, values: &str) {
        self.execute(&format!("delete from voice_settings; insert into voice_settings (phone_number_id, {columns}) values ('{}', {values})", self.number))
            .await;
    }

    pub async fn send(&self, path: &str, fields: &[(&str, &str)]) -> String {
        let response = self.app.handle(self.fixture.webhook(path, fields)).await;
        assert_eq!(response.status(), 200, "{}", text(&response));
        assert_eq!(response.headers()["content-type"], "text/xml; charset=utf-8");
        text(&response).to_owned()
    }

    /// A call from [`CALLER`] to [`NUMBER`].
    pub async fn call(&self, sid: &str) -> String {
        self.send(PATH, &call(sid, CALLER, NUMBER)).await
    }

    pub async fn status(&self, path: &str, fields: &[(&str, &str)]) -> u16 {
        self.app
            .handle(self.fixture.webhook(path, fields))
            .await
            .status()
            .as_u16()
    }

    pub async fn execute(&self, sql: &str) {
        self.fixture.execute(sql).await;
    }

    pub async fn everything(&self) -> Vec<Value> {
        self.fixture
            .tables(&[
                "conversations",
                "conversation_messages",
                "unrouted_messages",
                "parked_reports",
            ])
            .await
    }
}

pub fn call<'a>(sid: &'a str, from: &'a str, to: &'a str) -> Vec<(&'a str, &'a str)> {
    vec![
        ("CallSid", sid),
        ("ApiVersion", "2010-04-01"),
        ("From", from),
        ("To", to),
        ("CallStatus", "ringing"),
        ("Direction", "inbound"),
    ]
}

/// What voicemail answers to the call.
pub fn voicemail(words: &str, sid: &str) -> String {
    let base = "http://127.0.0.1:9000/api/webhooks/signalwire";
    format!(
        "<Response><Say>{words}</Say><Record action=\"{base}/voice/recording-done\" method=\"POST\" maxLength=\"120\" playBeep=\"true\" \
         recordingStatusCallback=\"{base}/status/recording?call={sid}\" recordingStatusCallbackMethod=\"POST\" transcribe=\"true\" \
         transcribeCallback=\"{base}/status/transcription?call={sid}\"/></Response>"
    )
}

pub const ACME: &str =
    "Thank you for calling Acme. We cannot take your call right now. Please leave a message after the tone.";
