//! The words of the trade, free of I/O: parsed once, typed from there on.

pub mod area_code;
pub mod csv;
pub mod destination;
pub mod keyword;
pub mod phone_number;
pub mod scope;
pub mod segments;
pub mod status;
pub mod tier;

pub use keyword::{Keyword, classify};
pub use phone_number::{Party, PhoneNumber};
pub use scope::Scope;
pub use tier::Tier;
