//! Every byte cut of a send's conversations with Postgres: before the carrier is asked and after.
//!
//! The answer has to agree with the carrier's ledger: 201 and 202 mean at most one send, 503 none. The same key again never sends
//! twice, also after two minutes, when the key's first holder counts as gone. In the end the reconciler has settled every row.

use super::Scale;
use super::cuts::{Start, points};
use crate::Broken;
use crate::check;
use crate::lab::{Lab, Way, ask, customer, sid};
use crate::programs::Programs;
use crate::tally::Tally;
use futures_util::future::Either;
use serde_json::json;
use std::time::Duration;
use testkit::proxy::Direction;
use testkit::runtime_api::Function;

/// Postgres is back so soon that a send waits for it.
const RESTART: Duration = Duration::from_millis(250);

/// Postgres is away for longer than a send waits: the answer of the carrier cannot be written.
const OUTAGE: Duration = Duration::from_secs(12);

struct Bench<'a> {
    lab: Lab<'a>,
    send: Function,
    reconciler: Function,
}

/// Runs all cuts of a send.
pub(super) async fn run(programs: &Programs, tally: &Tally, scale: Scale) -> Result<(), Broken> {
    let lab = Lab::open(programs).await?;
    let send = lab.start("outbound-send", Way::Proxied).await?;
    let reconciler = lab.start("reconciler", Way::Direct).await?;
    let bench = Bench {
        lab,
        send,
        reconciler,
    };
    for start in [Start::Warm, Start::Cold] {
        let (to_server, to_client) = bench.measure(start).await?;
        tally.say(format_args!(
            "Outbound, {start:?}: {to_server} bytes to Postgres, {to_client} back"
        ));
        for (direction, length) in [(Direction::ToServer, to_server), (Direction::ToClient, to_client)] {
            for at in points(length, scale.stride) {
                bench.cut(tally, start, direction, at, None).await?;
                if start == Start::Warm && at % (16 * scale.stride) == 0 {
                    bench.cut(tally, start, direction, at, Some(RESTART)).await?;
                }
            }
            if start == Start::Warm && scale.is_full {
                for at in points(length, length / 3) {
                    bench.cut(tally, start, direction, at, Some(OUTAGE)).await?;
                }
            }
        }
    }
    bench.settle(tally).await
}

impl Bench<'_> {
    async fn prepare(&self, start: Start) {
        // a request that is refused after its first statement needs no carrier
        let event = self.lab.send(&customer(), "Warm", &sid("WARM"));
        ask(&self.send, event).await;
        if start == Start::Cold {
            self.lab.database.reset_all();
            tokio::time::sleep(std::time::Duration::from_millis(3)).await;
        }
    }

    async fn measure(&self, start: Start) -> Result<(u64, u64), Broken> {
        self.prepare(start).await;
        self.lab.database.reset_counts();
        let text = sid("Text ");
        ask(&self.send, self.lab.send(&customer(), &text, &text)).await;
        let counts = self.lab.database.counts();
        Ok((counts.bytes_to_server, counts.bytes_to_client))
    }

    async fn cut(
        &self,
        tally: &Tally,
        start: Start,
        direction: Direction,
        at: u64,
        away: Option<Duration>,
    ) -> Result<(), Broken> {
        self.prepare(start).await;
        let (to, text) = (customer(), sid("Text "));
        let event = || self.lab.send(&to, &text, &text);
        self.lab.database.refuse(away.is_some()).await?;
        self.lab.database.cut_after(at, direction);
        let asked = ask(&self.send, event());
        let back = async {
            tokio::time::sleep(away.unwrap_or_default()).await;
            self.lab.database.refuse(false).await
        };
        let asked = std::pin::pin!(asked);
        let back = std::pin::pin!(back);
        // whichever takes longer, the answer is what counts
        let first = match futures_util::future::select(asked, back).await {
            Either::Left((answer, _)) => answer,
            Either::Right((_, asked)) => asked.await,
        };
        self.lab.database.cut_after(u64::MAX, Direction::ToServer);
        self.lab.database.refuse(false).await?;
        tally.count("cut points tried: sends", 1);
        let case = format!("send, {start:?} cut {direction:?} at {at}, away {away:?}");
        let sent = check::sends_of(&self.lab, &text);
        let agrees = match first.status {
            201 => sent == 1,
            202 => sent <= 1,
            503 => sent == 0,
            _ => false,
        };
        tally.expect(agrees, || {
            format!(
                "{case}: answered {} with {sent} sends: {}",
                first.status, first.body
            )
        });

        let mut statuses = vec![first.status];
        for attempt in 0..2 {
            if attempt == 1 {
                let age = "update idempotency_keys set created_at = created_at - interval '3 minutes' where key = $1";
                self.lab.fixture.sql.execute(age, &[&text]).await?;
            }
            statuses.push(ask(&self.send, event()).await.status);
            let now = check::sends_of(&self.lab, &text);
            tally.count("sends beyond keys", now.saturating_sub(1));
            tally.expect(now <= 1, || {
                format!("{case}: {now} sends for one key, answers {statuses:?}")
            });
            let last = statuses[statuses.len() - 1];
            let plausible = matches!((attempt, last), (_, 201 | 202) | (0, 409));
            tally.expect(plausible, || format!("{case}: answers {statuses:?}"));
        }
        tally.count("keys used again", 1);
        Ok(())
    }

    /// Rows whose answer could not be written find their message at the carrier.
    async fn settle(&self, tally: &Tally) -> Result<(), Broken> {
        let open = "select count(*) from conversation_messages where external_id is null and status in ('queued', 'unknown')";
        let before: i64 = self.lab.fixture.sql.query_one(open, &[]).await?.get(0);
        // as if three minutes had passed: before that a send may still be under way
        let age = "update conversation_messages set created_at = created_at - interval '3 minutes', checked_at = null
                   where external_id is null and status in ('queued', 'unknown')";
        self.lab.fixture.sql.execute(age, &[]).await?;
        let report = self
            .reconciler
            .invoke(json!({ "resources": ["rule/lab-five-minutes"] }))
            .await?;
        let after: i64 = self.lab.fixture.sql.query_one(open, &[]).await?.get(0);
        tally.say(format_args!(
            "{before} sends were left open, {after} after the reconciler"
        ));
        tally.expect(after == 0, || format!("{after} sends are still open: {report}"));
        check::sends_are_known(&self.lab, tally, "send cuts").await?;
        check::conversations_agree(&self.lab, tally, "send cuts").await
    }
}
