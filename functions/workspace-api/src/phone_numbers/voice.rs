//! What happens when somebody calls: forwarding, hours, greeting, text-back.

use super::shapes::{FORWARD_TO, HOURS, VOICE_SETTINGS};
use crate::field::{Field, Kind};
use crate::problems::{bad_request, problem};
use crate::route::{Answers, Body, Call, Failure, Route, Run};
use common::domain::destination::Refusal;
use common::domain::{PhoneNumber, Scope};
use common::http::Problem;
use common::store::api;
use lambda_http::{Body as Bytes, Response};
use serde_json::{Map, Value};

/// Replaces all of them.
pub const PUT: Route = Route {
    method: "PUT",
    path: "/api/workspaces/{workspaceId}/phone-numbers/{phoneNumberId}/voice-settings",
    operation: "putVoiceSettings",
    summary: "Says what happens when somebody calls the number; what is left out is as it was in the beginning.",
    scope: Scope::NumbersWrite,
    query: &[],
    body: Body::Of(&[
        Field::new("forwardTo", FORWARD_TO, "Who rings, all at once.").optional(),
        Field::new("businessHours", Kind::Object(&HOURS), "When they ring; null: always.")
            .optional()
            .nullable(),
        Field::new("timeZone", Kind::Text(64), "Of the hours.").optional(),
        Field::new("greeting", Kind::Text(500), "What voicemail says.").optional().nullable(),
        Field::new("missedCallText", Kind::Text(320), "What a caller whom nobody answered is texted.")
            .optional()
            .nullable(),
    ]),
    needs_key: false,
    answers: Answers::One(200, &VOICE_SETTINGS),
    refusals: &["no_number", "invalid_number", "country_not_allowed", "destination_blocked"],
    run: Run::Custom(|call| Box::pin(put(call))),
};

async fn put(call: Call<'_>) -> Result<Response<Bytes>, Failure> {
    if let Some(hours) = call.arguments.get("businessHours").and_then(Value::as_object) {
        check_hours(hours)?;
    }
    let targets = call.arguments.get("forwardTo").and_then(Value::as_array);
    for (index, target) in targets.into_iter().flatten().enumerate() {
        let field = format!("forwardTo[{index}]");
        let number: PhoneNumber = target
            .as_str()
            .unwrap_or("")
            .parse()
            .map_err(|why| bad_request(&field, &format!("`{field}`: {why}")))?;
        // a forwarded call is one that we pay for
        call.parts.countries.check(&number).map_err(|refusal| {
            let code = match &refusal {
                Refusal::Invalid => "invalid_number",
                Refusal::Country(_) => "country_not_allowed",
                Refusal::Blocked => "destination_blocked",
            };
            let members = Map::from_iter([("field".to_owned(), Value::from(field.as_str()))]);
            problem(code, Some(&format!("`{field}`: {refusal}")), members)
                .unwrap_or_else(|| bad_request(&field, "the number cannot be used"))
        })?;
    }
    let answered = call.ask(&api::PUT_VOICE_SETTINGS, &call.arguments).await?;
    Ok(call.answer(answered))
}

/// Spans are pairs of times, in order, and do not overlap.
fn check_hours(hours: &Map<String, Value>) -> Result<(), Problem> {
    for (day, spans) in hours {
        let mut end = -1;
        for (index, span) in spans.as_array().into_iter().flatten().enumerate() {
            let field = format!("businessHours.{day}[{index}]");
            let fault = |why: &str| bad_request(&field, &format!("`{field}` {why}"));
            let times: Vec<i32> = span
                .as_array()
                .into_iter()
                .flatten()
                .filter_map(|time| minutes(time.as_str()?))
                .collect();
            let &[from, to] = times.as_slice() else {
                return Err(fault("is not a pair of times like [\"09:00\", \"17:00\"]"));
            };
            if from >= to {
                return Err(fault("ends before it begins; a span over midnight is two, one a day"));
            }
            if from < end {
                return Err(fault("overlaps the one before it"));
            }
            end = to;
        }
    }
    Ok(())
}

fn minutes(time: &str) -> Option<i32> {
    let (hours, minutes) = time.split_once(':')?;
    let two = |text: &str| {
        (text.len() == 2 && text.bytes().all(|b| b.is_ascii_digit()))
            .then(|| text.parse::<i32>().ok())
            .flatten()
    };
    let (hours, minutes) = (two(hours)?, two(minutes)?);
    let fits = (hours < 24 && minutes < 60) || (hours, minutes) == (24, 0);
    fits.then_some(hours * 60 + minutes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn hours() {
        let check = |value: Value| check_hours(value.as_object().unwrap()).map_err(|problem| problem.detail);
        assert!(check(json!({})).is_ok());
        assert!(check(json!({ "mon": [["09:00", "12:00"], ["13:00", "24:00"]], "sun": [] })).is_ok());
        for (value, why) in [
            (json!({ "mon": [["9:00", "12:00"]] }), "pair of times"),
            (json!({ "mon": [["09:00"]] }), "pair of times"),
            (json!({ "mon": [["09:00", "24:01"]] }), "pair of times"),
            (json!({ "mon": [["22:00", "06:00"]] }), "ends before"),
            (json!({ "mon": [["09:00", "12:00"], ["11:00", "13:00"]] }), "overlaps"),
        ] {
            let detail = check(value).unwrap_err();
            assert!(detail.contains(why) && detail.contains("businessHours.mon["), "{detail}");
        }
    }
}
