//! Describes for people why a command failed: what failed, why, and what to do next.

use std::error::Error as StdError;
use std::io;
use std::path::Path;
use std::sync::Arc;

use thiserror::Error;

use super::exit_code::ExitCode;
use super::{input, signals};
use crate::files::{Refused, folder_of, is_held};
use crate::limits::{self, Resource};
use crate::report::{ExportError, TableError};
use crate::transport::{ClientError, NoResponse};
use crate::{auth, credentials, intake, ledger, reading};

/// What to do about a file that another program has open.
pub(super) const CLOSE: &str =
    "close it in the other program, such as Excel, then run the same command again";

/// Ends a command.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) exit_code: ExitCode,
    /// What failed, then its causes.
    pub(crate) messages: Vec<String>,
    pub(crate) hint: Option<String>,
    /// The reader of standard output has closed it, as `head` does. That is not a failure of the command.
    pub(crate) reader_is_gone: bool,
}

/// Why standard output accepts no more data.
#[derive(Debug, Error)]
#[error("its reader is gone")]
pub(super) struct ReaderIsGone;

impl ReaderIsGone {
    /// Whether `error` is caused by this.
    fn is_said_by(error: &io::Error) -> bool {
        error
            .get_ref()
            .is_some_and(|inner| inner.is::<Self>() || error_of_system(inner).is_some_and(Self::is_said_by))
    }
}

impl Failure {
    pub(crate) fn new(exit_code: ExitCode, message: impl Into<String>) -> Self {
        Self { exit_code, messages: vec![message.into()], hint: None, reader_is_gone: false }
    }

    pub(crate) fn usage(message: impl Into<String>) -> Self {
        Self::new(ExitCode::Usage, message)
    }

    pub(crate) fn because(mut self, cause: impl Into<String>) -> Self {
        self.messages.push(cause.into());
        self
    }

    /// Adds what failed because of this failure.
    pub(crate) fn within(mut self, what: impl Into<String>) -> Self {
        self.messages.insert(0, what.into());
        self
    }

    /// Adds that there was no answer. The hint of `silence`, if any, is closer to the cause than the existing hint.
    pub(crate) fn because_of(mut self, silence: NoResponse) -> Self {
        self.hint = silence.hint.or(self.hint);
        self.because(silence.reason)
    }

    pub(crate) fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// Adds a hint for `file`, if the file was refused.
    pub(crate) fn at_file(self, file: &Path, error: &io::Error) -> Self {
        match Refused::of(error) {
            Some(refused) => self.with_hint(refused.hint(file)),
            None => self,
        }
    }

