//! Text for people, parts of which are coloured on a terminal.
//!
//! The parts are kept beside the text, so that text from outside can be escaped before colours are added.

use std::fmt::{self, Write as _};

/// The meaning of a coloured part.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tone {
    Good,
    Open,
    Doubtful,
    Bad,
    Faint,
    Strong,
}

/// Text whose parts may have a [`Tone`].
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Toned(Vec<(Option<Tone>, String)>);

impl Toned {
    /// Adds text with a tone.
    pub(crate) fn push(&mut self, tone: Tone, text: impl Into<String>) {
        self.0.push((Some(tone), text.into()));
    }

    /// Adds all of another text.
    pub(crate) fn append(&mut self, other: Toned) {
        self.0.extend(other.0);
    }

    /// The text in parts, for printing.
    pub(crate) fn parts(&self) -> impl Iterator<Item = (Option<Tone>, &str)> {
        self.0.iter().map(|(tone, text)| (*tone, text.as_str()))
    }
}

/// Adds text without a tone.
impl fmt::Write for Toned {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        match self.0.last_mut() {
            Some((None, last)) => last.push_str(text),
            _ => self.0.push((None, text.to_owned())),
        }
        Ok(())
    }
}

impl super::PushLine for Toned {
    fn push_line(&mut self, content: fmt::Arguments<'_>) {
        writeln!(self, "{content}").expect("writing to memory cannot fail");
    }
}
