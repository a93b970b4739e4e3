//! Random histories of a few customers against a sequential model. A history depends on its seed alone, and names it when it fails.

use super::Scale;
use super::model::{Expected, Inbound, Model, RANKS, Sent};
use super::random::Random;
use crate::Broken;
use crate::check;
use crate::lab::{Lab, NUMBER, STATUS, Way, ask, customer};
use crate::programs::Programs;
use crate::tally::Tally;
use serde_json::{Value, json};
use testkit::runtime_api::Function;

/// How many steps a history has.
const STEPS: usize = 60;

/// How many histories share a database and a carrier; their customers are their own.
const PER_LAB: u32 = 20;

/// Functions that stay warm from history to history; two of each webhook, for what happens at once.
struct Desk<'a> {
    lab: Lab<'a>,
    sms: [Function; 2],
    status: [Function; 2],
    send: Function,
    replay: Function,
    reconciler: Function,
}

/// One history.
struct History<'d, 'a> {
    desk: &'d Desk<'a>,
    tally: &'d Tally,
    seed: u64,
    random: Random,
    model: Model,
    customers: Vec<String>,
    is_away: bool,
    spooled: Vec<String>,
    keys: usize,
}

/// Runs them.
pub(super) async fn run(programs: &Programs, tally: &Tally, scale: Scale) -> Result<(), Broken> {
    tally.say(format_args!(
        "histories {} to {}",
        scale.seed,
        scale.seed + u64::from(scale.histories) - 1
    ));
    let mut desk = None;
    for number in 0..scale.histories {
        if number % PER_LAB == 0 {
            if let Some(done) = desk.take() {
                finish(&done, tally).await?;
            }
            desk = Some(open(programs).await?);
        }
        let Some(desk) = &desk else { continue };
        let seed = scale.seed + u64::from(number);
        let mut history = History {
            desk,
            tally,
            seed,
            random: Random::new(seed),
            model: Model::default(),
            customers: (0..3).map(|_| customer()).collect(),
            is_away: false,
            spooled: Vec::new(),
            keys: 0,
        };
        history.play().await?;
        tally.count("histories", 1);
        if number % 50 == 49 {
            tally.say(format_args!("{} histories", number + 1));
        }
    }
    match desk {
        Some(desk) => finish(&desk, tally).await,
        None => Ok(()),
    }
}

async fn open(programs: &Programs) -> Result<Desk<'_>, Broken> {
    let lab = Lab::open(programs).await?;
    Ok(Desk {
        sms: [
            lab.start("sms-webhook", Way::Proxied).await?,
            lab.start("sms-webhook", Way::Proxied).await?,
        ],
        status: [
            lab.start("status-callback", Way::Proxied).await?,
            lab.start("status-callback", Way::Proxied).await?,
        ],
        send: lab.start("outbound-send", Way::Proxied).await?,
        replay: lab.start("spool-replay", Way::Proxied).await?,
        reconciler: lab.start("reconciler", Way::Proxied).await?,
        lab,
    })
}

async fn finish(desk: &Desk<'_>, tally: &Tally) -> Result<(), Broken> {
    check::sends_are_known(&desk.lab, tally, "histories").await?;
    check::conversations_agree(&desk.lab, tally, "histories").await
}

impl History<'_, '_> {
    async fn play(&mut self) -> Result<(), Broken> {
        for _ in 0..STEPS {
            match self.random.below(100) {
                0..30 => self.message().await?,
                30..40 => self.repeat().await,
                40..60 => self.send().await,
                60..78 => self.report().await,
                78..86 => self.outage().await?,
                86..94 => self.replay(true).await?,
                _ => self.reconcile().await?,
            }
            if self.is_away && self.random.percent(20) {
                self.back().await?;
            }
        }
        self.back().await?;
        self.replay(false).await?;
        self.reconcile().await?;
        self.verify().await
    }

    fn expect(&self, holds: bool, what: impl FnOnce() -> String) {
        self.tally.expect(holds, || {
            format!("history --seed {} --count 1: {}", self.seed, what())
        });
    }

    fn customer(&mut self) -> String {
        self.random.choose(&self.customers).clone()
    }

    /// A customer writes. Sometimes the webhook comes twice at once, sometimes not at all.
    async fn message(&mut self) -> Result<(), Broken> {
        let customer = self.customer();
        let body = (*self
            .random
            .choose(&["Hello", "Is this on?", "STOP", "START", "Ünïcödé 🙂"]))
        .to_owned();
        let sid = self
            .desk
            .lab
            .fixture
            .simulator
            .inbound_sms(&customer, NUMBER, &body)
            .await
            .sid;
        let mut inbound = Inbound {
            sid,
            customer,
            body,
            is_stored: false,
            is_acknowledged: false,
        };
        let is_lost = inbound.consent().is_none() && self.random.percent(8);
        if !is_lost {
            let is_twice = inbound.consent().is_none() && self.random.percent(20);
            self.deliver(&inbound, is_twice).await;
            inbound.is_acknowledged = true;
            inbound.is_stored = !self.is_away;
        }
        self.model.inbound.push(inbound);
        Ok(())
    }

