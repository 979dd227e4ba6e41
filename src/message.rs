//! Formats what the program says on standard error: as text, or with `--log-format json` as one JSON object for each
//! line, in the form of the log's own lines.

use std::sync::atomic::{AtomicBool, Ordering};

use serde::Serialize;

use crate::clock;
use crate::printable::escape_json_for_terminal;

/// How important a message is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "UPPERCASE")]
pub(crate) enum Level {
    Info,
    Warn,
    Error,
}

/// A message as a JSON object. Fields without a value are left out.
#[derive(Debug, Serialize)]
pub(crate) struct Message<'a> {
    pub(crate) timestamp: String,
    pub(crate) level: Level,
    pub(crate) message: &'a str,
    /// The causes, outermost first.
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    pub(crate) because: &'a [String],
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) hint: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) exit_code: Option<u8>,
    /// Who wrote the text, if it was another program.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) source: Option<&'a str>,
    /// Lines that are missing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) lines: Option<u64>,
}

static IS_JSON: AtomicBool = AtomicBool::new(false);

/// Chooses the form of all messages from now on.
pub(crate) fn choose_json(is_json: bool) {
    IS_JSON.store(is_json, Ordering::Relaxed);
}

/// Whether messages are JSON objects.
pub(crate) fn is_json() -> bool {
    IS_JSON.load(Ordering::Relaxed)
}

impl<'a> Message<'a> {
    /// A message of now.
    pub(crate) fn new(level: Level, message: &'a str) -> Self {
        Self {
            timestamp: clock::now().to_string(),
            level,
            message,
            because: &[],
            hint: None,
            exit_code: None,
            source: None,
            lines: None,
        }
    }

    /// The object as one line, with its line break.
    pub(crate) fn line(&self) -> String {
        let object = serde_json::to_string(self).expect("a message is plain data");
        format!("{}\n", escape_json_for_terminal(&object))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_one_line_whatever_is_in_it() {
        let check = |message: Message<'_>, expected: &str| {
            let line = message.line();
            assert!(line.starts_with("{\"timestamp\":\"20"), "{line}");
            let rest = line.split_once("\",").unwrap().1;
            assert_eq!(rest, expected);
        };
        check(Message::new(Level::Info, "a\nb\u{9b}"), "\"level\":\"INFO\",\"message\":\"a\\nb\\u009b\"}\n");
        let because = ["there is no such file".to_owned()];
        let failure = Message {
            because: &because,
            hint: Some("h"),
            exit_code: Some(2),
            ..Message::new(Level::Error, "x")
        };
        let expected = "\"level\":\"ERROR\",\"message\":\"x\",\"because\":[\"there is no such file\"],\
                        \"hint\":\"h\",\"exit_code\":2}\n";
        check(failure, expected);
    }
}
