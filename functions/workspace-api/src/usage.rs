//! What was used, what it costs and what it brings in: of a workspace, and of the whole platform.

use crate::field::{Field, Kind, Schema};
use crate::route::{Answers, Body, Call, Failure, Route, Run};
use crate::shapes::{CHANNELS, MONEY};
use common::domain::Scope;
use common::http::answer;
use common::store::api;
use lambda_http::http::HeaderValue;
use lambda_http::{Body as Bytes, Response};

/// The routes.
pub const ROUTES: &[Route] = &[
    Route {
        method: "GET",
        path: "/api/workspaces/{workspaceId}/usage",
        operation: "getUsage",
        summary: "The figures of some days: in total, by number and by channel.",
        scope: Scope::UsageRead,
        query: SPAN,
        body: Body::None,
        needs_key: false,
        answers: Answers::One(200, &USAGE),
        refusals: &[],
        run: Run::Statement(&api::USAGE),
    },
    Route {
        method: "GET",
        path: "/api/workspaces/{workspaceId}/usage/series",
        operation: "getUsageSeries",
        summary: "The figures day by day, for charts; without gaps.",
        scope: Scope::UsageRead,
        query: &[
            FROM,
            TO,
            TIME_ZONE,
            Field::new(
                "interval",
                Kind::OneOf(INTERVALS),
                "What a point stands for; `day` when left out.",
            )
            .optional(),
        ],
        body: Body::None,
        needs_key: false,
        answers: Answers::One(200, &SERIES),
        refusals: &[],
        run: Run::Statement(&api::USAGE_SERIES),
    },
    Route {
        method: "GET",
        path: "/api/workspaces/{workspaceId}/usage.csv",
        operation: "exportUsage",
        summary: "A line for each day, number and channel; `rental` is what a number costs, `plan` what the workspace pays.",
        scope: Scope::UsageRead,
        query: SPAN,
        body: Body::None,
        needs_key: false,
        answers: Answers::File("text/csv"),
        refusals: &[],
        run: Run::Custom(|call| Box::pin(export(call))),
    },
    Route {
        method: "GET",
        path: "/api/platform/usage",
        operation: "getPlatformUsage",
        summary: "The figures of all workspaces together, for operators: keys that belong to no workspace.",
        scope: Scope::PlatformRead,
        query: SPAN,
        body: Body::None,
        needs_key: false,
        answers: Answers::One(200, &PLATFORM),
        refusals: &[],
        run: Run::Statement(&api::PLATFORM_USAGE),
    },
    Route {
        method: "GET",
        path: "/api/platform/workspaces",
        operation: "listPlatformWorkspaces",
        summary: "The figures of each workspace, for operators: keys that belong to no workspace.",
        scope: Scope::PlatformRead,
        query: SPAN,
        body: Body::None,
        needs_key: false,
        answers: Answers::Page(&PLATFORM_WORKSPACE),
        refusals: &[],
        run: Run::Statement(&api::PLATFORM_WORKSPACES),
    },
];

async fn export(call: Call<'_>) -> Result<Response<Bytes>, Failure> {
    let answered = call.ask(&api::USAGE_CSV, &call.arguments).await?;
    let text = answered.body.as_str().unwrap_or_default().to_owned();
    let mut response = answer(200, "text/csv; charset=utf-8", text);
    let name = HeaderValue::from_static("attachment; filename=\"usage.csv\"");
    response.headers_mut().insert("content-disposition", name);
    Ok(response)
}

const INTERVALS: &[&str] = &["day", "week", "month"];

const FROM: Field = Field::new(
    "from",
    Kind::Date,
    "The first day; 29 days before `to` when left out, 366 at most.",
)
.optional();
const TO: Field = Field::new("to", Kind::Date, "The last day, included; today when left out.").optional();
const TIME_ZONE: Field = Field::new(
    "timeZone",
    Kind::Text(64),
    "Where a day begins at midnight, such as America/Chicago; UTC when left out.",
)
.optional();
const SPAN: &[Field] = &[FROM, TO, TIME_ZONE];

const COUNT: Kind = Kind::Integer(0, i64::MAX);

const fn count(name: &'static str, doc: &'static str) -> Field {
    Field::new(name, COUNT, doc)
}

const fn amount(name: &'static str, doc: &'static str) -> Field {
    Field::new(name, Kind::Decimal, doc)
}

const COST: Schema = Schema {
    name: "UsageCost",
    doc: "What the carrier takes: its own prices where it has told them, the rate of the day where not. In `currency`.",
    fields: &[
        amount("messages", "Messages, automatic replies included."),
        amount("calls", "Calls, with every leg that they dialled."),
        amount(
            "numbers",
            "The numbers, by the part of each month that they were held; from the rate table, since the carrier tells no price.",
        ),
        amount("total", "All of it."),
        amount("estimated", "So much of the total comes from the rate table."),
        Field::new(
            "estimatedShare",
            Kind::Decimal,
            "The same as a share, from 0 to 1.",
        )
        .nullable(),
        count(
            "unpriced",
            "Messages for which there is neither a price nor a rate: they are not in the total.",
        ),
    ],
};

