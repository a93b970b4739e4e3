//! What is said of events and endpoints.

use crate::field::{Field, Kind, Schema};

/// What may happen.
pub const TYPES: &[&str] = &[
    "message.received",
    "message.status_changed",
    "call.completed",
    "number.provisioned",
    "number.failed",
    "number.released",
    "consent.changed",
];

const COUNT: Kind = Kind::Integer(0, i64::MAX);

const ID: Field = Field::new("id", Kind::Uuid, "Its id.");
const URL: Field = Field::new("url", Kind::Text(2000), "Where events are posted.");
const DESCRIPTION: Field = Field::new("description", Kind::Text(500), "For people.").nullable();
const EVENT_TYPES: Field = Field::new(
    "eventTypes",
    Kind::List(&Kind::OneOf(TYPES), 20),
    "Which events go there; none: all.",
);
const IS_ACTIVE: Field = Field::new("isActive", Kind::Bool, "Whether events go there.");
const DISABLED: Field = Field::new("disabledReason", Kind::Text(500), "Why it was given up.").nullable();
const FAILURES: Field = Field::new("failures", COUNT, "Attempts in a row that failed by its fault.");
const FAILING: Field = Field::new("failingSince", Kind::Time, "Since when they fail.").nullable();
const CREATED: Field = Field::new("createdAt", Kind::Time, "Since when.");
const UPDATED: Field = Field::new("updatedAt", Kind::Time, "When it was last changed.");

/// An endpoint.
pub const ENDPOINT: Schema = Schema {
    name: "WebhookEndpoint",
    doc: "Where a workspace's events go, signed by Standard Webhooks.",
    fields: &[
        ID,
        URL,
        DESCRIPTION,
        EVENT_TYPES,
        IS_ACTIVE,
        DISABLED,
        FAILURES,
        FAILING,
        CREATED,
        UPDATED,
    ],
};

/// The same with what is shown once.
pub const ENDPOINT_WITH_SECRET: Schema = Schema {
    name: "WebhookEndpointWithSecret",
    doc: "An endpoint, and the secret that its deliveries are signed with: it is not shown again.",
    fields: &[
        ID,
        URL,
        DESCRIPTION,
        EVENT_TYPES,
        IS_ACTIVE,
        DISABLED,
        FAILURES,
        FAILING,
        CREATED,
        UPDATED,
        Field::new("secret", Kind::Text(100), "`whsec_…`"),
    ],
};

/// Ten at most, so there are no pages.
pub const ENDPOINTS: Schema = Schema {
    name: "WebhookEndpoints",
    doc: "The endpoints of a workspace.",
    fields: &[Field::new(
        "items",
        Kind::List(&Kind::Object(&ENDPOINT), 10),
        "The oldest first.",
    )],
};

const DELIVERY: Schema = Schema {
    name: "EventDelivery",
    doc: "An event on its way to an endpoint.",
    fields: &[
        Field::new("endpointId", Kind::Uuid, "Where."),
        Field::new(
            "state",
            Kind::OneOf(&["pending", "delivered", "failed"]),
            "`failed`: given up; replay it.",
        ),
        Field::new("attempts", COUNT, "How many there were."),
        Field::new("nextAttemptAt", Kind::Time, "When the next one is.").nullable(),
        Field::new(
            "lastStatus",
            Kind::Integer(100, 999),
            "What the endpoint answered last.",
        )
        .nullable(),
        Field::new("lastError", Kind::Text(500), "What went wrong.").nullable(),
        Field::new("deliveredAt", Kind::Time, "When it arrived.").nullable(),
    ],
};

const ATTEMPT: Schema = Schema {
    name: "EventAttempt",
    doc: "An attempt to deliver an event.",
    fields: &[
        Field::new("endpointId", Kind::Uuid, "Where."),
        Field::new("at", Kind::Time, "When."),
        Field::new(
            "status",
            Kind::Integer(100, 999),
            "What the endpoint answered; null: nothing.",
        )
        .nullable(),
        Field::new("error", Kind::Text(500), "What went wrong.").nullable(),
        Field::new("durationMs", COUNT, "How long it took."),
    ],
};

const TYPE: Field = Field::new("type", Kind::OneOf(TYPES), "What happened.");
const TIMESTAMP: Field = Field::new("timestamp", Kind::Time, "When.");
const WORKSPACE: Field = Field::new("workspaceId", Kind::Uuid, "Whose it is.");
const DATA: Field = Field::new(
    "data",
    Kind::Anything,
    "What happened to what: a message or call by `messageId`, a number by `phoneNumberId` or `orderId`, a consent by its numbers.",
);
const DELIVERIES: Field = Field::new(
    "deliveries",
    Kind::List(&Kind::Object(&DELIVERY), 10),
    "Where it goes.",
);

/// An event.
pub const EVENT: Schema = Schema {
    name: "Event",
    doc: "Something that happened. Endpoints get it without `deliveries`.",
    fields: &[ID, TYPE, TIMESTAMP, WORKSPACE, DATA, DELIVERIES],
};

/// An event with its log.
pub const EVENT_WITH_ATTEMPTS: Schema = Schema {
    name: "EventWithAttempts",
    doc: "Something that happened, and every attempt to tell it.",
    fields: &[
        ID,
        TYPE,
        TIMESTAMP,
        WORKSPACE,
        DATA,
        DELIVERIES,
        Field::new(
            "attempts",
            Kind::List(&Kind::Object(&ATTEMPT), 1000),
            "The oldest first.",
        ),
    ],
};

/// What a replay does.
pub const REPLAY: Schema = Schema {
    name: "Replay",
    doc: "Deliveries that will be made again.",
    fields: &[Field::new("deliveries", COUNT, "So many.")],
};
