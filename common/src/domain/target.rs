//! Where events may be sent: what a workspace names as its endpoint is somebody else's word, so it must not lead inside.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use url::{Host, Url};

/// Longer ones are refused.
const URL_CHARS_MAX: usize = 2000;

/// How far an endpoint may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reach {
    /// The public internet, by https.
    Public,
    /// Also this machine and its network, by http too: for local runs.
    Anywhere,
}

/// The URL of an endpoint. Its host may be a name: what that resolves to is judged again when it is connected to.
#[derive(Clone, PartialEq, Eq)]
pub struct TargetUrl(Url);

/// Why a URL may not be an endpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadTarget {
    /// No URL.
    #[error("an absolute URL like https://hooks.example.com/ringspace is expected")]
    Malformed,
    /// Too long.
    #[error("the URL is longer than {URL_CHARS_MAX} characters")]
    TooLong,
    /// Not encrypted.
    #[error("the URL has to begin with https://")]
    NotHttps,
    /// A password in it would show up in lists.
    #[error("the URL must not contain a user name or password")]
    Credentials,
    /// Loopback, private, link-local, metadata, reserved.
    #[error("the URL leads to a private or reserved address")]
    Private,
}

impl TargetUrl {
    /// Reads one.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse(text: &str, reach: Reach) -> Result<Self, BadTarget> {
        if text.chars().count() > URL_CHARS_MAX {
            return Err(BadTarget::TooLong);
        }
        let url = Url::parse(text.trim()).map_err(|_| BadTarget::Malformed)?;
        let host = url.host().ok_or(BadTarget::Malformed)?;
        match url.scheme() {
            "https" => {}
            "http" if reach == Reach::Anywhere => {}
            "http" => return Err(BadTarget::NotHttps),
            _ => return Err(BadTarget::Malformed),
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(BadTarget::Credentials);
        }
        let is_inside = match host {
            Host::Ipv4(address) => !is_public(address.into()),
            Host::Ipv6(address) => !is_public(address.into()),
            Host::Domain(name) => is_inner_name(name),
        };
        if is_inside && reach == Reach::Public {
            return Err(BadTarget::Private);
        }
        Ok(Self(url))
    }

    /// As it is requested.
    pub fn as_url(&self) -> &Url {
        &self.0
    }
}

impl fmt::Display for TargetUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Debug for TargetUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // a path or a query may hold a token of the receiver's
        write!(f, "TargetUrl({}…)", self.0.origin().ascii_serialization())
    }
}

/// Names that no public name server answers for: refused at once, for a clearer word than that of the resolver.
fn is_inner_name(name: &str) -> bool {
    let name = name.trim_end_matches('.').to_ascii_lowercase();
    !name.contains('.')
        || [".localhost", ".local", ".internal", ".lan", ".home.arpa"]
            .iter()
            .any(|end| name.ends_with(end))
}

/// Whether an address is one of the public internet. Whatever is not known to be is not.
pub fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => is_public_v4(address),
        IpAddr::V6(address) => is_public_v6(address),
    }
}

fn is_public_v4(address: Ipv4Addr) -> bool {
    let [a, b, c, _] = address.octets();
    !(address.is_private()
        || address.is_loopback()
        || address.is_link_local() // 169.254.169.254, metadata, is one of them
        || address.is_multicast()
        || address.is_documentation()
        || a == 0
        || a >= 240 // reserved, broadcast
        || (a == 100 && (64..128).contains(&b)) // carrier-grade NAT
        || (a == 192 && b == 0 && c == 0) // protocol assignments
        || (a == 192 && b == 88 && c == 99) // 6to4 relays
        || (a == 198 && (b == 18 || b == 19))) // benchmarks
}

