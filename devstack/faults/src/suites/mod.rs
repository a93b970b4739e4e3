//! The suites.

pub mod carrier;
pub mod cuts;
pub mod histories;
pub mod holes;
pub mod kills;
pub mod model;
pub mod outbound_cuts;
pub mod queues;
pub mod random;
pub mod rotation;
pub mod statuses;

use crate::Broken;
use crate::programs::Programs;
use crate::tally::Tally;
use std::str::FromStr;

/// What is run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Suite {
    /// Every byte cut of the conversations with Postgres; black holes, slow links, refused and reset connections.
    Cuts,
    /// Every kill point of a purchase.
    Kills,
    /// Every order of status reports.
    Statuses,
    /// Every fault of the carrier at every operation.
    Carrier,
    /// Random histories against a model.
    Histories,
    /// Rotated credentials, a restarted Postgres, frozen processes.
    Rotation,
    /// Queues with dead letters, partial batches and visibility.
    Queues,
}

impl Suite {
    /// All of them, in the order in which they run.
    pub const ALL: [Self; 7] = [
        Self::Statuses,
        Self::Cuts,
        Self::Kills,
        Self::Carrier,
        Self::Histories,
        Self::Rotation,
        Self::Queues,
    ];

    /// What it is called on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::Cuts => "cuts",
            Self::Kills => "kills",
            Self::Statuses => "statuses",
            Self::Carrier => "carrier",
            Self::Histories => "histories",
            Self::Rotation => "rotation",
            Self::Queues => "queues",
        }
    }
}

impl FromStr for Suite {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let named = Self::ALL.into_iter().find(|suite| suite.name() == text);
        named.ok_or_else(|| {
            format!(
                "there is no suite `{text}`: {}",
                Self::ALL.map(Self::name).join(", ")
            )
        })
    }
}

/// How much of it.
#[derive(Debug, Clone, Copy)]
pub struct Scale {
    /// Every so many cut points; 1 is all of them.
    pub stride: u64,
    /// Whether the slow cases run too.
    pub is_full: bool,
    /// How many random histories.
    pub histories: u32,
    /// Where the random histories begin.
    pub seed: u64,
}

impl Scale {
    /// What `cargo test` has time for.
    pub const QUICK: Self = Self {
        stride: 16,
        is_full: false,
        histories: 20,
        seed: 7,
    };

    /// Everything.
    pub fn full(seed: u64) -> Self {
        Self {
            stride: 1,
            is_full: true,
            histories: 100,
            seed,
        }
    }
}

/// Runs one suite.
///
/// # Errors
/// When the laboratory does not work. What is wrong with the functions is in the tally.
pub async fn run(suite: Suite, programs: &Programs, tally: &Tally, scale: Scale) -> Result<(), Broken> {
    tally.say(format_args!("== {}", suite.name()));
    match suite {
        Suite::Cuts => {
            // each has a laboratory of its own, and mostly waits
            tokio::try_join!(
                cuts::run(programs, tally, scale),
                outbound_cuts::run(programs, tally, scale)
            )?;
            if scale.is_full {
                holes::run(programs, tally).await
            } else {
                Ok(())
            }
        }
        Suite::Kills => kills::run(programs, tally, scale).await,
        Suite::Statuses => statuses::run(programs, tally, scale).await,
        Suite::Carrier => carrier::run(programs, tally, scale).await,
        Suite::Histories => histories::run(programs, tally, scale).await,
        Suite::Rotation => rotation::run(programs, tally).await,
        Suite::Queues => queues::run(programs, tally).await,
    }
}