    /// The failure for `error` with all its causes.
    pub(crate) fn of(exit_code: ExitCode, error: &(dyn StdError + 'static)) -> Self {
        let mut messages: Vec<String> = Vec::new();
        let mut reader_is_gone = false;
        let mut next = Some(error);
        while let Some(error) = next {
            let of_system = error_of_system(error);
            reader_is_gone |= of_system.is_some_and(ReaderIsGone::is_said_by);
            let message = of_system.map_or_else(|| error.to_string(), describe);
            // SQLite's own message repeats the previous one, with a number.
            if messages.len() > 1 {
                messages.pop_if(|before| message.contains(before.as_str()));
            }
            messages.push(message);
            next = error.source();
        }
        Self { exit_code, messages, hint: None, reader_is_gone }
    }

    /// Adds the hint about too few file descriptors where it applies. These failures have many different messages,
    /// which seldom mention the limit.
    pub(crate) fn seen_with_limits(mut self) -> Self {
        let words = Resource::Descriptors.words();
        if !self.messages.iter().any(|message| message.contains(words)) {
            let most = limits::few_descriptors().filter(|_| self.exit_code == ExitCode::Failed);
            let Some(most) = most else { return self };
            self.messages
                .push(format!("this process may have {most} files and connections open, which is few"));
        }
        self.with_hint(Resource::Descriptors.hint())
    }

    /// The same, for a file that an option or a setting names.
    pub(crate) fn usage_io(what: impl Into<String>, error: &io::Error) -> Self {
        Self { exit_code: ExitCode::Usage, ..Self::io(what, error) }
    }

    /// Reading or writing `what` failed.
    pub(crate) fn io(what: impl Into<String>, error: &io::Error) -> Self {
        let messages = vec![what.into(), describe(error)];
        let reader_is_gone = ReaderIsGone::is_said_by(error);
        let hint = is_held(error).then(|| CLOSE.to_owned());
        Self { exit_code: ExitCode::Failed, messages, hint, reader_is_gone }
    }
}

/// The operating system's error, if this is one.
fn error_of_system<'a>(error: &'a (dyn StdError + 'static)) -> Option<&'a io::Error> {
    // csv 1.4 has no `source()` (`findings/csv-error-hides-its-cause.sh`).
    if let Some(error) = error.downcast_ref::<csv::Error>() {
        return match error.kind() {
            csv::ErrorKind::Io(error) => Some(error),
            _ => None,
        };
    }
    let shared = error.downcast_ref::<Arc<io::Error>>().map(AsRef::as_ref);
    error.downcast_ref::<io::Error>().or(shared)
}

/// Describes an error of the operating system in the same words on all systems, and without the names of our temporary
/// files. Other errors are shown as they are.
pub(super) fn describe(error: &io::Error) -> String {
    use io::ErrorKind as Kind;
    if let Some(resource) = Resource::of(error) {
        return resource.words().to_owned();
    }
    if is_held(error) {
        return "it is open in another program".to_owned();
    }
    let words = match error.kind() {
        Kind::NotFound => "there is no such file or folder",
        Kind::PermissionDenied => "permission denied",
        Kind::AlreadyExists => "it is there already",
        Kind::IsADirectory => "it is a folder",
        Kind::NotADirectory => "a part of its path is not a folder",
        Kind::StorageFull => "the disk is full, or cannot hold another file",
        Kind::QuotaExceeded => "the quota of the disk is used up",
        Kind::ReadOnlyFilesystem => "the disk is read-only",
        Kind::FileTooLarge => "it may not grow any further",
        _ => return error.to_string(),
    };
    words.to_owned()
}

impl From<ledger::Error> for Failure {
    fn from(error: ledger::Error) -> Self {
        if let (true, Some(signal)) = (error.is_locked(), signals::heard()) {
            return Self::new(signal.into(), "interrupted while waiting for the ledger")
                .because("another program has it open and locked")
                .with_hint("close that program, then run the same command again");
        }
        let exit_code = match &error {
            ledger::Error::InUse { .. } => ExitCode::InUse,
            ledger::Error::OtherEnvironment { .. }
            | ledger::Error::Foreign { .. }
            | ledger::Error::Folder { .. }
            | ledger::Error::SecondName { .. }
            | ledger::Error::Exposed { .. }
            | ledger::Error::Replaceable { .. }
            | ledger::Error::OfAnother { .. }
            | ledger::Error::OlderOfAnother { .. }
            | ledger::Error::Altered { .. }
            | ledger::Error::Copied { .. }
            | ledger::Error::Unjudged { .. } => ExitCode::Usage,
            ledger::Error::Copy { source, .. } if source.kind() == io::ErrorKind::AlreadyExists => {
                ExitCode::Usage
            }
            _ => ExitCode::Failed,
        };
        let failure = Self { hint: error.hint(), ..Self::of(exit_code, &error) };
        match &error {
            ledger::Error::Thread(_) => failure.with_hint(Resource::Threads.hint()),
            ledger::Error::ReadOnly { path, .. }
            | ledger::Error::NotKept { path, .. }
            | ledger::Error::Migrate { path, .. } => {
                match limits::no_room_in(folder_of(path)) {
                    Some(full) => failure.because(describe(&full)).with_hint(
                        "make room on the disk of the ledger (`df -h`, and `df -i` for files), or move the ledger",
                    ),
                    None => failure,
                }
            }
            _ => failure,
        }
    }
}

impl From<ExportError> for Failure {
    fn from(error: ExportError) -> Self {
        match error {
            ExportError::Ledger(error) => error.into(),
            ExportError::Table(error) => Self::from(error).within("could not write the export"),
        }
    }
}

impl From<TableError> for Failure {
    fn from(error: TableError) -> Self {
        let hint = error.hint().map(str::to_owned);
        let failure = match error {
            TableError::Csv(error) => Self::of(ExitCode::Failed, &error),
            TableError::Io(error) => Self::of(ExitCode::Failed, &error),
            error => Self::of(ExitCode::Failed, &error),
        };
        Self { hint, ..failure }
    }
}

impl From<credentials::Error> for Failure {
    fn from(error: credentials::Error) -> Self {
        let hint = error.hint();
        Self { hint, ..Self::of(ExitCode::Failed, &error) }
    }
}

impl From<auth::Error> for Failure {
    fn from(error: auth::Error) -> Self {
        let (exit_code, hint) = match &error {
            auth::Error::Refused { hint, .. } => (ExitCode::SignIn, Some(hint)),
            auth::Error::Unavailable(silence) => (ExitCode::Stopped, silence.hint.as_ref()),
        };
        let hint = hint.map_or("check the network and `--authority-url`", String::as_str);
        Self::of(exit_code, &error).with_hint(hint)
    }
}

impl From<ClientError> for Failure {
    fn from(error: ClientError) -> Self {
        let exit_code = match &error {
            ClientError::Proxy(_) => ExitCode::Usage,
            ClientError::Build(_) => ExitCode::Failed,
        };
        Self { hint: error.hint(), ..Self::of(exit_code, &error) }
    }
}

impl From<reading::Error> for Failure {
    fn from(error: reading::Error) -> Self {
        let hint = match &error {
            reading::Error::Read { source, .. } => input::hint(source),
            reading::Error::Thread { .. } => Some(Resource::Threads.hint().to_owned()),
            reading::Error::Interrupted(_) => None,
        };
        Self { hint, ..Self::of(ExitCode::Failed, &error) }
    }
}

impl From<intake::Error> for Failure {
    fn from(error: intake::Error) -> Self {
        match error {
            intake::Error::Ledger(error) => error.into(),
            intake::Error::Reading(error) => {
                let failure = Self::from(error);
                let hint = failure.hint.as_deref().unwrap_or("correct the file and import it again");
                let hint = format!("{hint}; nothing of this file was sent");
                failure.with_hint(hint)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_words_of_an_operating_system_are_ours() {
        let check = |error: io::Error, expected: &str| {
            assert_eq!(Failure::io("x", &error).messages[1], expected);
            let shared = ledger::Error::Copy { path: "x".into(), source: Arc::new(error) };
            assert_eq!(Failure::from(shared).messages[1], expected);
        };
        let file = tempfile::tempdir().unwrap().path().join("none/file");
        check(std::fs::read(&file).unwrap_err(), "there is no such file or folder");
        // The original message names the temporary file.
        let unmade = tempfile::tempdir_in(file).unwrap_err();
        assert!(unmade.to_string().contains("at path"), "{unmade}");
        check(unmade, "there is no such file or folder");
        check(io::ErrorKind::AlreadyExists.into(), "it is there already");
        let of_csv = csv::Error::from(io::Error::from(io::ErrorKind::FileTooLarge));
        let words = "it may not grow any further";
        assert_eq!(Failure::of(ExitCode::Failed, &of_csv).messages, [words]);
        let exporting = Failure::from(ExportError::from(TableError::from(of_csv)));
        assert_eq!(exporting.messages.last().map(String::as_str), Some(words));
        check(
            io::Error::other("its content differs from the original"),
            "its content differs from the \
                                original",
        );
    }
}
