//! STOP, START and HELP: the words by which a customer manages consent. SignalWire leaves them to us (FACTS 13).

/// What a whole message can mean beside what it says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Keyword {
    /// Opt out of this sender.
    Stop,
    /// Opt back in.
    Start,
    /// Opt back in, but only from somebody who is opted out: otherwise it answers a question.
    Yes,
    /// Explain.
    Help,
}

impl Keyword {
    /// The name that statements use.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Stop => "stop",
            Self::Start => "start",
            Self::Yes => "yes",
            Self::Help => "help",
        }
    }
}

/// The keyword that the whole message is, trimmed, in any case; with the word itself in capitals.
pub fn classify(body: &str) -> Option<(Keyword, String)> {
    let trimmed = body.trim_matches(|c: char| c.is_whitespace() || c == '\u{feff}' || c == '\u{200b}');
    if trimmed.len() > 32 {
        return None;
    }
    let word = trimmed
        .split_whitespace()
        .collect::<Vec<_>>()
        .join(" ")
        .to_uppercase();
    let keyword = match word.as_str() {
        "STOP" | "STOPALL" | "UNSUBSCRIBE" | "CANCEL" | "END" | "QUIT" | "REVOKE" | "OPTOUT" | "OPT OUT" => {
            Keyword::Stop
        }
        "START" | "UNSTOP" => Keyword::Start,
        "YES" => Keyword::Yes,
        "HELP" | "INFO" => Keyword::Help,
        _ => return None,
    };
    Some((keyword, word))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_messages_in_any_case() {
        for word in [
            "STOP",
            "stop",
            " Stop \r\n",
            "\u{feff}stop",
            "STOPALL",
            "unsubscribe",
            "Cancel",
            "END",
            "quit",
            "revoke",
            "optout",
            "opt out",
            "Opt  Out",
        ] {
            assert_eq!(classify(word).map(|k| k.0), Some(Keyword::Stop), "{word:?}");
        }
        for word in ["START", "unstop\n"] {
            assert_eq!(classify(word).map(|k| k.0), Some(Keyword::Start), "{word:?}");
        }
        assert_eq!(classify("yes"), Some((Keyword::Yes, "YES".to_owned())));
        assert_eq!(classify("Info").map(|k| k.0), Some(Keyword::Help));
    }

    #[test]
    fn anything_else_is_a_message() {
        for body in [
            "",
            "stop it",
            "please stop",
            "STOP.",
            "don't STOP",
            "stopp",
            "ſtop\u{0}",
            "y e s",
        ] {
            assert_eq!(classify(body), None, "{body:?}");
        }
    }
}
