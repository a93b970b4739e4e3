//! What a hostile sender may try, for the tests of this package and for the fuzzer in `devstack/fuzz`.
//!
//! - [`hostile`]: values and documents that no friendly sender would send.
//! - [`seeds`]: what the fuzzer begins with.
//! - [`sign`]: signs any bytes as the carrier would, so that hostile values get past the gate.
//! - [`target`]: one function for each parser; whatever bytes it gets, it has to return.

pub mod hostile;
pub mod seeds;
pub mod sign;
pub mod target;