const REVENUE: Schema = Schema {
    name: "UsageRevenue",
    doc: "What the plan brings in, by the part of each month that it was held. In `currency`.",
    fields: &[
        amount("plan", "The plan itself."),
        amount("extraNumbers", "Numbers beyond those that it includes."),
        amount("total", "All of it."),
    ],
};

/// The figures that everything has, and some more.
macro_rules! figures {
    ($($more:expr),* $(,)?) => {
        &[
            count("messagesIn", "Messages received."),
            count("messagesOut", "Messages sent, automatic replies included."),
            count("delivered", "So many of those sent are known to have arrived."),
            count("failed", "So many of those sent did not."),
            Field::new("deliveredShare", Kind::Decimal, "`delivered` of `messagesOut`, from 0 to 1; some carriers confirm nothing.").nullable(),
            count("segmentsIn", "Segments received."),
            count("segmentsOut", "Segments sent."),
            count("callsIn", "Calls received."),
            count("callsOut", "Calls made."),
            count("callSeconds", "How long they took."),
            count("callMinutes", "The same in started minutes, as the carrier counts."),
            Field::new("cost", Kind::Object(&COST), "What the carrier takes."),
            $($more),*
        ]
    };
}

const NUMBER_DAYS: Field = amount("numberDays", "Days for which a number was held, in parts.");
const REVENUE_FIELD: Field = Field::new("revenue", Kind::Object(&REVENUE), "What it brings in.");
const MARGIN: Field = amount("margin", "Revenue less cost.");

const TOTALS: Schema = Schema {
    name: "UsageTotals",
    doc: "The figures of all numbers and channels.",
    fields: figures![NUMBER_DAYS, REVENUE_FIELD, MARGIN],
};

const BY_NUMBER: Schema = Schema {
    name: "UsageOfNumber",
    doc: "The figures of one number.",
    fields: figures![
        NUMBER_DAYS,
        Field::new("phoneNumber", Kind::Phone, "The number."),
        Field::new("phoneNumberId", Kind::Uuid, "Its id; null for the shared number.").nullable(),
        Field::new("label", Kind::Text(200), "Its label.").nullable(),
    ],
};

const BY_CHANNEL: Schema = Schema {
    name: "UsageOfChannel",
    doc: "The figures of one channel.",
    fields: figures![Field::new("channel", Kind::OneOf(CHANNELS), "The channel.")],
};

const PROVISIONING: Schema = Schema {
    name: "UsageProvisioning",
    doc: "The orders of these days.",
    fields: &[
        count("orders", "All of them."),
        count("succeeded", "Those that have their number."),
        count("needsAttention", "Those that gave up."),
        count("canceled", "Those that nobody wants any more."),
        Field::new(
            "successShare",
            Kind::Decimal,
            "Of those that are decided, from 0 to 1.",
        )
        .nullable(),
    ],
};

const IDLE: Schema = Schema {
    name: "IdleNumber",
    doc: "A number without a message or call for thirty days.",
    fields: &[
        Field::new("phoneNumberId", Kind::Uuid, "Its id."),
        Field::new("phoneNumber", Kind::Phone, "The number."),
        Field::new(
            "status",
            Kind::OneOf(&["active", "suspended"]),
            "Whether it can be used.",
        ),
        Field::new("lastUsedAt", Kind::Time, "When somebody used it last.").nullable(),
        count("idleDays", "Since so many days."),
        Field::new("monthlyCost", Kind::Object(&MONEY), "What it costs all the same."),
    ],
};

const FIRST: Field = Field::new("from", Kind::Date, "The first day.");
const LAST: Field = Field::new("to", Kind::Date, "The last day, included.");
const ZONE: Field = Field::new("timeZone", Kind::Text(64), "Where the days begin at midnight.");
const CURRENCY: Field = Field::new("currency", Kind::Text(3), "Of every amount here; ISO 4217.");

const USAGE: Schema = Schema {
    name: "Usage",
    doc: "The figures of a workspace.",
    fields: &[
        Field::new("workspaceId", Kind::Uuid, "The workspace."),
        FIRST,
        LAST,
        ZONE,
        CURRENCY,
        Field::new("totals", Kind::Object(&TOTALS), "All together."),
        Field::new(
            "byNumber",
            Kind::List(&Kind::Object(&BY_NUMBER), 10_000),
            "Number by number.",
        ),
        Field::new(
            "byChannel",
            Kind::List(&Kind::Object(&BY_CHANNEL), 3),
            "Channel by channel.",
        ),
        Field::new(
            "provisioning",
            Kind::Object(&PROVISIONING),
            "What became of orders.",
        ),
        Field::new(
            "idleNumbers",
            Kind::List(&Kind::Object(&IDLE), 10_000),
            "Numbers that nobody uses.",
        ),
    ],
};

