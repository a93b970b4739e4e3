//! A local issuer of bearer tokens, shaped like Clerk's.
//!
//! [`Issuer`] serves a key set on loopback and signs tokens for it; [`Claims`] says what is in them; [`forged`] holds the
//! tokens that a verifier has to refuse. The key pairs are fixtures of this crate and protect nothing.
//!
//! ```no_run
//! use testkit::identity::{Claims, Issuer};
//! # fn test() -> Result<(), testkit::Error> {
//! let issuer = Issuer::start()?;
//! let token = issuer.token(&Claims::of("user_1").organization("org_1", "admin", "acme"));
//! # Ok(())
//! # }
//! ```

mod claims;
pub mod forged;
mod issuer;
mod keys;

pub use claims::{Claims, Layout};
pub use issuer::Issuer;
pub use jsonwebtoken::Algorithm;
