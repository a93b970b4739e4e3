//! Where to look for a number, and in which order (spec P3).

use common::domain::area_code;
use common::signalwire::{AvailableNumber, Search};

/// The code itself, then its region, then its country.
pub fn plan(code: &str) -> Vec<Search<'_>> {
    let (country, region) =
        area_code::region(code).map_or(("US", None), |(country, region)| (country, Some(region)));
    let mut plan = vec![Search {
        country,
        area_code: Some(code),
        region: None,
    }];
    plan.extend(region.map(|region| Search {
        country,
        area_code: None,
        region: Some(region),
    }));
    plan.push(Search {
        country,
        area_code: None,
        region: None,
    });
    plan
}

/// The candidates of an answer, as the search meant them: filters that the carrier takes need not filter.
pub fn candidates(search: &Search<'_>, found: Vec<AvailableNumber>) -> Vec<String> {
    let near = |number: &AvailableNumber| {
        let code = number
            .phone_number
            .strip_prefix("+1")
            .and_then(|rest| rest.get(..3))
            .unwrap_or("");
        match (search.area_code, search.region) {
            (Some(wanted), _) => code == wanted,
            (None, Some(region)) => {
                number.region.as_deref() == Some(region)
                    || area_code::region(code).is_some_and(|(_, of_code)| of_code == region)
            }
            (None, None) => true,
        }
    };
    found
        .into_iter()
        .filter(|number| number.has_voice_and_sms() && near(number))
        .map(|number| number.phone_number)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wider_and_wider() {
        let steps = plan("405");
        assert_eq!(steps.len(), 3);
        assert_eq!((steps[0].area_code, steps[0].country), (Some("405"), "US"));
        assert_eq!(steps[1].region, Some("OK"));
        assert_eq!((steps[2].area_code, steps[2].region), (None, None));
        assert_eq!(plan("416")[2].country, "CA");
        assert_eq!(plan("555").len(), 2);
    }

    #[test]
    fn filters_are_applied_here() {
        let found = |rows: &str| -> Vec<AvailableNumber> { serde_json::from_str(rows).unwrap() };
        let rows = r#"[
            {"phone_number": "+14055550100", "region": "OK", "capabilities": {"voice": true, "SMS": true}},
            {"phone_number": "+14055550101", "region": "OK", "capabilities": {"voice": true, "SMS": false}},
            {"phone_number": "+15395550102", "region": "OK", "capabilities": {"voice": true, "SMS": true}},
            {"phone_number": "+12125550103", "region": "NY", "capabilities": {"voice": true, "SMS": true}}]"#;
        let steps = plan("405");
        assert_eq!(candidates(&steps[0], found(rows)), ["+14055550100"]);
        assert_eq!(
            candidates(&steps[1], found(rows)),
            ["+14055550100", "+15395550102"]
        );
        assert_eq!(candidates(&steps[2], found(rows)).len(), 3);
    }
}
