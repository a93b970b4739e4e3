//! What the people on a call do.

use serde::{Deserialize, Serialize};

/// How a rung party reacts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "outcome")]
pub enum DialOutcome {
    /// Picks up and talks.
    Answered {
        /// For so long.
        seconds: u64,
    },
    /// Is on another call.
    Busy,
    /// Does not pick up.
    NoAnswer,
    /// Cannot be reached.
    Failed,
    /// The caller gives up before anyone picks up; the call is over.
    Canceled,
}

impl DialOutcome {
    /// `DialCallStatus`, and the status of the leg.
    pub fn status(self) -> &'static str {
        match self {
            Self::Answered { .. } => "completed",
            Self::Busy => "busy",
            Self::NoAnswer => "no-answer",
            Self::Failed => "failed",
            Self::Canceled => "canceled",
        }
    }

    pub(crate) fn seconds(self) -> u64 {
        if let Self::Answered { seconds } = self {
            seconds
        } else {
            0
        }
    }
}

/// What the caller does at the beep of a `<Record>`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "voicemail")]
pub enum Voicemail {
    /// Speaks.
    Leaves {
        /// For so long.
        seconds: u64,
        /// What the transcription reads; `None`: it fails.
        transcript: Option<String>,
        /// Ends with the finish key, so that `action` is requested. A caller who hangs up instead ends the call without
        /// it (FACTS 7, field report).
        presses_key: bool,
    },
    /// Hangs up at the beep: a recording of one second, nothing to transcribe (FACTS 15, pitfall 12).
    HangsUp,
    /// Says nothing: with trimming, nothing is stored and the recording is `absent`. Then hangs up.
    Absent,
}

/// One call, as people behave in it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct CallScript {
    /// How whoever `<Dial>` rings reacts.
    pub dial: DialOutcome,
    /// Exceptions by number.
    pub dial_numbers: Vec<(String, DialOutcome)>,
    /// What happens at the beep.
    pub voicemail: Voicemail,
    /// Keys pressed at a `<Gather>`.
    pub digits: Option<String>,
    /// Words said at a `<Gather>`.
    pub speech: Option<String>,
}

impl Default for CallScript {
    /// Nobody answers, the caller hangs up at the beep.
    fn default() -> Self {
        Self {
            dial: DialOutcome::NoAnswer,
            dial_numbers: Vec::new(),
            voicemail: Voicemail::HangsUp,
            digits: None,
            speech: None,
        }
    }
}

impl CallScript {
    /// The dialled party answers and talks.
    pub fn answered(seconds: u64) -> Self {
        Self {
            dial: DialOutcome::Answered { seconds },
            ..Self::default()
        }
    }

    /// The dialled party is busy.
    pub fn busy() -> Self {
        Self {
            dial: DialOutcome::Busy,
            ..Self::default()
        }
    }

    /// Nobody answers, and the caller leaves a message, then hangs up.
    pub fn leaves_voicemail(seconds: u64, transcript: &str) -> Self {
        let transcript = Some(transcript.to_owned());
        Self {
            voicemail: Voicemail::Leaves {
                seconds,
                transcript,
                presses_key: false,
            },
            ..Self::default()
        }
    }

    /// Nobody answers, and the caller hangs up at the beep.
    pub fn missed() -> Self {
        Self::default()
    }

    /// Nobody answers, and the caller says nothing.
    pub fn silent() -> Self {
        Self {
            voicemail: Voicemail::Absent,
            ..Self::default()
        }
    }

    pub(crate) fn outcome_of(&self, number: &str) -> DialOutcome {
        self.dial_numbers
            .iter()
            .find(|(other, _)| other == number)
            .map_or(self.dial, |(_, outcome)| *outcome)
    }
}
