//! Statuses as the carrier writes them, and as rows hold them.
//!
//! The order itself (`queued < sending < sent < failed < undelivered < delivered < read`) lives in the database, in
//! `message_status_rank` and `call_status_rank`, since it decides under the row's lock; here the wire's names become ours.

/// A message status in our words. The REST API says `initiated` where callbacks say `sending`; callbacks on inbound messages say
/// `receiving`, `received` (FACTS 4). `None` for a word that is not documented: it is kept as a report and moves nothing.
pub fn message(wire: &str) -> Option<&'static str> {
    Some(match wire {
        "queued" | "accepted" | "scheduled" => "queued",
        "sending" | "initiated" => "sending",
        "sent" => "sent",
        "failed" | "canceled" => "failed",
        "undelivered" => "undelivered",
        "delivered" => "delivered",
        "read" => "read",
        "received" | "receiving" => "received",
        _ => return None,
    })
}

/// A call status in our words (FACTS 5): `initiated` and `answered` come in callbacks only.
pub fn call(wire: &str) -> Option<&'static str> {
    Some(match wire {
        "queued" | "initiated" => "queued",
        "ringing" => "ringing",
        "in-progress" | "answered" => "in-progress",
        "completed" => "completed",
        "busy" => "busy",
        "no-answer" => "no-answer",
        "failed" => "failed",
        "canceled" => "canceled",
        _ => return None,
    })
}

/// Whether a call in this state is over (spec S1).
pub fn is_end_of_call(status: &str) -> bool {
    matches!(status, "completed" | "busy" | "no-answer" | "failed" | "canceled")
}

#[cfg(test)]
mod tests {
    #[test]
    fn wire_words() {
        assert_eq!(super::message("initiated"), Some("sending"));
        assert_eq!(super::message("melted"), None);
        assert_eq!(super::call("initiated"), Some("queued"));
        assert_eq!(super::call(""), None);
    }
}