const POINT: Schema = Schema {
    name: "UsagePoint",
    doc: "One point of a chart.",
    fields: &[
        Field::new("date", Kind::Date, "Its first day."),
        count("messagesIn", "Messages received."),
        count("messagesOut", "Messages sent."),
        count("delivered", "So many of those sent are known to have arrived."),
        count("failed", "So many of those sent did not."),
        count("segments", "Segments, both ways."),
        count("callsIn", "Calls received."),
        count("callsOut", "Calls made."),
        count("callMinutes", "Started minutes."),
        amount("cost", "What the carrier takes."),
        amount("costEstimated", "So much of it comes from the rate table."),
        amount("revenue", "What it brings in."),
        amount("margin", "Revenue less cost."),
    ],
};

const SERIES: Schema = Schema {
    name: "UsageSeries",
    doc: "The figures of a workspace over time.",
    fields: &[
        Field::new("workspaceId", Kind::Uuid, "The workspace."),
        FIRST,
        LAST,
        ZONE,
        CURRENCY,
        Field::new("interval", Kind::OneOf(INTERVALS), "What a point stands for."),
        Field::new(
            "points",
            Kind::List(&Kind::Object(&POINT), 367),
            "In their order.",
        ),
    ],
};

const ROUTING: Schema = Schema {
    name: "PlatformRouting",
    doc: "Inbound messages and calls, and whether they found their workspace.",
    fields: &[
        count("routed", "Those that did."),
        count("unrouted", "Those that did not."),
        Field::new("successShare", Kind::Decimal, "From 0 to 1.").nullable(),
        amount(
            "unroutedCost",
            "What the carrier takes for what belongs to nobody.",
        ),
        amount(
            "unroutedCostEstimated",
            "So much of it comes from the rate table.",
        ),
    ],
};

const PLATFORM_DAY: Schema = Schema {
    name: "PlatformDay",
    doc: "One day of the platform.",
    fields: &[
        Field::new("date", Kind::Date, "The day."),
        count("messagesIn", "Messages received."),
        count("messagesOut", "Messages sent."),
        amount("cost", "What the carrier takes."),
        amount("revenue", "What it brings in."),
        amount("margin", "Revenue less cost."),
    ],
};

const TIER_SUCCESS: Schema = Schema {
    name: "TierProvisioning",
    doc: "How many workspaces of a paying tier have their number, at this moment.",
    fields: &[
        Field::new("tier", Kind::OneOf(TIERS), "The tier."),
        count("workspaces", "Active workspaces."),
        count("withNumbers", "Those with an active number."),
        Field::new("successShare", Kind::Decimal, "From 0 to 1.").nullable(),
    ],
};

const NUMBERS_OF_STATUS: Schema = Schema {
    name: "NumbersOfStatus",
    doc: "Numbers of one status, at this moment.",
    fields: &[
        Field::new(
            "status",
            Kind::OneOf(&["active", "suspended", "released"]),
            "The status.",
        ),
        count("numbers", "So many."),
        Field::new("monthlyCost", Kind::Object(&MONEY), "What they cost a month."),
    ],
};

const IDLE_NUMBERS: Schema = Schema {
    name: "IdleNumbers",
    doc: "Numbers without a message or call for thirty days.",
    fields: &[
        count("numbers", "So many."),
        Field::new("monthlyCost", Kind::Object(&MONEY), "What they cost a month."),
    ],
};

const TIERS: &[&str] = &["starter", "professional", "enterprise"];

const PLATFORM: Schema = Schema {
    name: "PlatformUsage",
    doc: "The figures of the platform.",
    fields: &[
        FIRST,
        LAST,
        ZONE,
        CURRENCY,
        Field::new("totals", Kind::Object(&TOTALS), "All workspaces together."),
        Field::new(
            "byChannel",
            Kind::List(&Kind::Object(&BY_CHANNEL), 3),
            "Channel by channel.",
        ),
        Field::new(
            "days",
            Kind::List(&Kind::Object(&PLATFORM_DAY), 367),
            "Day by day; days without anything are left out.",
        ),
        Field::new("routing", Kind::Object(&ROUTING), "What found its workspace."),
        Field::new(
            "provisioning",
            Kind::List(&Kind::Object(&TIER_SUCCESS), 3),
            "By paying tier.",
        ),
        Field::new(
            "numbers",
            Kind::List(&Kind::Object(&NUMBERS_OF_STATUS), 3),
            "By status.",
        ),
        Field::new(
            "idleNumbers",
            Kind::Object(&IDLE_NUMBERS),
            "Those that nobody uses.",
        ),
    ],
};

const PLATFORM_WORKSPACE: Schema = Schema {
    name: "PlatformWorkspace",
    doc: "The figures of one workspace, for operators; amounts in US dollars.",
    fields: figures![
        NUMBER_DAYS,
        REVENUE_FIELD,
        MARGIN,
        Field::new("workspaceId", Kind::Uuid, "The workspace."),
        Field::new("name", Kind::Text(500), "Its name."),
        Field::new("tier", Kind::OneOf(TIERS), "Its tier, at this moment."),
        Field::new("isActive", Kind::Bool, "Whether it is still there."),
    ],
};
