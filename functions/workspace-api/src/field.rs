//! What a request or an answer holds, as data: it checks requests, and becomes the OpenAPI document.

use common::domain::{PhoneNumber, area_code};
use serde_json::{Map, Value, json};
use std::fmt;
use uuid::Uuid;

/// What a value is.
#[derive(Debug, Clone, Copy)]
pub enum Kind {
    /// A text of so many characters at most.
    Text(usize),
    /// One of these words.
    OneOf(&'static [&'static str]),
    /// An id.
    Uuid,
    /// A phone number; E.164 once it has been read.
    Phone,
    /// Three digits.
    AreaCode,
    /// RFC 3339.
    Time,
    /// `2026-11-21`
    Date,
    /// An amount: `"0.0079"`.
    Decimal,
    /// `true` or `false`.
    Bool,
    /// From, to.
    Integer(i64, i64),
    /// So many of these at most.
    List(&'static Kind, usize),
    /// An object with just these.
    Object(&'static Schema),
    /// An object with any names, and such values.
    MapOf(&'static Kind),
}

/// An object with a name.
#[derive(Debug, Clone, Copy)]
pub struct Schema {
    /// As it is called in the document.
    pub name: &'static str,
    /// What it is.
    pub doc: &'static str,
    /// What it holds.
    pub fields: &'static [Field],
}

/// A member of an object, or a parameter.
#[derive(Debug, Clone, Copy)]
pub struct Field {
    /// Its name on the wire.
    pub name: &'static str,
    /// What it is.
    pub kind: Kind,
    /// What it means.
    pub doc: &'static str,
    /// Whether it has to be there.
    pub required: bool,
    /// Whether `null` is a value.
    pub nullable: bool,
}

impl Field {
    /// One that has to be there.
    pub const fn new(name: &'static str, kind: Kind, doc: &'static str) -> Self {
        Self {
            name,
            kind,
            doc,
            required: true,
            nullable: false,
        }
    }

    /// The same, but it may be left out.
    #[must_use]
    pub const fn optional(mut self) -> Self {
        self.required = false;
        self
    }

    /// The same, but it may be `null`.
    #[must_use]
    pub const fn nullable(mut self) -> Self {
        self.nullable = true;
        self
    }
}

/// What is wrong with a value, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// `businessHours.mon[0]`
    pub field: String,
    /// `is not a text`
    pub why: String,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` {}", self.field, self.why)
    }
}

impl Fault {
    /// A fault.
    pub fn new(field: impl Into<String>, why: impl Into<String>) -> Self {
        Self {
            field: field.into(),
            why: why.into(),
        }
    }
}

/// Reads an object: checked, and its values in their canonical form.
///
/// # Errors
/// The first fault.
pub fn read(fields: &[Field], value: &Value, at: &str) -> Result<Map<String, Value>, Fault> {
    let here = if at.is_empty() { "body" } else { at };
    let object = value
        .as_object()
        .ok_or_else(|| Fault::new(here, "is not a JSON object"))?;
    let name_of = |name: &str| {
        if at.is_empty() {
            name.to_owned()
        } else {
            format!("{at}.{name}")
        }
    };
    if let Some(unknown) = object
        .keys()
        .find(|key| !fields.iter().any(|field| field.name == key.as_str()))
    {
        let short: String = unknown.chars().take(64).collect();
        return Err(Fault::new(
            name_of(&short),
            format!("is not known here; what is: {}", names(fields)),
        ));
    }
    let mut result = Map::new();
    for field in fields {
        let name = name_of(field.name);
        match object.get(field.name) {
            None if field.required => return Err(Fault::new(name, "is missing")),
            None => {}
            Some(Value::Null) if field.nullable => {
                result.insert(field.name.to_owned(), Value::Null);
            }
            Some(Value::Null) => return Err(Fault::new(name, "may not be null")),
            Some(value) => {
                result.insert(field.name.to_owned(), check(&field.kind, value, &name)?);
            }
        }
    }
    Ok(result)
}

/// The names, for people.
pub fn names(fields: &[Field]) -> String {
    if fields.is_empty() {
        return "nothing".to_owned();
    }
    fields.iter().map(|field| field.name).collect::<Vec<_>>().join(", ")
}

/// A value in its canonical form.
///
/// # Errors
/// What is wrong with it.
pub fn check(kind: &Kind, value: &Value, at: &str) -> Result<Value, Fault> {
    let fault = |why: String| Fault::new(at, why);
    let text = || value.as_str().ok_or_else(|| fault("is not a text".to_owned()));
    match kind {
        Kind::Text(most) => {
            let text = text()?.replace('\0', "\u{fffd}"); // Postgres has no NUL in texts
            if text.chars().count() > *most {
                return Err(fault(format!("has more than {most} characters")));
            }
            Ok(Value::String(text))
        }
        Kind::OneOf(words) => words
            .iter()
            .find(|word| Some(**word) == value.as_str())
            .map(|word| json!(word))
            .ok_or_else(|| fault(format!("is none of {}", words.join(", ")))),
        Kind::Uuid => text()?
            .parse::<Uuid>()
            .map(|id| json!(id))
            .map_err(|_| fault("is not a UUID".to_owned())),
        Kind::Phone => {
            let plain: String = text()?
                .trim()
                .chars()
                .filter(|c| !matches!(c, ' ' | '-' | '(' | ')' | '.'))
                .collect();
            plain
                .parse::<PhoneNumber>()
                .map(|number| json!(number.as_str()))
                .map_err(|why| fault(format!("is not a phone number in E.164 form: {why}")))
        }
        Kind::AreaCode => {
            let code = text()?.trim();
            if area_code::is_shaped(code) {
                Ok(json!(code))
            } else {
                Err(fault("is not three digits, the first from 2 to 9".to_owned()))
            }
        }
        Kind::Time => text()?
            .parse::<jiff::Timestamp>()
            .map(|time| json!(time.to_string()))
            .map_err(|_| fault("is not an RFC 3339 time".to_owned())),
        Kind::Date => text()?
            .parse::<jiff::civil::Date>()
            .map(|date| json!(date.to_string()))
            .map_err(|_| fault("is not a date (2026-11-21)".to_owned())),
        Kind::Decimal => {
            let text = text()?;
            let digits = text.strip_prefix('-').unwrap_or(text);
            let shaped = !digits.is_empty()
                && digits.len() <= 30
                && digits.split('.').count() <= 2
                && digits
                    .split('.')
                    .all(|part| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit()));
            if shaped {
                Ok(json!(text))
            } else {
                Err(fault("is not a decimal number as a text".to_owned()))
            }
        }
        Kind::Bool => value
            .as_bool()
            .map(Value::Bool)
            .ok_or_else(|| fault("is neither true nor false".to_owned())),
        Kind::Integer(least, most) => value
            .as_i64()
            .filter(|number| (least..=most).contains(&number))
            .map(|number| json!(number))
            .ok_or_else(|| fault(format!("is not a whole number from {least} to {most}"))),
        Kind::List(of, most) => {
            let list = value
                .as_array()
                .ok_or_else(|| fault("is not a list".to_owned()))?;
            if list.len() > *most {
                return Err(fault(format!("has more than {most} entries")));
            }
            let read = |(index, entry): (usize, &Value)| check(of, entry, &format!("{at}[{index}]"));
            list.iter()
                .enumerate()
                .map(read)
                .collect::<Result<_, _>>()
                .map(Value::Array)
        }
        Kind::Object(schema) => read(schema.fields, value, at).map(Value::Object),
        Kind::MapOf(of) => {
            let object = value
                .as_object()
                .ok_or_else(|| fault("is not a JSON object".to_owned()))?;
            let read = |(name, entry): (&String, &Value)| {
                Ok((name.clone(), check(of, entry, &format!("{at}.{name}"))?))
            };
            object.iter().map(read).collect::<Result<_, _>>().map(Value::Object)
        }
    }
}

/// A text of a query or a path as a JSON value of that kind, to be checked like any other.
pub fn from_text(kind: &Kind, text: &str) -> Value {
    match kind {
        Kind::Bool => match text {
            "true" => Value::Bool(true),
            "false" => Value::Bool(false),
            other => json!(other),
        },
        Kind::Integer(..) => text.parse::<i64>().map_or_else(|_| json!(text), |number| json!(number)),
        // nothing else stands in a query
        _ => json!(text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const INNER: Schema = Schema {
        name: "Inner",
        doc: "",
        fields: &[Field::new("on", Kind::Bool, "")],
    };
    const FIELDS: &[Field] = &[
        Field::new("name", Kind::Text(3), ""),
        Field::new("phone", Kind::Phone, "").optional().nullable(),
        Field::new("inner", Kind::Object(&INNER), "").optional(),
        Field::new("list", Kind::List(&Kind::Integer(0, 9), 2), "").optional(),
        Field::new("price", Kind::Decimal, "").optional(),
    ];

    fn fault(value: Value) -> String {
        read(FIELDS, &value, "").unwrap_err().to_string()
    }

    #[test]
    fn good_ones_become_canonical() {
        let value = json!({ "name": "a\0b", "phone": "+1 (415) 555-1234", "list": [1, 2], "price": "-0.01" });
        let read = Value::Object(read(FIELDS, &value, "").unwrap());
        assert_eq!(
            read,
            json!({ "name": "a\u{fffd}b", "phone": "+14155551234", "list": [1, 2], "price": "-0.01" })
        );
        assert_eq!(
            super::read(FIELDS, &json!({ "name": "", "phone": null }), "").unwrap()["phone"],
            Value::Null
        );
    }

    #[test]
    fn faults_name_the_field() {
        for (value, begins) in [
            (json!([]), "`body` is not a JSON object"),
            (json!({}), "`name` is missing"),
            (json!({ "name": null }), "`name` may not be null"),
            (json!({ "name": 3 }), "`name` is not a text"),
            (json!({ "name": "abcd" }), "`name` has more than 3"),
            (json!({ "name": "a", "x": 1 }), "`x` is not known here; what is: name, phone"),
            (json!({ "name": "a", "phone": "12" }), "`phone` is not a phone number"),
            (json!({ "name": "a", "inner": { "on": 1 } }), "`inner.on` is neither"),
            (json!({ "name": "a", "inner": { "of": 1 } }), "`inner.of` is not known"),
            (json!({ "name": "a", "list": [1, 10] }), "`list[1]` is not a whole number from 0 to 9"),
            (json!({ "name": "a", "list": [1, 2, 3] }), "`list` has more than 2"),
            (json!({ "name": "a", "price": "1.2.3" }), "`price` is not a decimal"),
        ] {
            assert!(fault(value.clone()).starts_with(begins), "{}", fault(value));
        }
    }
}