/// Global unicast alone: loopback, link-local, unique local, mapped IPv4 and NAT64 lie outside `2000::/3`.
fn is_public_v6(address: Ipv6Addr) -> bool {
    let [first, second, ..] = address.segments();
    (first & 0xe000) == 0x2000
        && !(first == 0x2001 && second < 0x0200) // protocol assignments, Teredo
        && !(first == 0x2001 && second == 0x0db8) // documentation
        && first != 0x2002 // 6to4 wraps an IPv4 address
        && !(first == 0x3fff && second < 0x1000) // documentation
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_leads_inside_is_refused() {
        for (url, why) in [
            ("", BadTarget::Malformed),
            ("hooks.example.com", BadTarget::Malformed),
            ("ftp://example.com/", BadTarget::Malformed),
            ("data:text/plain,x", BadTarget::Malformed),
            ("http://example.com/", BadTarget::NotHttps),
            ("https://user:secret@example.com/", BadTarget::Credentials),
            ("https://user@example.com/", BadTarget::Credentials),
            ("https://localhost/", BadTarget::Private),
            ("https://LOCALHOST./", BadTarget::Private),
            ("https://metadata/", BadTarget::Private),
            ("https://metadata.google.internal/", BadTarget::Private),
            ("https://127.0.0.1/", BadTarget::Private),
            ("https://127.1/", BadTarget::Private),
            ("https://2130706433/", BadTarget::Private),
            ("https://0x7f.0.0.1/", BadTarget::Private),
            ("https://0177.0.0.1/", BadTarget::Private),
            ("https://0.0.0.0/", BadTarget::Private),
            ("https://10.1.2.3/", BadTarget::Private),
            ("https://172.16.0.1/", BadTarget::Private),
            ("https://192.168.1.1/", BadTarget::Private),
            ("https://169.254.169.254/latest/meta-data", BadTarget::Private),
            ("https://169.254.170.2/", BadTarget::Private),
            ("https://100.64.0.1/", BadTarget::Private),
            ("https://198.19.0.1/", BadTarget::Private),
            ("https://192.0.2.1/", BadTarget::Private),
            ("https://224.0.0.1/", BadTarget::Private),
            ("https://255.255.255.255/", BadTarget::Private),
            ("https://[::1]/", BadTarget::Private),
            ("https://[::]/", BadTarget::Private),
            ("https://[::ffff:127.0.0.1]/", BadTarget::Private),
            ("https://[::ffff:8.8.8.8]/", BadTarget::Private),
            ("https://[64:ff9b::7f00:1]/", BadTarget::Private),
            ("https://[2002:7f00:1::]/", BadTarget::Private),
            ("https://[2001::1]/", BadTarget::Private),
            ("https://[fe80::1]/", BadTarget::Private),
            ("https://[fd00:ec2::254]/", BadTarget::Private),
            ("https://[2001:db8::1]/", BadTarget::Private),
        ] {
            assert_eq!(TargetUrl::parse(url, Reach::Public), Err(why), "{url}");
        }
        let long = format!("https://example.com/{}", "a".repeat(2000));
        assert_eq!(TargetUrl::parse(&long, Reach::Public), Err(BadTarget::TooLong));
    }

    #[test]
    fn what_is_public_may_be_an_endpoint() {
        for url in [
            "https://hooks.example.com/ringspace?x=1",
            "https://hooks.example.com:8443/",
            "https://8.8.8.8/",
            "https://[2606:4700::1111]/",
        ] {
            assert!(TargetUrl::parse(url, Reach::Public).is_ok(), "{url}");
        }
        for url in [
            "http://127.0.0.1:3000/hook",
            "http://localhost/",
            "https://10.0.0.1/",
        ] {
            assert!(TargetUrl::parse(url, Reach::Anywhere).is_ok(), "{url}");
        }
        assert_eq!(
            TargetUrl::parse("http://u:p@localhost/", Reach::Anywhere),
            Err(BadTarget::Credentials)
        );
    }

    #[test]
    fn logs_show_no_path() {
        let url = TargetUrl::parse("https://hooks.example.com/token-in-a-path", Reach::Public).unwrap();
        assert_eq!(format!("{url:?}"), "TargetUrl(https://hooks.example.com…)");
    }
}