    async fn deliver(&self, message: &Inbound, is_twice: bool) {
        let [one, two] = &self.desk.sms;
        let event = || {
            self.desk
                .lab
                .message_from(&message.customer, &message.sid, &message.body)
        };
        let answers = if is_twice {
            let (a, b) = tokio::join!(ask(one, event()), ask(two, event()));
            vec![a, b]
        } else {
            vec![ask(one, event()).await]
        };
        for answer in answers {
            self.tally.answered("histories", answer.took);
            self.expect(answer.status == 200, || {
                format!("{} was answered with {}", message.sid, answer.status)
            });
            let is_confirmed = answer.body.contains("<Message");
            let should_be = message.consent().is_some() && !self.is_away;
            self.expect(is_confirmed == should_be, || {
                format!("{:?}, away {}: {}", message.body, self.is_away, answer.body)
            });
        }
    }

    /// An earlier webhook comes again.
    async fn repeat(&mut self) {
        let again: Vec<Inbound> = self
            .model
            .inbound
            .iter()
            .filter(|message| message.is_stored || (self.is_away && message.consent().is_none()))
            .cloned()
            .collect();
        if again.is_empty() {
            return;
        }
        let message = self.random.choose(&again).clone();
        self.deliver(&message, message.consent().is_none()).await;
        self.model
            .stored(|known| known.sid == message.sid && !self.is_away);
        if let Some(known) = self
            .model
            .inbound
            .iter_mut()
            .find(|known| known.sid == message.sid)
        {
            known.is_acknowledged = true;
        }
    }

    /// We write, with a new key or a used one.
    async fn send(&mut self) {
        if self.is_away && !self.random.percent(1) {
            return; // a send waits some seconds for a Postgres that is away
        }
        let used: Vec<(String, String, String)> = self
            .model
            .sent
            .iter()
            .map(|(key, sent)| (key.clone(), sent.customer.clone(), sent.body.clone()))
            .collect();
        let (key, customer, body) = if !used.is_empty() && self.random.percent(40) {
            let (key, customer, body) = self.random.choose(&used).clone();
            let body = if self.random.percent(25) {
                format!("{body} (changed)")
            } else {
                body
            };
            (key, customer, body)
        } else {
            self.keys += 1;
            let key = format!("key {} {} {}", self.customers[0], self.seed, self.keys);
            (key.clone(), self.customer(), format!("Text of {key}"))
        };
        let lab = &self.desk.lab;
        let expected = self.model.expected(&key, &customer, &body);
        let before = check::sends_of(lab, &body);
        let answer = ask(&self.desk.send, lab.send(&customer, &body, &key)).await;
        let after = check::sends_of(lab, &body);
        self.tally.count("sends beyond keys", after.saturating_sub(1));
        if self.is_away {
            self.expect(answer.status == 503 && after == before, || {
                format!("a send without Postgres: {}", answer.status)
            });
            return;
        }
        let wanted = match expected {
            Expected::New => (201, before + 1),
            Expected::Replay => (201, before),
            Expected::Mismatch => (422, before),
            Expected::OptedOut => (409, before),
        };
        self.expect((answer.status, after) == wanted, || {
            format!(
                "{expected:?} send: {} and {after} sends, wanted {wanted:?}: {}",
                answer.status, answer.body
            )
        });
        let told = answer.json();
        let text = |name: &str| told[name].as_str().unwrap_or_default().to_owned();
        match expected {
            Expected::New => {
                let sent = Sent {
                    id: text("id"),
                    sid: text("sid"),
                    customer,
                    body,
                    rank: 0,
                };
                self.model.sent.insert(key, sent);
            }
            Expected::Replay => {
                let sid = self.model.sent[&key].sid.clone();
                self.expect(text("sid") == sid, || {
                    format!("a replay names {} instead of {sid}", text("sid"))
                });
            }
            Expected::Mismatch | Expected::OptedOut => {
                self.model.refused.insert(body);
            }
        }
    }

    /// The carrier reports on a message of ours, sometimes twice at once.
    async fn report(&mut self) {
        let keys: Vec<String> = self.model.sent.keys().cloned().collect();
        if keys.is_empty() {
            return;
        }
        let key = self.random.choose(&keys).clone();
        let rank = self.random.below(RANKS.len());
        let sent = self.model.sent[&key].clone();
        let path = if self.random.percent(50) {
            STATUS.to_owned()
        } else {
            format!("{STATUS}/{}", sent.id)
        };
        let fields = [("MessageSid", sent.sid.as_str()), ("MessageStatus", RANKS[rank])];
        let event = || self.desk.lab.fixture.webhook_event(&path, "", &fields);
        let [one, two] = &self.desk.status;
        let answers = if self.random.percent(20) {
            let (a, b) = tokio::join!(ask(one, event()), ask(two, event()));
            vec![a, b]
        } else {
            vec![ask(one, event()).await]
        };
        for answer in answers {
            self.tally.answered("histories", answer.took);
            self.expect(answer.status == 200, || {
                format!("a report was answered with {}", answer.status)
            });
        }
        self.model.report(&key, rank);
    }

