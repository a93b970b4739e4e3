//! Values and documents that no friendly sender would send.

use serde_json::{Value, json};

/// Values of one field, as bytes, each with a name for the report of a failure.
pub fn values() -> Vec<(&'static str, Vec<u8>)> {
    let mut values: Vec<(&'static str, Vec<u8>)> = [
        ("empty", ""),
        ("blank", " \t "),
        ("NUL", "\0"),
        ("NUL inside", "a\0b"),
        ("CR LF", "a\r\nX-Injected: 1\r\n\r\n<Response/>"),
        ("control characters", "\u{1}\u{8}\u{b}\u{c}\u{1f}\u{7f}\u{85}"),
        ("no XML characters", "\u{fffe}\u{ffff}\u{fdd0}"),
        ("the end of CDATA", "]]><Hangup/>"),
        ("XML", "</Message><Dial>+19005550100</Dial>"),
        ("an entity", "<!DOCTYPE x [<!ENTITY a \"aa\">]>&a;&#0;&#x1F600;"),
        ("SQL", "'; drop table workspaces; --"),
        ("a format", "%s%n{}{0}$1\\u0000"),
        ("a path", "../../../etc/passwd"),
        ("right to left", "\u{202e}\u{2066}txt.exe"),
        ("only a plus", "+"),
        ("a plus and a digit", "+1"),
        ("full-width digits", "＋１４１５５５５１２３４"),
        ("Arabic digits", "+١٤١٥٥٥٥١٢٣٤"),
        ("a negative number", "-1"),
        ("a number beyond 64 bits", "99999999999999999999999999"),
        ("no number", "NaN"),
        ("an exponent", "1e999"),
        ("WhatsApp of nobody", "whatsapp:"),
        ("a SIP address", "sip:a@b.example;x=\"y\""),
        ("JSON", "{\"a\":[[[["),
        ("null", "null"),
        ("a URL with a password", "https://user:password@x.example/%00?a#b"),
        ("no URL", "javascript:alert(1)"),
        ("combining marks", "e\u{301}\u{301}\u{301}\u{200d}\u{fe0f}"),
    ]
    .into_iter()
    .map(|(name, text)| (name, text.as_bytes().to_vec()))
    .collect();
    values.extend([
        ("broken UTF-8", vec![0xff, 0xfe, b'a', 0xc3]),
        ("a lone surrogate", vec![0xed, 0xa0, 0x80]),
        ("an overlong NUL", vec![0xc0, 0x80]),
        ("every byte", (0..=255).collect()),
        ("ten thousand digits", vec![b'9'; 10_000]),
        ("20 kB of text", vec![b'A'; 20_000]),
        ("a flood of emoji", "\u{1f600}".repeat(1500).into_bytes()),
    ]);
    values
}

/// Values of one member of a JSON object.
pub fn members() -> Vec<(&'static str, Value)> {
    let mut members: Vec<(&'static str, Value)> = values()
        .into_iter()
        .filter_map(|(name, bytes)| Some((name, Value::String(String::from_utf8(bytes).ok()?))))
        .collect();
    members.extend([
        ("null", Value::Null),
        ("true", json!(true)),
        ("a number", json!(-1.5e300)),
        ("a large number", json!(u64::MAX)),
        ("a list", json!([])),
        ("a list of lists", json!([[["a"], 1], null, {}])),
        ("an object", json!({ "$ne": "" })),
        ("a list of ten thousand", json!(vec!["https://x.example/a"; 1000])),
    ]);
    members
}

/// JSON bodies that are hostile as a whole.
pub fn documents() -> Vec<(&'static str, Vec<u8>)> {
    let many = |count: usize| {
        let members: Vec<String> = (0..count).map(|at| format!("\"k{at}\":0")).collect();
        format!("{{{}}}", members.join(","))
    };
    let mut documents: Vec<(&'static str, Vec<u8>)> = [
        ("nothing", String::new()),
        ("no JSON", "hello".to_owned()),
        ("half a document", "{\"channel\":".to_owned()),
        ("a text", "\"a\"".to_owned()),
        ("a list", "[1,2]".to_owned()),
        ("null", "null".to_owned()),
        ("a number", "1e400".to_owned()),
        ("30,000 lists", "[".repeat(30_000)),
        ("5,000 objects", "{\"data\":".repeat(5000)),
        ("5,000 members", many(5000)),
        ("100,000 members", many(100_000)),
        (
            "a lone surrogate",
            "{\"type\":\"\\ud800\",\"body\":\"\\udc00\"}".to_owned(),
        ),
        (
            "an escaped NUL",
            "{\"type\":\"\\u0000\",\"id\":\"\\u0000\"}".to_owned(),
        ),
        ("a byte order mark", "\u{feff}{}".to_owned()),
        ("the same member twice", "{\"type\":1,\"type\":2}".to_owned()),
        (
            "64 kB and a byte",
            format!("{{\"body\":\"{}\"}}", "a".repeat(64 * 1024)),
        ),
        (
            "a megabyte",
            format!("{{\"body\":\"{}\"}}", "a".repeat(1024 * 1024)),
        ),
    ]
    .into_iter()
    .map(|(name, text)| (name, text.into_bytes()))
    .collect();
    documents.extend([
        ("broken UTF-8", b"{\"body\":\"\xff\xfe\"}".to_vec()),
        ("NUL bytes", vec![0; 300]),
        ("every byte", (0..=255).collect()),
    ]);
    documents
}

/// Form bodies that are hostile as a whole.
pub fn forms() -> Vec<(&'static str, Vec<u8>)> {
    vec![
        ("nothing", Vec::new()),
        ("only separators", b"&".repeat(60_000)),
        ("only equal signs", b"=&=&=".repeat(10_000)),
        ("100,000 fields", b"a=1&".repeat(100_000)),
        ("10,000 fields", b"a=1&".repeat(10_000)),
        ("broken escapes", b"From=%&To=%f&Body=%zz%&%%%=1".to_vec()),
        ("one name of 60 kB", b"a".repeat(60_000)),
        ("64 kB and a byte", b"a".repeat(64 * 1024 + 1)),
        ("five megabytes", b"a".repeat(5 * 1024 * 1024)),
        ("every byte", (0..=255).collect()),
        ("JSON", b"{\"From\":1}".to_vec()),
    ]
}
