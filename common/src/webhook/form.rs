//! `application/x-www-form-urlencoded` bodies, as bytes: a signature covers what was sent, not what it could be read as.

use super::gate::Rejection;
use percent_encoding::percent_decode;
use std::borrow::Cow;

/// More fields than any callback has; a body with more is not from the carrier (the longest documented has 30).
const FIELDS_MAX: usize = 1000;

/// The decoded fields, in the order of the wire.
#[derive(Clone, Default)]
pub struct Form(Vec<(Vec<u8>, Vec<u8>)>);

impl Form {
    /// Reads a body. Any bytes are some form; `None` when there are more fields than a callback can have.
    pub fn parse(body: &[u8]) -> Option<Self> {
        let mut fields = Vec::new();
        for pair in body.split(|byte| *byte == b'&').filter(|pair| !pair.is_empty()) {
            if fields.len() == FIELDS_MAX {
                return None;
            }
            let split = pair.iter().position(|byte| *byte == b'=');
            let (name, value) =
                split.map_or((pair, &pair[pair.len()..]), |at| (&pair[..at], &pair[at + 1..]));
            fields.push((decode(name), decode(value)));
        }
        Some(Self(fields))
    }

    /// The fields as sent.
    pub fn fields(&self) -> &[(Vec<u8>, Vec<u8>)] {
        &self.0
    }

    /// A field's text, the first of that name. What Postgres cannot keep (NUL, broken UTF-8) reads as U+FFFD.
    pub fn get(&self, name: &str) -> Option<Cow<'_, str>> {
        self.all(name).next()
    }

    /// The same of every field of that name.
    pub fn all<'a>(&'a self, name: &str) -> impl Iterator<Item = Cow<'a, str>> {
        let named = self.0.iter().filter(move |(key, _)| key == name.as_bytes());
        named.map(|(_, value)| {
            let text = String::from_utf8_lossy(value);
            if text.contains('\0') {
                Cow::Owned(text.replace('\0', "\u{fffd}"))
            } else {
                text
            }
        })
    }

    /// A field that has to be there and say something.
    ///
    /// # Errors
    /// [`Rejection::Malformed`] that names the field.
    pub fn require(&self, name: &'static str) -> Result<Cow<'_, str>, Rejection> {
        self.get(name)
            .filter(|value| !value.is_empty())
            .ok_or(Rejection::Malformed { field: name })
    }

    /// A SID: opaque, but printable and of bounded length.
    ///
    /// # Errors
    /// [`Rejection::Malformed`] that names the field.
    pub fn require_sid(&self, name: &'static str) -> Result<String, Rejection> {
        let sid = self.require(name)?;
        if sid.len() <= 128 && sid.bytes().all(|byte| byte.is_ascii_graphic()) {
            Ok(sid.into_owned())
        } else {
            Err(Rejection::Malformed { field: name })
        }
    }

    /// A field that is a number of things, when it is there and reads as one.
    pub fn number(&self, name: &str) -> Option<i32> {
        self.get(name)?.trim().parse().ok().filter(|number| *number >= 0)
    }
}

impl std::fmt::Debug for Form {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Form({} fields)", self.0.len())
    }
}

fn decode(part: &[u8]) -> Vec<u8> {
    if part.contains(&b'+') {
        let spaced: Vec<u8> = part
            .iter()
            .map(|byte| if *byte == b'+' { b' ' } else { *byte })
            .collect();
        percent_decode(&spaced).collect()
    } else {
        percent_decode(part).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn decodes_like_a_browser_encodes() {
        let form = Form::parse(b"A=1%2B2+3&B=&C&A=second&=x&D=a=b").unwrap();
        assert_eq!(form.get("A").as_deref(), Some("1+2 3"));
        assert_eq!(form.get("B").as_deref(), Some(""));
        assert_eq!(form.get("C").as_deref(), Some(""));
        assert_eq!(form.get("D").as_deref(), Some("a=b"));
        assert_eq!(form.get("E"), None);
        assert_eq!(form.fields().len(), 6);
    }

    #[test]
    fn what_postgres_refuses_is_replaced() {
        let form = Form::parse(b"Body=a%00b%FFc").unwrap();
        assert_eq!(form.get("Body").as_deref(), Some("a\u{fffd}b\u{fffd}c"));
        assert_eq!(form.fields()[0].1, b"a\0b\xffc");
    }

    #[test]
    fn sids_are_printable_and_short() {
        let form = Form::parse(format!("A=SM123&B=a%0Ab&C={}", "x".repeat(129)).as_bytes()).unwrap();
        assert_eq!(form.require_sid("A").unwrap(), "SM123");
        assert!(form.require_sid("B").is_err());
        assert!(form.require_sid("C").is_err());
        assert!(form.require_sid("D").is_err());
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_without_a_panic(body in proptest::collection::vec(any::<u8>(), 0..2000)) {
            let _ = Form::parse(&body);
        }

        #[test]
        fn what_is_encoded_comes_back(pairs in proptest::collection::vec(("[A-Za-z]{1,8}", any::<String>()), 0..12)) {
            let body = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(&pairs).finish();
            let form = Form::parse(body.as_bytes()).unwrap();
            let read: Vec<(String, String)> = form.fields().iter()
                .map(|(k, v)| (String::from_utf8(k.clone()).unwrap(), String::from_utf8(v.clone()).unwrap())).collect();
            prop_assert_eq!(read, pairs);
        }
    }
}
