//! Where a message or call may go: a country that is allowed, never a premium or satellite range.

use super::area_code;
use super::phone_number::PhoneNumber;
use rlibphonenumber::{PHONE_NUMBER_UTIL, PhoneNumberType};

/// Why a destination is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// No number that can exist.
    #[error("no such number can exist")]
    Invalid,
    /// Not in `ALLOWED_COUNTRIES`.
    #[error("numbers of {0} are not among the ALLOWED_COUNTRIES")]
    Country(String),
    /// A premium-rate, shared-cost or satellite range.
    #[error("premium-rate and satellite numbers are never messaged or called")]
    Blocked,
}

/// Countries that may be messaged or called, as ISO 3166 letters.
#[derive(Debug, Clone)]
pub struct AllowedCountries(Vec<String>);

/// `ALLOWED_COUNTRIES` that is no list of two-letter codes.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a comma-separated list of two-letter country codes (US,CA) is expected")]
pub struct BadCountryList;

impl std::str::FromStr for AllowedCountries {
    type Err = BadCountryList;

    fn from_str(text: &str) -> Result<Self, BadCountryList> {
        let codes: Vec<String> = text
            .split(',')
            .map(|code| code.trim().to_ascii_uppercase())
            .collect();
        let shaped = |code: &String| code.len() == 2 && code.bytes().all(|b| b.is_ascii_uppercase());
        if codes.iter().all(shaped) {
            Ok(Self(codes))
        } else {
            Err(BadCountryList)
        }
    }
}

impl AllowedCountries {
    /// Checks a destination.
    ///
    /// # Errors
    /// A [`Refusal`] that says why.
    pub fn check(&self, number: &PhoneNumber) -> Result<(), Refusal> {
        let country = match country_of(number) {
            // whether it exists there is no matter where nothing may go
            Err(Refusal::Invalid) => calling_code_country(number).filter(|country| !self.0.contains(country)),
            known => Some(known?),
        };
        let country = country.ok_or(Refusal::Invalid)?;
        if self.0.contains(&country) {
            Ok(())
        } else {
            Err(Refusal::Country(country))
        }
    }
}

/// International ranges that belong to no country and are charged like premium ones: Inmarsat 870, global mobile satellite 881,
/// international networks 882 and 883, shared cost 808, premium rate 979, universal personal 878, freephone 800.
const WORLD_RANGES: [&str; 8] = ["+870", "+878", "+881", "+882", "+883", "+808", "+979", "+800"];

fn country_of(number: &PhoneNumber) -> Result<String, Refusal> {
    let text = number.as_str();
    if text.starts_with("+1") {
        return north_american(number);
    }
    if WORLD_RANGES.iter().any(|range| text.starts_with(range)) {
        return Err(Refusal::Blocked);
    }
    let library = &*PHONE_NUMBER_UTIL;
    let parsed = library.parse(text, None).map_err(|_| Refusal::Invalid)?;
    if !library.is_valid_number(&parsed) {
        return Err(Refusal::Invalid);
    }
    let kind = library.get_number_type(&parsed);
    if matches!(kind, PhoneNumberType::PremiumRate | PhoneNumberType::SharedCost) {
        return Err(Refusal::Blocked);
    }
    let region = library.get_region_for_number(&parsed).ok_or(Refusal::Invalid)?;
    Ok(region.as_region_str().to_string())
}

/// The main country of a number's calling code, whether or not the number exists; none for `+1`, which is not one country's.
fn calling_code_country(number: &PhoneNumber) -> Option<String> {
    let library = &*PHONE_NUMBER_UTIL;
    let parsed = library.parse(number.as_str(), None).ok()?;
    let region = library.get_region_for_country_code(parsed.country_code)?;
    (parsed.country_code != 1).then(|| region.as_region_str().to_string())
}

/// `+1` numbers are judged by the numbering plan's shape alone: a list of assigned codes ages, and the carrier knows better.
fn north_american(number: &PhoneNumber) -> Result<String, Refusal> {
    let code = number.area_code().ok_or(Refusal::Invalid)?;
    if !area_code::is_shaped(code) {
        return Err(Refusal::Invalid);
    }
    let exchange = &number.as_str()[5..8];
    if code == "900" || exchange == "976" {
        return Err(Refusal::Blocked);
    }
    Ok(area_code::country(code).to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(countries: &str, number: &str) -> Result<(), Refusal> {
        countries
            .parse::<AllowedCountries>()
            .unwrap()
            .check(&number.parse().unwrap())
    }

    #[test]
    fn allowed_and_not() {
        assert_eq!(check("US,CA", "+14155551234"), Ok(()));
        assert_eq!(check("us, ca", "+14165551234"), Ok(()));
        assert_eq!(check("US", "+14165551234"), Err(Refusal::Country("CA".into())));
        assert_eq!(check("US,CA", "+18765551234"), Err(Refusal::Country("JM".into())));
        assert_eq!(check("US,JM", "+18765551234"), Ok(()));
        assert_eq!(
            check("US,CA", "+442079460958"),
            Err(Refusal::Country("GB".into()))
        );
        assert_eq!(check("US,GB", "+442079460958"), Ok(()));
        // kept free for films and examples: no country has it, but it is plain where it would go
        assert_eq!(
            check("US,CA", "+447700900123"),
            Err(Refusal::Country("GB".into()))
        );
        assert_eq!(check("US,GB", "+447700900123"), Err(Refusal::Invalid));
        assert_eq!(check("US,DE", "+4915112345678"), Ok(()));
    }

    #[test]
    fn blocked_whatever_the_countries() {
        for number in [
            "+19005551234",
            "+14159765123",
            "+8816123456789",
            "+870773111632",
            "+979123456789",
        ] {
            assert_eq!(check("US,CA,GB", number), Err(Refusal::Blocked), "{number}");
        }
        assert_eq!(check("US,GB", "+449098790000"), Err(Refusal::Blocked));
    }

    #[test]
    fn impossible() {
        for number in [
            "+1415555123",
            "+10155551234",
            "+11155551234",
            "+141555512345",
            "+4420",
            "+999123456789",
        ] {
            let Ok(parsed) = number.parse::<PhoneNumber>() else {
                continue;
            };
            assert_eq!(
                "US".parse::<AllowedCountries>().unwrap().check(&parsed),
                Err(Refusal::Invalid),
                "{number}"
            );
        }
    }

    #[test]
    fn lists() {
        assert!("".parse::<AllowedCountries>().is_err());
        assert!("USA".parse::<AllowedCountries>().is_err());
    }
}
