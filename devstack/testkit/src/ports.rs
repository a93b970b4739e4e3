//! Ports that a server can leave and come back to.

use std::hash::{BuildHasher, RandomState};
use std::net::TcpListener;
use std::process;

use crate::Error;

/// A port below those that the system gives to outgoing connections: one of these could take it while the server is
/// stopped, and it could not come back.
pub(crate) fn free() -> Result<u16, Error> {
    (0..100)
        .map(|_| 15_000 + (random() % 16_000) as u16)
        .find(|port| TcpListener::bind(("127.0.0.1", *port)).is_ok())
        .ok_or_else(|| Error::Failed("no free port between 15000 and 31000".to_owned()))
}

/// The standard library's only source of randomness.
pub(crate) fn random() -> u64 {
    RandomState::new().hash_one(process::id())
}
