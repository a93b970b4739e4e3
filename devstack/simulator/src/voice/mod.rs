//! Calls on their way: what people do is a script, what happens is what the cXML says (FACTS 5, 6, 7).

mod dial;
pub(crate) mod life;
mod record;
mod run;
pub(crate) mod script;
