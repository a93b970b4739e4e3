//! Every byte cut of what a webhook says to Postgres and hears from it, on a warm and on a new connection.
//!
//! Each cut is tried while the server goes on serving, and while nothing listens any more, so that the webhook has to be spooled. With the
//! queue away as well, the answer has to be 503, and the carrier's second path takes the message.

use super::Scale;
use crate::Broken;
use crate::check;
use crate::lab::{Lab, Way, ask, sid};
use crate::programs::Programs;
use crate::tally::Tally;
use serde_json::Value;
use testkit::proxy::Direction;
use testkit::runtime_api::Function;

/// How a conversation begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Start {
    /// On a connection that is there.
    Warm,
    /// With a new connection.
    Cold,
}

/// What is there after the cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Then {
    /// Postgres goes on.
    Postgres,
    /// Postgres is away, the queue takes it.
    Queue,
    /// Both are away; the fallback's own queue access works.
    Nothing,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Inbound,
    Status,
}

struct Bench<'a> {
    lab: Lab<'a>,
    kind: Kind,
    webhook: Function,
    fallback: Function,
    replay: Function,
    acknowledged: Vec<String>,
}

/// Runs all cuts of inbound messages and of status reports.
pub(super) async fn run(programs: &Programs, tally: &Tally, scale: Scale) -> Result<(), Broken> {
    let kind = async |kind, function| {
        let lab = Lab::open(programs).await?;
        let webhook = lab.start(function, Way::Proxied).await?;
        let fallback = lab.start("webhook-fallback", Way::Direct).await?;
        let replay = lab.start("spool-replay", Way::Direct).await?;
        let mut bench = Bench {
            lab,
            kind,
            webhook,
            fallback,
            replay,
            acknowledged: Vec::new(),
        };
        bench.all(tally, scale).await
    };
    tokio::try_join!(
        kind(Kind::Inbound, "sms-webhook"),
        kind(Kind::Status, "status-callback")
    )
    .map(|_| ())
}

