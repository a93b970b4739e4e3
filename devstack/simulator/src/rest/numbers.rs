//! IncomingPhoneNumbers (FACTS 3), and the two reads of relay/rest.

use jiff::SignedDuration;

use super::bad_hook;
use crate::{
    answer::Answer,
    carrier::Carrier,
    paging,
    resource::{account_path, number::OwnedNumber},
    stock::Purchase,
    text::is_e164,
    wire::Params,
};

/// A number cannot be released for so long after its purchase (FACTS 3).
const KEPT_FOR: SignedDuration = SignedDuration::from_hours(14 * 24);

const URLS: [&str; 5] = [
    "SmsUrl",
    "SmsFallbackUrl",
    "VoiceUrl",
    "VoiceFallbackUrl",
    "StatusCallback",
];
const METHODS: [&str; 5] = [
    "SmsMethod",
    "SmsFallbackMethod",
    "VoiceMethod",
    "VoiceFallbackMethod",
    "StatusCallbackMethod",
];

/// The code for a number that is not for sale (any more). Compat documents none; 21422 is the likely one, uncertain.
const NOT_AVAILABLE: u32 = 21422;

fn check_settings(params: &Params) -> Option<Answer> {
    if let Some(name) = bad_hook(params, &URLS, &METHODS) {
        return Some(Answer::compat(400, 21402, format!("{name} is not valid")));
    }
    if params
        .filled("VoiceReceiveMode")
        .is_some_and(|mode| !matches!(mode, "voice" | "fax"))
    {
        return Some(Answer::compat(
            422,
            10000,
            "VoiceReceiveMode must be voice or fax",
        ));
    }
    if params
        .get("FriendlyName")
        .is_some_and(|name| name.is_empty() || name.chars().count() > 255)
    {
        return Some(Answer::compat(
            422,
            10000,
            "FriendlyName must have 1 to 255 characters",
        ));
    }
    None
}

impl Carrier {
    /// Buys a number: one statement under the lock, so of two buyers at once one is refused.
    pub(super) fn purchase(&self, params: &Params) -> Answer {
        let Some(phone_number) = params.filled("PhoneNumber") else {
            return Answer::compat(400, 21421, "PhoneNumber is required");
        };
        if !is_e164(phone_number) {
            return Answer::compat(400, 21401, "PhoneNumber is not a valid E.164 phone number");
        }
        if let Some(refusal) = check_settings(params) {
            return refusal;
        }
        let mut state = self.state();
        let gone = || {
            Answer::compat(
                422,
                NOT_AVAILABLE,
                format!("Could not purchase {phone_number}: not available"),
            )
        };
        let Some(at) = state
            .stock
            .iter()
            .position(|row| row.phone_number == phone_number)
        else {
            return gone();
        };
        let outcome = state.stock[at].purchase;
        match outcome {
            Purchase::Gone => return gone(),
            Purchase::NoBalance => return Answer::compat(422, 4001, "Insufficient balance"),
            Purchase::Sold | Purchase::SoldThenError => {}
        }
        let row = state.stock.remove(at);
        let (sid, now) = (state.random.sid(), state.now());
        let mut number = OwnedNumber::new(sid, phone_number, now);
        (number.voice, number.sms, number.mms) = (row.voice, row.sms, row.mms);
        number.country_code = row.iso_country;
        number.configure(params, now);
        number.purchase_params = params.clone();
        let answer = Answer::json(201, number.compat(&self.config.project_id));
        state.numbers.push(number);
        if outcome == Purchase::SoldThenError {
            return Answer::compat(500, 0, "Internal server error");
        }
        answer
    }

