//! Shapes that several resources share.

use crate::field::{Field, Kind, Schema};

/// What a number is for.
pub const NUMBER_TYPES: &[&str] = &["primary", "sales", "support", "custom"];
/// How people are reached.
pub const CHANNELS: &[&str] = &["sms", "whatsapp", "call"];
/// What a conversation is.
pub const CONVERSATION_STATUSES: &[&str] = &["active", "archived", "closed", "spam"];

/// An amount.
pub const MONEY: Schema = Schema {
    name: "Money",
    doc: "An amount of money.",
    fields: &[
        Field::new("amount", Kind::Decimal, "A decimal number."),
        Field::new("currency", Kind::Text(3), "ISO 4217."),
    ],
};

/// A number, as far as a conversation shows it.
pub const NUMBER_REF: Schema = Schema {
    name: "NumberRef",
    doc: "One of the workspace's numbers.",
    fields: &[
        Field::new("id", Kind::Uuid, "Its id."),
        Field::new("phoneNumber", Kind::Phone, "E.164."),
        Field::new("friendlyName", Kind::Text(200), "Its label.").nullable(),
        Field::new("numberType", Kind::OneOf(NUMBER_TYPES), "What it is for: the department."),
        Field::new(
            "status",
            Kind::OneOf(&["active", "suspended", "released"]),
            "Whether it can be used.",
        ),
    ],
};

/// A contact, as far as a conversation shows it.
pub const CONTACT_REF: Schema = Schema {
    name: "ContactRef",
    doc: "Somebody whom the workspace knows.",
    fields: &[
        Field::new("id", Kind::Uuid, "Its id."),
        Field::new("name", Kind::Text(500), "First and last name.").nullable(),
    ],
};
