//! Looking for numbers, and ordering one.

use super::{announce, event};
use crate::field::{Field, Kind, Schema};
use crate::phone_numbers::shapes::ORDER;
use crate::problems::{self, bad_request};
use crate::route::{Answers, Body, Call, Failure, Route, Run};
use crate::shapes::{MONEY, NUMBER_TYPES};
use common::domain::{Scope, area_code};
use common::event::Kind as EventKind;
use common::signalwire::{self, Browse};
use common::store::api;
use lambda_http::http::HeaderValue;
use lambda_http::{Body as Bytes, Response};
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};
use uuid::Uuid;

const AVAILABLE: Schema = Schema {
    name: "AvailableNumber",
    doc: "A number that can be bought.",
    fields: &[
        Field::new("phoneNumber", Kind::Phone, "E.164."),
        Field::new("city", Kind::Text(100), "Where it is.").nullable(),
        Field::new("region", Kind::Text(2), "State or province.").nullable(),
        Field::new("capabilities", Kind::MapOf(&Kind::Bool), "`voice`, `sms`, `mms`."),
        Field::new("monthlyCost", Kind::Object(&MONEY), "What the carrier charges a month."),
        Field::new("heldUntil", Kind::Time, "No other workspace gets it before then."),
    ],
};

const FOUND: Schema = Schema {
    name: "AvailableNumbers",
    doc: "What was found, each held for ten minutes. The carrier itself reserves nothing: somebody outside may still be faster.",
    fields: &[Field::new(
        "items",
        Kind::List(&Kind::Object(&AVAILABLE), 20),
        "The numbers.",
    )],
};

/// A search, which holds what it shows.
pub const SEARCH: Route = Route {
    method: "POST",
    path: "/api/workspaces/{workspaceId}/phone-numbers/search",
    operation: "searchPhoneNumbers",
    summary: "Numbers for sale. What is shown is held for this workspace for ten minutes; its next search lets them go.",
    scope: Scope::NumbersWrite,
    query: &[],
    body: Body::Of(&[
        Field::new(
            "areaCode",
            Kind::AreaCode,
            "Where; when nothing is said, the workspace's own.",
        )
        .optional(),
        Field::new(
            "contains",
            Kind::Text(12),
            "Digits, letters as on a telephone's keys, and `*` for any digit.",
        )
        .optional(),
        Field::new("region", Kind::Text(2), "State or province: `OK`.").optional(),
        Field::new("city", Kind::Text(100), "A city of that region.").optional(),
        Field::new("country", Kind::OneOf(&["US", "CA"]), "`US` when it is not said.").optional(),
        Field::new("limit", Kind::Integer(1, 20), "How many; 10 when it is not said.").optional(),
    ]),
    needs_key: false,
    answers: Answers::One(200, &FOUND),
    refusals: &["carrier_refused"],
    run: Run::Custom(|call| Box::pin(search(call))),
};

/// An order.
pub const REQUEST: Route = Route {
    method: "POST",
    path: "/api/workspaces/{workspaceId}/phone-numbers",
    operation: "requestPhoneNumber",
    summary: "Orders a number: one that was found, or any with an area code.",
    scope: Scope::NumbersWrite,
    query: &[],
    body: Body::Of(&[
        Field::new("areaCode", Kind::AreaCode, "Where; when nothing is said, the workspace's own.").optional(),
        Field::new(
            "phoneNumber",
            Kind::Phone,
            "Just this number, found by a search; not with `areaCode`.",
        )
        .optional(),
        Field::new(
            "numberType",
            Kind::OneOf(NUMBER_TYPES),
            "What it is for; `custom` when it is not said.",
        )
        .optional(),
        Field::new("friendlyName", Kind::Text(200), "Its label.").optional(),
    ]),
    needs_key: true,
    answers: Answers::One(202, &ORDER),
    refusals: &["number_limit", "number_taken", "idempotency_mismatch"],
    run: Run::Custom(|call| Box::pin(request(call))),
};