impl Bench<'_> {
    async fn all(&mut self, tally: &Tally, scale: Scale) -> Result<(), Broken> {
        for start in [Start::Warm, Start::Cold] {
            let (to_server, to_client) = self.measure(start).await?;
            tally.say(format_args!(
                "{:?}, {start:?}: {to_server} bytes to Postgres, {to_client} back",
                self.kind
            ));
            for (direction, length) in [(Direction::ToServer, to_server), (Direction::ToClient, to_client)] {
                for at in points(length, scale.stride) {
                    self.cut(tally, start, direction, at, Then::Postgres).await?;
                    self.cut(tally, start, direction, at, Then::Queue).await?;
                }
                // what comes of a 503 does not depend on the byte
                if self.kind == Kind::Inbound && (scale.is_full || start == Start::Warm) {
                    for at in points(length, if scale.is_full { 128 } else { length }) {
                        self.cut(tally, start, direction, at, Then::Nothing).await?;
                    }
                }
                self.settle(tally).await?;
            }
        }
        if self.kind == Kind::Inbound {
            check::conversations_agree(&self.lab, tally, "cuts").await?;
        }
        Ok(())
    }

    /// How long the conversation is, each way.
    async fn measure(&mut self, start: Start) -> Result<(u64, u64), Broken> {
        self.prepare(start).await?;
        self.lab.database.reset_counts();
        let (event, _) = self.event().await?;
        ask(&self.webhook, event).await;
        let counts = self.lab.database.counts();
        Ok((counts.bytes_to_server, counts.bytes_to_client))
    }

    async fn prepare(&self, start: Start) -> Result<(), Broken> {
        let (event, _) = self.event().await?;
        ask(&self.webhook, event).await;
        if start == Start::Cold {
            self.lab.database.reset_all();
            // the process has to see that its connection is gone
            tokio::time::sleep(std::time::Duration::from_millis(3)).await;
        }
        Ok(())
    }

    async fn event(&self) -> Result<(Value, String), Broken> {
        let sid = sid("CUT");
        let event = match self.kind {
            Kind::Inbound => self.lab.message(&sid, "Is this on?"),
            Kind::Status => {
                self.lab.outbound(Some(&sid), "sms").await?;
                self.lab.report(&sid, "delivered")
            }
        };
        Ok((event, sid))
    }

    async fn cut(
        &mut self,
        tally: &Tally,
        start: Start,
        direction: Direction,
        at: u64,
        then: Then,
    ) -> Result<(), Broken> {
        self.prepare(start).await?;
        let (event, sid) = self.event().await?;
        if then != Then::Postgres && start == Start::Warm {
            self.lab.database.refuse(true).await?;
        }
        if then == Then::Nothing {
            self.lab.aws_proxy.refuse(true).await?;
            self.lab.aws_proxy.reset_all();
        }
        self.lab.database.cut_after(at, direction);
        let answering = ask(&self.webhook, event);
        let answer = if then != Then::Postgres && start == Start::Cold {
            // the first new connection has to get through to be cut
            let before = self.lab.database.counts().connections;
            let close = async {
                while self.lab.database.counts().connections == before {
                    tokio::task::yield_now().await;
                }
                self.lab.database.refuse(true).await
            };
            let (answer, closed) = tokio::join!(answering, close);
            closed?;
            answer
        } else {
            answering.await
        };
        self.lab.database.cut_after(u64::MAX, Direction::ToServer);
        self.lab.database.refuse(false).await?;
        self.lab.aws_proxy.refuse(false).await?;
        tally.count("cut points tried: webhooks", 1);
        let case = format!(
            "{:?} {start:?} cut {direction:?} at {at}, then {then:?}",
            self.kind
        );
        tally.answered(&case, answer.took);
        match answer.status {
            200 => self.acknowledged.push(sid),
            503 if then == Then::Nothing => {
                let second = ask(&self.fallback, self.lab.message_at_fallback(&sid, "Is this on?")).await;
                tally.expect(second.status == 200, || {
                    format!("{case}: the fallback answered {}", second.status)
                });
                tally.count("messages taken by the fallback", 1);
                self.acknowledged.push(sid);
            }
            status => tally.violation(format!("{case}: answered {status} {}", answer.body)),
        }
        Ok(())
    }

    /// Replays what was spooled, and looks whether everything that was acknowledged is there once.
    async fn settle(&mut self, tally: &Tally) -> Result<(), Broken> {
        let mut spooled = self.lab.drain().await?;
        tally.count("webhooks spooled and replayed", spooled.len());
        spooled.reverse();
        let again = self.lab.replay(&self.replay, spooled).await?;
        tally.expect(again.is_empty(), || {
            format!("{} records were not replayed", again.len())
        });
        let acknowledged = std::mem::take(&mut self.acknowledged);
        match self.kind {
            Kind::Inbound => check::messages_are_stored(&self.lab, tally, "cuts", &acknowledged).await,
            Kind::Status => {
                let wrong = "select count(*) from unnest($1::text[]) sid where not exists (
                        select 1 from conversation_messages m where m.external_id = sid and m.status = 'delivered')
                    or (select count(*) from status_reports r where r.external_id = sid) <> 1";
                let wrong: i64 = self
                    .lab
                    .fixture
                    .sql
                    .query_one(wrong, &[&acknowledged])
                    .await?
                    .get(0);
                tally.count("status reports acknowledged", acknowledged.len());
                tally.expect(wrong == 0, || {
                    format!("cuts: {wrong} reports were lost or stored twice")
                });
                Ok(())
            }
        }
    }
}

/// The points of a conversation that are tried: every `stride`th, its beginning and its end.
pub(super) fn points(length: u64, stride: u64) -> Vec<u64> {
    let mut points: Vec<u64> = (0..=length)
        .step_by(usize::try_from(stride.max(1)).unwrap_or(1))
        .collect();
    points.extend([1, length.saturating_sub(1), length]);
    points.sort_unstable();
    points.dedup();
    points
}