    async fn outage(&mut self) -> Result<(), Broken> {
        if !self.is_away {
            self.is_away = true;
            self.desk.lab.database.refuse(true).await?;
            self.desk.lab.database.reset_all();
        }
        Ok(())
    }

    async fn back(&mut self) -> Result<(), Broken> {
        self.is_away = false;
        self.desk.lab.database.refuse(false).await?;
        Ok(())
    }

    /// Some of what waits is delivered, in any order; what fails comes again.
    async fn replay(&mut self, is_partial: bool) -> Result<(), Broken> {
        self.spooled.extend(self.desk.lab.drain().await?);
        self.random.shuffle(&mut self.spooled);
        let some = if is_partial {
            self.random.below(self.spooled.len() + 1)
        } else {
            self.spooled.len()
        };
        let batch: Vec<String> = self.spooled.drain(..some).collect();
        self.tally.count("webhooks spooled and replayed", batch.len());
        let again = self.desk.lab.replay(&self.desk.replay, batch.clone()).await?;
        let is_away = self.is_away;
        self.expect(again.is_empty() || is_away, || {
            format!("{} records were not replayed", again.len())
        });
        if self.is_away {
            self.spooled.extend(again);
            return Ok(());
        }
        let done: Vec<String> = batch.iter().filter_map(|record| sid_of(record)).collect();
        self.model.stored(|message| done.contains(&message.sid));
        if self.random.percent(20) {
            self.spooled.extend(batch); // a queue delivers at least once
        }
        Ok(())
    }

    async fn reconcile(&mut self) -> Result<(), Broken> {
        if self.is_away || self.model.has_waiting_keyword() {
            return Ok(());
        }
        let report = self
            .desk
            .reconciler
            .invoke(json!({ "resources": ["rule/lab-five-minutes"] }))
            .await?;
        self.expect(report["problems"] == json!([]), || report.to_string());
        self.model.stored(|_| true);
        Ok(())
    }

    async fn verify(&self) -> Result<(), Broken> {
        let lab = &self.desk.lab;
        let case = format!("history --seed {} --count 1", self.seed);
        let (brought, lost): (Vec<&Inbound>, Vec<&Inbound>) = self
            .model
            .inbound
            .iter()
            .partition(|message| message.is_acknowledged);
        let sids = |messages: Vec<&Inbound>| -> Vec<String> {
            messages.iter().map(|message| message.sid.clone()).collect()
        };
        check::messages_are_stored(lab, self.tally, &case, &sids(brought)).await?;
        check::messages_are_filled_in(lab, self.tally, &case, &sids(lost)).await?;
        for customer in &self.customers {
            let inbound = self
                .model
                .inbound
                .iter()
                .filter(|message| message.customer == *customer)
                .count();
            let outbound = self
                .model
                .sent
                .values()
                .filter(|sent| sent.customer == *customer)
                .count();
            let found = "select count(*) filter (where direction = 'inbound'), count(*) filter (where direction = 'outbound')
                         from conversation_messages
                         where case direction when 'inbound' then sender_phone else recipient_phone end = $1";
            let row = lab.fixture.sql.query_one(found, &[customer]).await?;
            let found = (row.get::<_, i64>(0), row.get::<_, i64>(1));
            let wanted = (i64::try_from(inbound)?, i64::try_from(outbound)?);
            self.expect(found == wanted, || {
                format!("{found:?} messages in and out, wanted {wanted:?}")
            });
            let consent =
                "select coalesce(bool_or(opted_out), false) from opt_outs where customer_phone = $1";
            let is_out: bool = lab.fixture.sql.query_one(consent, &[customer]).await?.get(0);
            let should_be = self.model.is_opted_out(customer);
            self.expect(is_out == should_be, || {
                format!("opted out: {is_out}, wanted {should_be}")
            });
        }
        for sent in self.model.sent.values() {
            let row = "select to_jsonb(m) from conversation_messages m where external_id = $1";
            let row: Value = lab.fixture.sql.query_one(row, &[&sent.sid]).await?.get(0);
            let wanted = RANKS[sent.rank];
            self.expect(row["status"] == wanted, || {
                format!("{} is {}, wanted {wanted}", sent.sid, row["status"])
            });
            self.expect(check::sends_of(lab, &sent.body) == 1, || {
                format!("{:?} was not sent once", sent.body)
            });
        }
        for body in &self.model.refused {
            let is_ours = self.model.sent.values().any(|sent| sent.body == *body);
            self.expect(is_ours || check::sends_of(lab, body) == 0, || {
                format!("{body:?} was sent")
            });
        }
        Ok(())
    }
}

/// The SID in a spooled form.
fn sid_of(record: &str) -> Option<String> {
    let record: Value = serde_json::from_str(record).ok()?;
    let body = base64_decoded(record["body"].as_str()?)?;
    url::form_urlencoded::parse(&body)
        .find(|(name, _)| name == "MessageSid")
        .map(|(_, value)| value.into_owned())
}

fn base64_decoded(text: &str) -> Option<Vec<u8>> {
    use base64::Engine;
    base64::engine::general_purpose::STANDARD.decode(text).ok()
}
