//! The carrier's account: credentials, scopes, the platform number, the campaign.

use super::Findings;
use common::config::Settings;
use common::signalwire::{Client, Error, NumberRecord};
use common::webhook::urls::AppUrl;

/// A thousand numbers a page.
const PAGES_MAX: usize = 50;

pub(super) async fn examine(settings: &Settings) -> Findings {
    let mut findings = Findings::of("signalwire");
    let (Ok(client), Ok(shared)) = (Client::from_settings(settings), settings.shared_numbers()) else {
        findings.unseen("nothing to ask with", "set the settings named above first");
        return findings;
    };
    let numbers = match numbers(&client).await {
        Ok(numbers) => numbers,
        Err(error) => {
            refused(&error, "numbers", &mut findings);
            return findings;
        }
    };
    findings.well(format!(
        "credentials and space are accepted; {} numbers are ours",
        numbers.len()
    ));
    let messages = client.messages_between(shared.platform.as_str(), shared.platform.as_str());
    scope("messaging", messages.await.map(drop), &mut findings);
    let calls = client.calls_between(shared.platform.as_str(), shared.platform.as_str());
    scope("voice", calls.await.map(drop), &mut findings);

    let app_url = own_url(settings);
    for (name, number) in [
        ("SIGNALWIRE_PHONE_NUMBER", Some(&shared.platform)),
        ("SIGNALWIRE_WHATSAPP_NUMBER", shared.whatsapp.as_ref()),
    ] {
        let Some(number) = number else { continue };
        match numbers.iter().find(|owned| owned.phone_number == number.as_str()) {
            None => findings.fault(
                format!("{name} is not among the project's numbers"),
                "buy it, or take a number that the project has",
            ),
            Some(owned) if name == "SIGNALWIRE_PHONE_NUMBER" => {
                platform(owned, app_url.as_ref(), &mut findings)
            }
            Some(_) => findings.well(format!("{name} is ours")),
        }
    }
    campaign(settings, &client, &mut findings).await;
    findings.unseen(
        "the balance: no documented API tells it",
        "look at the dashboard, Billing, and switch on auto top-up; an alarm tells when it is used up",
    );
    findings
}

/// `cargo dev` answers the carrier itself, while its settings point functions elsewhere.
fn own_url(settings: &Settings) -> Option<AppUrl> {
    match settings.parse_optional("DEVSTACK_APP_URL") {
        Ok(Some(url)) => Some(url),
        _ => settings.app_url().ok(),
    }
}

async fn numbers(client: &Client) -> Result<Vec<NumberRecord>, Error> {
    let mut found = Vec::new();
    let mut next = None;
    for _ in 0..PAGES_MAX {
        let page = client.owned_numbers(next.as_deref()).await?;
        found.extend(page.items);
        next = page.next;
        if next.is_none() {
            break;
        }
    }
    Ok(found)
}

fn scope(name: &str, asked: Result<(), Error>, findings: &mut Findings) {
    match asked {
        Ok(()) => findings.well(format!("the token may do {name}")),
        Err(error) => refused(&error, name, findings),
    }
}

fn refused(error: &Error, scope: &str, findings: &mut Findings) {
    match error {
        Error::Unauthorized { status } => findings.fault(
            format!("SignalWire refuses the credentials, or the token lacks the scope {scope} ({status})"),
            "compare SIGNALWIRE_PROJECT_ID and SIGNALWIRE_TOKEN with the dashboard, API; the token needs numbers, messaging, voice, management",
        ),
        Error::NotFound => findings.fault(
            "SignalWire knows no such project in this space",
            "SIGNALWIRE_PROJECT_ID and SIGNALWIRE_SPACE_URL have to belong together",
        ),
        Error::RateLimited { .. } | Error::TooLate => findings.unseen(error.to_string(), "look again in a minute"),
        Error::OutcomeUnknown(why) if why.contains("JSON") => findings.fault(
            "what answers at SIGNALWIRE_SPACE_URL is not SignalWire's API",
            "it is NAME.signalwire.com, as in the dashboard's address; not the SIP host",
        ),
        Error::OutcomeUnknown(why) => findings.fault(
            format!("SignalWire cannot be reached: {why}"),
            "check SIGNALWIRE_SPACE_URL, and the way out (in a VPC: a NAT gateway)",
        ),
        Error::Refused { .. } => findings.fault(error.to_string(), "the carrier's own words; see its dashboard"),
    }
}

fn platform(number: &NumberRecord, app_url: Option<&AppUrl>, findings: &mut Findings) {
    let Some(urls) = app_url else {
        return findings.unseen(
            "where the platform number's webhooks should go",
            "set APP_URL first",
        );
    };
    if number.is_configured_for(urls) {
        findings.well("the platform number's webhooks come to us");
    } else {
        findings.fault(
            "the platform number's webhooks do not come to us, or not all of them, or not by POST",
            format!(
                "in the dashboard, at the number: message {}, fallback {}; voice {}, fallback {}; status callback {}; all POST",
                urls.sms(),
                urls.fallback_sms(),
                urls.voice(),
                urls.fallback_voice(),
                urls.status()
            ),
        );
    }
}

async fn campaign(settings: &Settings, client: &Client, findings: &mut Findings) {
    let Some(campaign) = settings.optional("SIGNALWIRE_CAMPAIGN_ID") else {
        return findings.notice(
            "SIGNALWIRE_CAMPAIGN_ID is not set: US numbers bought now cannot text US numbers",
            "register a brand and a campaign (10DLC) and set its id; without texts to the US nothing",
        );
    };
    match client.campaign_numbers(campaign).await {
        Ok(numbers) => findings.well(format!("the campaign is there and has {} numbers", numbers.len())),
        Err(Error::NotFound) => findings.fault(
            "SignalWire knows no such campaign",
            "SIGNALWIRE_CAMPAIGN_ID is the campaign's id at SignalWire (Messaging Campaigns), not the registry's",
        ),
        Err(error) => refused(&error, "messaging", findings),
    }
}
