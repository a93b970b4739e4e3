//! `--name value` pairs and bare words.

use std::collections::BTreeMap;
use uuid::Uuid;

/// What stands behind a command.
#[derive(Debug)]
pub struct Arguments<'a> {
    words: Vec<&'a str>,
    options: BTreeMap<&'a str, &'a str>,
}

impl<'a> Arguments<'a> {
    /// Reads them; options other than `known` are refused. Those in `flags` take no value.
    ///
    /// # Errors
    /// What is not understood.
    pub fn read(arguments: &[&'a str], known: &[&str], flags: &[&str]) -> Result<Self, String> {
        let mut words = Vec::new();
        let mut options = BTreeMap::new();
        let mut rest = arguments.iter();
        while let Some(argument) = rest.next() {
            let Some(name) = argument.strip_prefix("--") else {
                words.push(*argument);
                continue;
            };
            let value = if flags.contains(&name) {
                ""
            } else if known.contains(&name) {
                rest.next().ok_or_else(|| format!("--{name} needs a value"))?
            } else {
                return Err(format!("there is no option --{name} here"));
            };
            if options.insert(name, value).is_some() {
                return Err(format!("--{name} is given twice"));
            }
        }
        Ok(Self { words, options })
    }

    /// The bare words, exactly as many as they have names.
    ///
    /// # Errors
    /// One is missing or too many.
    pub fn words<const N: usize>(&self, names: [&str; N]) -> Result<[&'a str; N], String> {
        <[&str; N]>::try_from(self.words.as_slice()).map_err(|_| {
            format!(
                "expected here: {}",
                if N == 0 {
                    "no word".to_owned()
                } else {
                    names.join(" ")
                }
            )
        })
    }

    /// An option's value.
    pub fn option(&self, name: &str) -> Option<&'a str> {
        self.options.get(name).copied()
    }

    /// An option that has to be there.
    ///
    /// # Errors
    /// It is not.
    pub fn required(&self, name: &str) -> Result<&'a str, String> {
        self.option(name)
            .filter(|value| !value.trim().is_empty())
            .ok_or_else(|| format!("--{name} is missing"))
    }

    /// Whether a flag is set.
    pub fn flag(&self, name: &str) -> bool {
        self.options.contains_key(name)
    }

    /// `--workspace ID`.
    ///
    /// # Errors
    /// It is no UUID.
    pub fn workspace(&self) -> Result<Option<Uuid>, String> {
        self.option("workspace").map(uuid).transpose()
    }
}

/// An id.
///
/// # Errors
/// It is none.
pub fn uuid(text: &str) -> Result<Uuid, String> {
    text.parse().map_err(|_| format!("`{text}` is no UUID"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_words_and_mistakes() {
        let read = |arguments: &[&'static str]| Arguments::read(arguments, &["name"], &["all"]);
        let good = read(&["x", "--name", "n", "--all"]).unwrap();
        assert_eq!(good.words(["ID"]), Ok(["x"]));
        assert_eq!((good.option("name"), good.flag("all")), (Some("n"), true));
        assert_eq!(good.words([]).unwrap_err(), "expected here: no word");
        assert_eq!(good.required("other").unwrap_err(), "--other is missing");
        assert_eq!(read(&["--name"]).unwrap_err(), "--name needs a value");
        assert_eq!(
            read(&["--nme", "n"]).unwrap_err(),
            "there is no option --nme here"
        );
        assert_eq!(read(&["--all", "--all"]).unwrap_err(), "--all is given twice");
    }
}