async fn search(mut call: Call<'_>) -> Result<Response<Bytes>, Failure> {
    let contains = call.text("contains").to_ascii_lowercase();
    if !contains.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'*') {
        return Err(bad_request("contains", "`contains` may have digits, letters and `*`").into());
    }
    let region = call.text("region").to_ascii_uppercase();
    if !region.is_empty() && !(region.len() == 2 && region.bytes().all(|byte| byte.is_ascii_uppercase())) {
        return Err(bad_request("region", "`region` is two letters").into());
    }
    let city = call.text("city").trim().to_owned();
    if !city.is_empty() && region.is_empty() {
        return Err(bad_request("city", "`city` needs its `region`").into());
    }
    let mut code = call.text("areaCode").to_owned();
    let begun = call.ask(&api::BEGIN_NUMBER_SEARCH, &Map::new()).await?;
    if code.is_empty() && contains.is_empty() && region.is_empty() {
        let own = begun.body["areaCode"].as_str();
        code = own.unwrap_or(&call.parts.default_area_code).to_owned();
    }
    let country = match call.text("country") {
        "" => area_code::region(&code).map_or("US", |(country, _)| country),
        country => country,
    }
    .to_owned();
    let filled = |text: &str| (!text.is_empty()).then(|| text.to_owned());
    let (code, contains, region, city) = (filled(&code), filled(&contains), filled(&region), filled(&city));
    let browse = Browse {
        country: &country,
        area_code: code.as_deref(),
        contains: contains.as_deref(),
        region: region.as_deref(),
        city: city.as_deref(),
    };
    let mut found = call.parts.carrier.browse_numbers(&browse).await;
    if matches!(found, Err(signalwire::Error::Unauthorized { .. }))
        && let Some(renewed) = call.live.renewed(&call.parts).await
    {
        found = renewed.carrier.browse_numbers(&browse).await;
        call.parts = renewed;
    }
    let found: Vec<Value> = found
        .map_err(|error| problems::carrier(&error))?
        .into_iter()
        .filter(signalwire::AvailableNumber::has_voice_and_sms)
        .take(50)
        .map(|number| {
            let can: Map<String, Value> = number
                .capabilities
                .iter()
                .map(|(name, on)| (name.to_ascii_lowercase(), Value::Bool(*on)))
                .collect();
            json!({ "phoneNumber": number.phone_number, "city": number.rate_center, "region": number.region, "capabilities": can })
        })
        .collect();
    let limit = call.arguments.get("limit").and_then(Value::as_i64).unwrap_or(10);
    let hold = Map::from_iter([
        ("found".to_owned(), Value::Array(found)),
        ("limit".to_owned(), limit.into()),
    ]);
    let held = call.ask(&api::HOLD_NUMBERS, &hold).await?;
    Ok(call.answer(held))
}

async fn request(mut call: Call<'_>) -> Result<Response<Bytes>, Failure> {
    if call.arguments.contains_key("areaCode") && call.arguments.contains_key("phoneNumber") {
        return Err(bad_request("areaCode", "`areaCode` does not go with `phoneNumber`").into());
    }
    call.arguments
        .entry("numberType")
        .or_insert_with(|| json!("custom"));
    let asked = Value::Object(call.arguments.clone()).to_string();
    let extra = [
        ("requestHash", json!(hex::encode(Sha256::digest(asked)))),
        ("key", json!(call.key)),
        ("newId", json!(Uuid::now_v7())),
    ];
    call.arguments
        .extend(extra.map(|(name, value)| (name.to_owned(), value)));
    let answered = call.ask(&api::REQUEST_NUMBER, &call.arguments).await?;
    let replayed = answered.private["replayed"] == true;
    if answered.body["state"] == "requested" {
        let id = answered.private["event"].as_str().unwrap_or("").to_owned();
        let mut event = event(&call, id, EventKind::PhoneNumberRequested);
        let text = |name: &str| answered.body[name].as_str().map(str::to_owned);
        event.area_code = text("areaCode");
        event.number_type = text("numberType");
        event.friendly_name = text("friendlyName");
        announce(&call, event).await;
    }
    let mut response = call.answer(answered);
    if replayed {
        response
            .headers_mut()
            .insert("idempotent-replayed", HeaderValue::from_static("true"));
    }
    Ok(response)
}