    /// Lists what is owned, newest first. `PhoneNumber` matches anywhere in the number, `*` any digit.
    pub(super) fn list_numbers(&self, path: &str, params: &Params) -> Answer {
        let pattern = params.filled("PhoneNumber");
        let name = params.filled("FriendlyName");
        let rows = self
            .state()
            .numbers
            .iter()
            .rev()
            .filter(|number| number.released_at.is_none())
            .filter(|number| pattern.is_none_or(|pattern| fits(&number.phone_number, pattern)))
            .filter(|number| name.is_none_or(|name| number.friendly_name == name))
            .map(|number| (number.sid.clone(), number.compat(&self.config.project_id)))
            .collect();
        paging::compat(path, params, "incoming_phone_numbers", rows)
    }

    pub(super) fn get_number(&self, sid: &str) -> Answer {
        match self.state().owned_by_sid(sid) {
            Some(number) => Answer::json(200, number.compat(&self.config.project_id)),
            None => Answer::compat_not_found(),
        }
    }

    pub(super) fn update_number(&self, sid: &str, params: &Params) -> Answer {
        let mut state = self.state();
        let now = state.now();
        let Some(number) = state.owned_by_sid(sid) else {
            return Answer::compat_not_found();
        };
        if let Some(refusal) = check_settings(params) {
            return refusal;
        }
        if params
            .filled("AccountSid")
            .is_some_and(|account| account != self.config.project_id)
        {
            return Answer::compat(422, 10004, "AccountSid is not one of your subprojects");
        }
        number.configure(params, now);
        Answer::json(200, number.compat(&self.config.project_id))
    }

    /// Releases a number, unless it was bought less than 14 days ago. Which of 409 and 422 goes with 22121 is not
    /// documented; 422 here. What was released does not come back into the stock.
    pub(super) fn release(&self, sid: &str) -> Answer {
        let mut state = self.state();
        let now = state.now();
        let Some(number) = state.owned_by_sid(sid) else {
            return Answer::compat_not_found();
        };
        if now.duration_since(number.purchased_at) < KEPT_FOR {
            return Answer::compat(
                422,
                22121,
                "This phone number was purchased too recently to be released",
            );
        }
        number.released_at = Some(now);
        let sid = number.sid.clone();
        state
            .assignments
            .retain(|assignment| assignment.phone_number_id != sid);
        Answer::no_content()
    }

    pub(super) fn list_relay_numbers(&self, path: &str, params: &Params) -> Answer {
        let wanted = params.filled("filter_number");
        let name = params.filled("filter_name");
        let rows = self
            .state()
            .numbers
            .iter()
            .rev()
            .filter(|number| number.released_at.is_none())
            .filter(|number| wanted.is_none_or(|wanted| fits(&number.phone_number, wanted)))
            .filter(|number| name.is_none_or(|name| number.friendly_name.contains(name)))
            .map(|number| (number.sid.clone(), number.relay()))
            .collect();
        paging::relay(&self.base_url, path, params, rows)
    }

    pub(super) fn get_relay_number(&self, id: &str) -> Answer {
        match self.state().owned_by_sid(id) {
            Some(number) => Answer::json(200, number.relay()),
            None => Answer::json_error(404, "Not Found"),
        }
    }

    /// Whether the number may text in the US: everything but a US local number bought here and outside every campaign.
    pub(crate) fn may_message(&self, number: &OwnedNumber) -> bool {
        let exempt = !self.config.campaign_required
            || number.platform
            || number.country_code != "US"
            || crate::text::is_toll_free(&number.phone_number);
        exempt
            || self
                .state()
                .assignments
                .iter()
                .any(|assignment| assignment.phone_number_id == number.sid && assignment.state == "completed")
    }

    /// The path of this project's resources.
    pub(crate) fn resource_url(&self, rest: &str) -> String {
        format!(
            "{}{}/{rest}",
            self.base_url,
            account_path(&self.config.project_id)
        )
    }
}

fn fits(number: &str, pattern: &str) -> bool {
    let number = number.as_bytes();
    let pattern = pattern.as_bytes();
    let same = |(digit, wanted): (&u8, &u8)| *wanted == b'*' || digit == wanted;
    pattern.is_empty()
        || number
            .windows(pattern.len())
            .any(|window| window.iter().zip(pattern).all(same))
}
