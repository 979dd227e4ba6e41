//! The command that the operator runs next, and the steps after it.

use serde::{Serialize, Serializer};

use super::PushLine as _;
use super::toned::{Tone, Toned};

/// What to do next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct NextSteps {
    /// When the command works; `None`: now.
    pub(crate) once: Option<&'static str>,
    pub(crate) command: String,
    /// Further steps: what to do, and the command for it.
    pub(crate) then: Vec<(String, Option<String>)>,
}

impl NextSteps {
    /// Only this command, which works now.
    pub(crate) fn run(command: String) -> Self {
        Self { once: None, command, then: Vec::new() }
    }

    /// Adds a step.
    pub(crate) fn then(mut self, words: impl Into<String>, command: impl Into<Option<String>>) -> Self {
        self.then.push((words.into(), command.into()));
        self
    }

    /// What introduces the command.
    pub(crate) fn label(&self) -> String {
        self.once.map_or_else(|| "Next:".to_owned(), |once| format!("Next, {once}:"))
    }

    /// The steps after the command, one line each.
    pub(crate) fn further(&self) -> impl Iterator<Item = String> {
        self.then.iter().map(|(words, command)| match command {
            Some(command) => format!("{words}: {command}"),
            None => words.clone(),
        })
    }

    /// Adds the steps to a text, each on a line of its own, so that each command can be copied.
    pub(crate) fn describe(&self, text: &mut Toned) {
        text.push_line(format_args!(""));
        text.push(Tone::Strong, self.label());
        text.push_line(format_args!(" {}", self.command));
        for step in self.further() {
            text.push_line(format_args!("      {step}"));
        }
    }
}

/// The commands for scripts; none if the first one does not work yet.
#[derive(Debug, Serialize)]
pub(crate) struct NextCommands<'a> {
    /// The first one.
    pub(crate) next: Option<&'a str>,
    /// All, in their order.
    pub(crate) next_commands: Vec<&'a str>,
}

impl<'a> NextCommands<'a> {
    pub(crate) fn of(next: &'a Option<NextSteps>) -> Self {
        let Some(NextSteps { once: None, command, then }) = next else {
            return Self { next: None, next_commands: Vec::new() };
        };
        let later = then.iter().filter_map(|(_, command)| command.as_deref());
        Self { next: Some(command), next_commands: std::iter::once(command.as_str()).chain(later).collect() }
    }
}

/// For `serialize_with`.
pub(super) fn as_commands<S: Serializer>(next: &Option<NextSteps>, serializer: S) -> Result<S::Ok, S::Error> {
    NextCommands::of(next).serialize(serializer)
}
