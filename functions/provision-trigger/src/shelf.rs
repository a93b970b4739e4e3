//! The candidates of an order, one after the other (spec P3).
//!
//! 1. The steps of the plan are searched one by one, each when the candidates of those before it are used up.
//! 2. A step that the carrier refuses (a code that it does not sell in, say) has none, and is followed by the next.
//! 3. A try that follows one which ran out of time knows the number that was refused last. It looks through all steps for it, and
//!    begins behind it: what stands in front comes last, for it was gone a while ago.

use crate::order::{NO_BALANCE, Stop, later};
use crate::search;
use common::signalwire::{Error as Carrier, Search};
use std::collections::{HashSet, VecDeque};

/// See the module.
pub struct Shelf<'a> {
    code: &'a str,
    steps: VecDeque<Search<'a>>,
    mark: Option<&'a str>,
    found: VecDeque<String>,
    seen: HashSet<String>,
    searched: bool,
    refusal: Option<String>,
}

impl<'a> Shelf<'a> {
    /// The numbers for an area code. `mark`: one that an earlier try could not have.
    pub fn new(code: &'a str, mark: Option<&'a str>) -> Self {
        Self {
            code,
            steps: search::plan(code).into(),
            mark,
            found: VecDeque::new(),
            seen: HashSet::new(),
            searched: false,
            refusal: None,
        }
    }

    /// The next number to ask for; `None` when there are no more. None comes twice, and the mark not at all.
    pub async fn next(&mut self, carrier: &common::signalwire::Client) -> Result<Option<String>, Stop> {
        while (self.found.is_empty() || self.mark.is_some())
            && let Some(step) = self.steps.pop_front()
        {
            match carrier.search_numbers(&step).await {
                Ok(numbers) => {
                    self.searched = true;
                    self.put(search::candidates(&step, numbers));
                }
                Err(error) if error.is_for_want_of_balance() => {
                    return Err(Stop::Person(NO_BALANCE.to_owned()));
                }
                Err(error @ Carrier::Refused { .. }) => {
                    tracing::warn!(area_code = step.area_code, region = step.region, %error, "Search for a number refused");
                    // the first one is about the area code that was asked for
                    self.refusal.get_or_insert_with(|| error.told());
                }
                Err(error) => return Err(later(&error, "the search for a number")),
            }
        }
        if let Some(mark) = self.mark.take() {
            begin_behind(&mut self.found, mark);
        }
        Ok(self.found.pop_front())
    }

    fn put(&mut self, numbers: Vec<String>) {
        let new = numbers
            .into_iter()
            .filter(|number| self.seen.insert(number.clone()));
        self.found.extend(new);
    }

    /// Why there is nothing to be had, for a person.
    pub fn why_empty(&self) -> String {
        let code = self.code;
        let country = search::plan(code).first().map_or("US", |step| step.country);
        match &self.refusal {
            Some(refusal) if !self.searched => format!(
                "the search for a number was refused, in area code {code} and anywhere in {country}: {refusal}; \
                 set another preferred_area_code, or retry this order once the cause is gone"
            ),
            _ => format!(
                "no number with voice and SMS is for sale in area code {code}, its region or anywhere in {country}; \
                 set another preferred_area_code, or retry this order later"
            ),
        }
    }
}

/// Turns the row so that it begins behind the mark, and takes the mark out. A mark that is not in it changes nothing.
fn begin_behind(row: &mut VecDeque<String>, mark: &str) {
    if let Some(at) = row.iter().position(|number| number == mark) {
        row.rotate_left(at);
        row.pop_front();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_refused_comes_last() {
        let turned = |mark: &str| {
            let mut row: VecDeque<String> = ["a", "b", "c", "d"].map(str::to_owned).into();
            begin_behind(&mut row, mark);
            row.make_contiguous().join("")
        };
        assert_eq!(["a", "b", "d", "x"].map(turned), ["bcd", "cda", "abc", "abcd"]);
    }

    #[test]
    fn a_refusal_is_the_reason_only_where_nothing_could_be_searched() {
        let mut shelf = Shelf::new("405", None);
        shelf.refusal = Some("SignalWire refused: 21451 Invalid area code (400)".to_owned());
        assert!(shelf.why_empty().contains("21451"));
        shelf.searched = true;
        assert!(!shelf.why_empty().contains("21451"));
    }
}
