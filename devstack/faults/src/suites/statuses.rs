//! Every order of a message's reports, each with one report repeated, ends in the same row.

use super::Scale;
use crate::Broken;
use crate::lab::{Lab, STATUS, Way, ask, sid};
use crate::programs::Programs;
use crate::tally::Tally;
use serde_json::{Value, json};
use testkit::runtime_api::Function;
use uuid::Uuid;

/// Reports that one message or call may get: status, error code, and further fields.
type Report = (&'static str, &'static str);

const MESSAGE_SETS: [(&[Report], &str); 4] = [
    (
        &[("queued", ""), ("sending", ""), ("sent", ""), ("delivered", "")],
        "delivered",
    ),
    (
        &[
            ("sent", ""),
            ("failed", "30008"),
            ("undelivered", "30005"),
            ("read", ""),
        ],
        "read",
    ),
    (
        &[
            ("queued", ""),
            ("sent", ""),
            ("failed", "30003"),
            ("undelivered", "30005"),
        ],
        "undelivered",
    ),
    (
        &[
            ("sending", ""),
            ("undelivered", "30005"),
            ("delivered", ""),
            ("read", ""),
        ],
        "read",
    ),
];

const EVERY_STATUS: [Report; 7] = [
    ("queued", ""),
    ("sending", ""),
    ("sent", ""),
    ("failed", "30008"),
    ("undelivered", "30005"),
    ("delivered", ""),
    ("read", ""),
];

/// One end, since of several the first stays.
const CALL_SET: [Report; 4] = [
    ("queued", ""),
    ("ringing", ""),
    ("in-progress", ""),
    ("completed", ""),
];

struct Bench<'a> {
    lab: Lab<'a>,
    function: Function,
}

/// Runs all of it.
pub(super) async fn run(programs: &Programs, tally: &Tally, scale: Scale) -> Result<(), Broken> {
    let lab = Lab::open(programs).await?;
    let function = lab.start("status-callback", Way::Direct).await?;
    let bench = Bench { lab, function };
    for (set, end) in MESSAGE_SETS {
        tally.say(format_args!(
            "messages: {:?} ends in {end}",
            set.iter().map(|report| report.0).collect::<Vec<_>>()
        ));
        let orders = with_one_repeated(set);
        bench.orders(tally, "sms", &orders, end, set.len()).await?;
    }
    tally.say("calls");
    bench
        .orders(
            tally,
            "call",
            &with_one_repeated(&CALL_SET),
            "completed",
            CALL_SET.len(),
        )
        .await?;
    if scale.is_full {
        tally.say("messages: all seven statuses in every order");
        let orders = permutations(&EVERY_STATUS);
        bench
            .orders(tally, "sms", &orders, "read", EVERY_STATUS.len())
            .await?;
    }
    Ok(())
}

impl Bench<'_> {
    async fn orders(
        &self,
        tally: &Tally,
        channel: &str,
        orders: &[Vec<Report>],
        end: &str,
        kinds: usize,
    ) -> Result<(), Broken> {
        let mut expected: Option<Value> = None;
        for (number, order) in orders.iter().enumerate() {
            let sid = sid("STA");
            // every other one is a row that does not know its SID yet: the report's URL says which it is
            let is_known = number % 2 == 0;
            let id = self
                .lab
                .outbound(is_known.then_some(sid.as_str()), channel)
                .await?;
            let path = if is_known {
                STATUS.to_owned()
            } else {
                format!("{STATUS}/{id}")
            };
            for report in order {
                let event = self
                    .lab
                    .fixture
                    .webhook_event(&path, "", &fields(channel, &sid, report));
                let answer = ask(&self.function, event).await;
                tally.answered("status-callback without any fault", answer.took);
                let is_right = answer.status == 200 && answer.body == "<Response/>";
                tally.expect(is_right, || {
                    format!("{order:?}: answered {} {}", answer.status, answer.body)
                });
            }
            let row = self.row(id).await?;
            tally.count("orders of status reports tried", 1);
            tally.count("status reports acknowledged", order.len());
            tally.expect(
                row["status"] == end && row["sid"] == sid.as_str() && row["reports"] == kinds,
                || format!("{order:?}: {row}"),
            );
            let lasting = json!({ "status": row["status"], "error_code": row["error_code"], "segments": row["segments"],
                "is_delivered": row["is_delivered"], "duration": row["duration"] });
            let first = expected.get_or_insert_with(|| lasting.clone());
            tally.expect(*first == lasting, || {
                format!("{order:?} ends in {lasting}, another order in {first}")
            });
        }
        Ok(())
    }

    async fn row(&self, id: Uuid) -> Result<Value, Broken> {
        let row = "select jsonb_build_object('status', status, 'error_code', error_code, 'segments', segments, 'sid', external_id,
                'is_delivered', delivered_at is not null, 'duration', call_duration,
                'reports', (select count(*) from status_reports r where r.message_id = m.id))
            from conversation_messages m where id = $1";
        Ok(self.lab.fixture.sql.query_one(row, &[&id]).await?.get(0))
    }
}

fn fields<'a>(channel: &str, sid: &'a str, (status, code): &'a Report) -> Vec<(&'static str, &'a str)> {
    if channel == "call" {
        let mut fields = vec![("CallSid", sid), ("CallStatus", *status)];
        if *status == "completed" {
            fields.push(("CallDuration", "94"));
        }
        return fields;
    }
    let mut fields = vec![("MessageSid", sid), ("MessageStatus", *status)];
    if !code.is_empty() {
        fields.push(("ErrorCode", code));
    }
    // only some reports say how many segments
    if matches!(*status, "sent" | "delivered") {
        fields.push(("NumSegments", "2"));
    }
    fields
}

/// Every distinct order of the items with one of them twice.
fn with_one_repeated(items: &[Report]) -> Vec<Vec<Report>> {
    let mut all = Vec::new();
    for item in items {
        let mut more = items.to_vec();
        more.push(*item);
        all.extend(permutations(&more));
    }
    all.sort_unstable();
    all.dedup();
    all
}

fn permutations(items: &[Report]) -> Vec<Vec<Report>> {
    if items.is_empty() {
        return vec![Vec::new()];
    }
    let mut all = Vec::new();
    for index in 0..items.len() {
        let mut rest = items.to_vec();
        let head = rest.remove(index);
        all.extend(permutations(&rest).into_iter().map(|mut tail| {
            tail.insert(0, head);
            tail
        }));
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn orders() {
        assert_eq!(with_one_repeated(&CALL_SET).len(), 4 * 60);
        assert_eq!(permutations(&EVERY_STATUS).len(), 5040);
    }
}
