//! A bug in this program, as people read of it.
//!
//! What a panic says may hold whatever was in hand, a password or a token among it: an error's debug form, a cell. So of
//! its words only those that stand in the source are shown. Where it happened is what a report of it needs.

use std::any::Any;
use std::backtrace::{Backtrace, BacktraceStatus};
use std::fmt::Write as _;
use std::panic::{AssertUnwindSafe, PanicHookInfo, catch_unwind};
use std::task::Poll;

use super::{ExitCode, Failure};
use crate::limits::{self, Resource};
use crate::outlet;
use crate::printable::escape_lines_for_terminal;

/// Tells of panics in our own words from now on, at once and on whatever thread.
pub(super) fn report() {
    std::panic::set_hook(Box::new(|panic| {
        // Not through the log, which may be what panics.
        outlet::stderr().write(escape_lines_for_terminal(&describe(panic)).into_owned());
    }));
}

fn describe(panic: &PanicHookInfo<'_>) -> String {
    if let Some(wanted) = panic.location().and_then(|place| limits::wanted_at(place.file())) {
        return format!("error: {}\n", wanted.words());
    }
    let place = panic.location().map_or_else(|| "a place unknown".to_owned(), ToString::to_string);
    let words = own_words(panic.payload()).map(|words| format!(": {words}")).unwrap_or_default();
    let version = env!("CARGO_PKG_VERSION");
    let mut told = format!("error: a bug in tenantry {version}, at {place}{words}\n");
    let backtrace = Backtrace::capture();
    if backtrace.status() == BacktraceStatus::Captured {
        write!(told, "{backtrace}").expect("memory can be written to");
    }
    told
}

/// `None`: they were made while it ran.
fn own_words(payload: &(dyn Any + Send)) -> Option<&'static str> {
    payload.downcast_ref::<&'static str>().copied()
}

/// What ends a command that met one; where and why has been said.
pub(super) fn failure() -> Failure {
    if let Some(wanted) = limits::wanted() {
        return for_want_of(wanted);
    }
    Failure::new(ExitCode::Failed, "stopped by a bug in this program").with_hint(
        "no row is lost: run the same command again, or `tenantry resume`; report the line that tells of the bug, and if \
         it comes back, keep the ledger as it is",
    )
}

/// What ends a command that cannot go on without what this machine has no more of.
pub(super) fn for_want_of(resource: Resource) -> Failure {
    let hint = resource.hint();
    Failure::new(ExitCode::Failed, format!("stopped: {}", resource.words()))
        .with_hint(format!("no row is lost: {hint}; then run the same command again, or `tenantry resume`"))
}

/// What `run` comes to, a panic in it included.
pub(super) async fn caught<T>(run: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
    let mut run = std::pin::pin!(run);
    // Nothing of what a panic leaves behind is looked at any more.
    std::future::poll_fn(|context| {
        catch_unwind(AssertUnwindSafe(|| run.as_mut().poll(context)))
            .unwrap_or_else(|_| Poll::Ready(Err(failure())))
    })
    .await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_words_of_the_source_are_shown() {
        let check = |panics: fn(), expected: Option<&str>| {
            assert_eq!(own_words(&*std::panic::catch_unwind(panics).unwrap_err()), expected);
        };
        check(|| panic!("nothing panics here"), Some("nothing panics here"));
        check(|| panic!("the password is {}", std::hint::black_box("hunter2")), None);
        check(|| assert!("hunter2".parse::<bool>().map_err(|_| "hunter2").unwrap()), None);
        check(|| std::panic::panic_any(7), None);
    }
}
