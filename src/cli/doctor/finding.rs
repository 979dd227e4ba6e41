//! The result of one check.

use serde::{Serialize, Serializer};

use crate::cli::{ExitCode, Failure};
use crate::report::PushLine as _;
use crate::transport::NoResponse;

/// How a check ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Status {
    Ok,
    /// A run works, but may not do what you expect.
    Warning,
    /// A run would be refused, or could not send anything.
    Error,
    /// It could not be checked, because an earlier check failed.
    Skipped,
}

/// The result of one check.
#[derive(Debug, Serialize)]
pub(super) struct Finding {
    /// What was checked.
    #[serde(serialize_with = "in_snake_case")]
    check: &'static str,
    status: Status,
    message: String,
    /// What to do.
    hint: Option<String>,
    /// The exit code of an error.
    #[serde(skip)]
    exit_code: ExitCode,
}

impl Finding {
    pub(super) fn ok(check: &'static str, message: impl Into<String>) -> Self {
        let message = message.into();
        Self { check, status: Status::Ok, message, hint: None, exit_code: ExitCode::Done }
    }

    pub(super) fn warning(check: &'static str, message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { status: Status::Warning, hint: Some(hint.into()), ..Self::ok(check, message) }
    }

    pub(super) fn error(
        check: &'static str,
        exit_code: ExitCode,
        message: impl Into<String>,
        hint: impl Into<String>,
    ) -> Self {
        let warning = Self::warning(check, message, hint);
        Self { status: Status::Error, exit_code, ..warning }
    }

    /// The failure that a run would end with.
    pub(super) fn of_failure(check: &'static str, failure: &Failure) -> Self {
        let exit_code = match failure.exit_code {
            known @ (ExitCode::Usage | ExitCode::SignIn | ExitCode::Stopped) => known,
            _ => ExitCode::Failed,
        };
        let hint = failure.hint.clone();
        Self { hint, ..Self::error(check, exit_code, failure.messages.join(": "), "") }
    }

    /// The same, with a remark.
    pub(super) fn but(self, remark: &str) -> Self {
        Self { message: format!("{} ({remark})", self.message), ..self }
    }

    /// There is no connection.
    pub(super) fn no_answer(check: &'static str, silence: &NoResponse, usual_hint: &str) -> Self {
        let hint = silence.hint.clone().unwrap_or_else(|| usual_hint.to_owned());
        Self::error(check, ExitCode::Stopped, silence.reason.clone(), hint)
    }

    pub(super) fn skipped(check: &'static str, why: &str) -> Self {
        Self { status: Status::Skipped, ..Self::ok(check, format!("not checked: {why}")) }
    }
}

/// A name for scripts, such as `key_store`.
fn in_snake_case<S: Serializer>(check: &&'static str, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&check.to_ascii_lowercase().replace([' ', '-'], "_"))
}

/// The exit code of all checks: that of the first error. Earlier checks cause the errors of later ones.
pub(super) fn exit_code(findings: &[Finding]) -> ExitCode {
    let mut errors = findings.iter().filter(|finding| finding.status == Status::Error);
    errors.next().map_or(ExitCode::Done, |finding| finding.exit_code)
}

/// One line for each check, with what to do below it, and a line that sums up.
pub(super) fn text(findings: &[Finding]) -> String {
    let width = findings.iter().map(|finding| finding.check.len()).max().unwrap_or_default();
    let mut text = String::new();
    for Finding { check, status, message, hint, .. } in findings {
        let status = match status {
            Status::Ok => "ok",
            Status::Warning => "warning",
            Status::Error => "ERROR",
            Status::Skipped => "skipped",
        };
        text.push_line(format_args!("{status:<8} {check:<width$}  {message}"));
        if let Some(hint) = hint {
            text.push_line(format_args!("{:8} {:width$}  → {hint}", "", ""));
        }
    }
    let count = |status| findings.iter().filter(|finding| finding.status == status).count();
    text.push_line(format_args!(
        "\n{}",
        match (count(Status::Error), count(Status::Warning)) {
            (0, 0) => "No problem was found.".to_owned(),
            (0, warnings) => format!("No error was found. Warnings: {warnings}."),
            (errors, warnings) => format!("Errors: {errors}. Warnings: {warnings}."),
        }
    ));
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_error_decides_the_exit_code() {
        let ok = || Finding::ok("a", "fine");
        let warning = || Finding::warning("b", "odd", "look");
        let error = |code| Finding::error("c", code, "wrong", "correct it");
        let check = |findings: &[Finding], expected| assert_eq!(exit_code(findings), expected);
        check(&[], ExitCode::Done);
        check(&[ok(), warning(), Finding::skipped("d", "a failed")], ExitCode::Done);
        check(&[ok(), error(ExitCode::SignIn), error(ExitCode::Usage)], ExitCode::SignIn);
        check(&[warning(), error(ExitCode::Stopped)], ExitCode::Stopped);
        let in_use = Failure::new(ExitCode::InUse, "in use");
        check(&[Finding::of_failure("e", &in_use)], ExitCode::Failed);
    }
}
