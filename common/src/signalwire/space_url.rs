//! `SIGNALWIRE_SPACE_URL`: the one host that our token is sent to.

use crate::config::ConfigError;
use crate::webhook::urls::is_loopback;

const NAME: &str = "SIGNALWIRE_SPACE_URL";

/// The base URL of the space, without a slash at the end.
///
/// Scheme, case and a trailing slash are normalised. `example.sip.signalwire.com` is a SIP host that older guides print for the
/// API (FACTS 1); it is read as `example.signalwire.com`, with a warning. Any other host is refused, this machine excepted,
/// where a simulator may stand in.
///
/// # Errors
/// [`ConfigError::Malformed`].
pub fn normalise(text: &str) -> Result<String, ConfigError> {
    let refuse = || ConfigError::malformed(NAME, "a space's host is expected, like example.signalwire.com");
    let text = text.trim().to_ascii_lowercase();
    let with_scheme = if text.contains("://") {
        text
    } else {
        format!("https://{text}")
    };
    let url = url::Url::parse(&with_scheme).map_err(|_| refuse())?;
    let plain = matches!(url.scheme(), "http" | "https")
        && matches!(url.path(), "" | "/")
        && url.query().is_none()
        && url.fragment().is_none()
        && url.username().is_empty()
        && url.password().is_none();
    if !plain {
        return Err(refuse());
    }
    if is_loopback(&url) {
        return Ok(url.as_str().trim_end_matches('/').to_owned());
    }
    let host = url.host_str().ok_or_else(refuse)?;
    let space = host.strip_suffix(".signalwire.com").ok_or_else(refuse)?;
    let label = match space.strip_suffix(".sip") {
        Some(label) => {
            tracing::warn!(
                "SIGNALWIRE_SPACE_URL names a SIP host; the API is asked at {label}.signalwire.com"
            );
            label
        }
        None => space,
    };
    let shaped = !label.is_empty()
        && label
            .bytes()
            .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
    if !shaped || label == "sip" || url.port().is_some() {
        return Err(refuse());
    }
    Ok(format!("https://{label}.signalwire.com"))
}

#[cfg(test)]
mod tests {
    use super::normalise;

    #[test]
    fn spellings() {
        for text in [
            "example.signalwire.com",
            "https://example.signalwire.com/",
            "HTTPS://Example.SignalWire.com",
            "http://example.signalwire.com",
            " example.signalwire.com ",
            "example.sip.signalwire.com",
        ] {
            assert_eq!(
                normalise(text).as_deref(),
                Ok("https://example.signalwire.com"),
                "{text}"
            );
        }
        assert_eq!(
            normalise("http://127.0.0.1:8080/").as_deref(),
            Ok("http://127.0.0.1:8080")
        );
    }

    #[test]
    fn no_other_host_gets_the_token() {
        for text in [
            "",
            "example.com",
            "signalwire.com",
            ".signalwire.com",
            "example.signalwire.com.evil.com",
            "evil.com/example.signalwire.com",
            "evil.com?.signalwire.com",
            "user@example.signalwire.com",
            "a.b.signalwire.com",
            "sip.signalwire.com",
            "example.signalwire.com:8443",
            "ftp://example.signalwire.com",
            "http://10.0.0.1",
            "example_.signalwire.com",
        ] {
            assert!(normalise(text).is_err(), "{text}");
        }
    }
}
