//! What is said of numbers and orders.

use crate::field::{Field, Kind, Schema};
use crate::shapes::{MONEY, NUMBER_TYPES};

/// Where an order stands.
pub const ORDER_STATES: &[&str] = &[
    "requested",
    "searching",
    "purchasing",
    "configuring",
    "active",
    "retrying",
    "needs_attention",
    "canceled",
];

/// An order.
pub const ORDER: Schema = Schema {
    name: "Order",
    doc: "An order for a number: from the request to the number, or to what a person has to do.",
    fields: &[
        Field::new("id", Kind::Uuid, "Its id."),
        Field::new("state", Kind::OneOf(ORDER_STATES), "Where it stands."),
        Field::new("reason", Kind::Text(2000), "Why it stands there, for a person.").nullable(),
        Field::new("attempts", Kind::Integer(0, 1_000_000), "How many tries there were."),
        Field::new("nextAttemptAt", Kind::Time, "When the next one is, while it is `retrying`.").nullable(),
        Field::new("areaCode", Kind::AreaCode, "Where a number is wanted.").nullable(),
        Field::new("numberType", Kind::OneOf(NUMBER_TYPES), "What the number is for."),
        Field::new("friendlyName", Kind::Text(200), "Its label.").nullable(),
        Field::new("phoneNumber", Kind::Phone, "The number that was chosen.").nullable(),
        Field::new("phoneNumberId", Kind::Uuid, "The number, once it is the workspace's.").nullable(),
        Field::new("isRetryable", Kind::Bool, "Whether `retry` does something."),
        Field::new("isCancelable", Kind::Bool, "Whether `cancel` does something."),
        Field::new("createdAt", Kind::Time, "Since when."),
        Field::new("updatedAt", Kind::Time, "When it last moved."),
    ],
};

const READINESS: Schema = Schema {
    name: "MessagingReadiness",
    doc: "Whether the number may text (10DLC).",
    fields: &[
        Field::new(
            "state",
            Kind::OneOf(&["not_required", "pending", "ready", "failed"]),
            "`pending` and `failed` numbers take calls, but send no SMS.",
        ),
        Field::new("reason", Kind::Text(2000), "Why.").nullable(),
        Field::new("nextAction", Kind::Text(200), "The one thing to do: `none`, or words for a person."),
    ],
};

const WEBHOOKS: Schema = Schema {
    name: "WebhookHealth",
    doc: "Whether the carrier knows where the number's messages and calls go.",
    fields: &[
        Field::new(
            "state",
            Kind::OneOf(&["ok", "stale", "missing"]),
            "`stale` or `missing`: register the webhooks anew.",
        ),
        Field::new("lastActivityAt", Kind::Time, "When the number last saw a message or call.").nullable(),
    ],
};

const RELEASE: Schema = Schema {
    name: "Release",
    doc: "A number on its way out.",
    fields: &[
        Field::new("requestedAt", Kind::Time, "Since when."),
        Field::new("reason", Kind::OneOf(&["plan", "request"]), "Whether the plan ended or somebody asked."),
        Field::new(
            "releaseAt",
            Kind::Time,
            "When it goes: the carrier keeps a number for 14 days after its purchase.",
        ),
        Field::new("lastError", Kind::Text(2000), "Why the last try failed.").nullable(),
        Field::new("releasedAt", Kind::Time, "When it went.").nullable(),
    ],
};

/// A number.
pub const NUMBER: Schema = Schema {
    name: "PhoneNumber",
    doc: "A number of the workspace.",
    fields: &[
        Field::new("id", Kind::Uuid, "Its id."),
        Field::new("phoneNumber", Kind::Phone, "E.164."),
        Field::new("friendlyName", Kind::Text(200), "Its label.").nullable(),
        Field::new("numberType", Kind::OneOf(NUMBER_TYPES), "What it is for: the department."),
        Field::new("isPrimary", Kind::Bool, "Whether it is used when nothing else is said."),
        Field::new(
            "status",
            Kind::OneOf(&["active", "suspended", "released"]),
            "Whether it can be used.",
        ),
        Field::new("capabilities", Kind::MapOf(&Kind::Bool), "`voice`, `sms`, `mms`."),
        Field::new("messagingReadiness", Kind::Object(&READINESS), "Whether it may text."),
        Field::new("webhooks", Kind::Object(&WEBHOOKS), "Whether inbound traffic reaches us."),
        Field::new("monthlyCost", Kind::Object(&MONEY), "What the carrier charges a month."),
        Field::new("order", Kind::Object(&ORDER), "What it was bought with.").nullable(),
        Field::new("release", Kind::Object(&RELEASE), "How it goes, if it does.").nullable(),
        Field::new("provisionedAt", Kind::Time, "Since when it is the workspace's."),
        Field::new("releasedAt", Kind::Time, "Until when it was.").nullable(),
    ],
};

/// What happens when somebody calls.
pub const VOICE_SETTINGS: Schema = Schema {
    name: "VoiceSettings",
    doc: "What happens when somebody calls the number.",
    fields: &[
        Field::new("phoneNumberId", Kind::Uuid, "The number."),
        Field::new("forwardTo", FORWARD_TO, "Who rings, all at once; nobody: voicemail answers."),
        Field::new("businessHours", Kind::Object(&HOURS), "When they ring; null: always.").nullable(),
        Field::new("timeZone", Kind::Text(64), "Of the hours: `America/Chicago`."),
        Field::new("greeting", Kind::Text(500), "What voicemail says.").nullable(),
        Field::new("missedCallText", Kind::Text(320), "What a caller whom nobody answered is texted.").nullable(),
        Field::new("isOpenNow", Kind::Bool, "Whether a call would be forwarded at this moment."),
        Field::new("updatedAt", Kind::Time, "When they were set; null: never.").nullable(),
    ],
};

/// Ten at most ring at once.
pub const FORWARD_TO: Kind = Kind::List(&Kind::Phone, 10);

const SPANS: Kind = Kind::List(&Kind::List(&Kind::Text(5), 2), 6);

/// Spans of a week.
pub const HOURS: Schema = Schema {
    name: "BusinessHours",
    doc: "For each day the spans in which calls are forwarded: `[[\"09:00\", \"17:00\"]]`; `24:00` is midnight. A day that is not there is closed.",
    fields: &[
        Field::new("mon", SPANS, "Monday.").optional(),
        Field::new("tue", SPANS, "Tuesday.").optional(),
        Field::new("wed", SPANS, "Wednesday.").optional(),
        Field::new("thu", SPANS, "Thursday.").optional(),
        Field::new("fri", SPANS, "Friday.").optional(),
        Field::new("sat", SPANS, "Saturday.").optional(),
        Field::new("sun", SPANS, "Sunday.").optional(),
    ],
};
