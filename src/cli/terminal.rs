//! Asks the operator on the terminal from which the program was started.
//!
//! This works regardless of redirections of standard input, output and error. A question is asked only if a person can
//! answer it. A process without a terminal, or in the background, would wait forever, so [`Terminal::open`] fails
//! there. On Windows a console counts as a terminal, even the hidden one of a scheduled task: use `--yes` there.

use std::io::{BufRead, BufReader, Read, Write};

use super::failure::Failure;
use tenantry_model::thread::done_on_thread;

use crate::outlet;
use crate::printable::escape_lines_for_terminal;

/// The accepted answers: English, German, French, Spanish, Italian and Dutch.
const YES: [&str; 10] = ["y", "yes", "j", "ja", "o", "oui", "s", "si", "sí", "sì"];
const NO: [&str; 5] = ["n", "no", "nein", "non", "nee"];

/// How often the question is asked if the answer is unclear; after that, the answer counts as no.
pub(super) const TRIES: u32 = 3;

/// Why a question cannot be asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum NoPrompt {
    #[error("this process has no terminal to ask on")]
    NoTerminal,
    /// Another job is in the foreground. Reading from the terminal would stop this process (SIGTTIN).
    #[error("this process runs in the background of its terminal")]
    #[cfg_attr(not(unix), expect(dead_code, reason = "Windows knows no jobs in the background"))]
    InBackground,
}

/// The meaning of a typed line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum TypedAnswer {
    Yes,
    No,
    /// Anything else.
    Unclear,
    /// End of input.
    End,
}

pub(super) use imp::Terminal;

impl Terminal {
    /// Writes on the terminal and waits as long as that takes: a terminal stopped with Ctrl-S accepts nothing. If the
    /// caller stops waiting, the writing thread is left behind.
    pub(super) async fn print(&self, text: &str) -> Result<(), Failure> {
        let output = self.output();
        let text = escape_lines_for_terminal(text).into_owned();
        let write = move || {
            // Earlier output comes first, if both go to this terminal.
            outlet::stderr().settle();
            let mut out = output?;
            out.write_all(text.as_bytes())?;
            out.flush()
        };
        let written = done_on_thread("terminal", write).await;
        written.map_err(|error| Failure::io("could not ask on the terminal", &error))
    }

    /// Waits for a line. If the caller stops waiting, the reading thread is left behind.
    pub(super) async fn reply(&self) -> TypedAnswer {
        let input = self.input();
        let read = move || {
            let mut line = Vec::new();
            // A terminal supplies one line at a time; a longer line is not an answer.
            BufReader::new(input?.take(LONGEST)).read_until(b'\n', &mut line)?;
            Ok(line)
        };
        match done_on_thread("terminal", read).await {
            Ok(line) if line.is_empty() => TypedAnswer::End,
            Ok(line) => meaning(&String::from_utf8_lossy(&line)),
            Err(error) => {
                tracing::debug!(%error, "the terminal cannot be read any more");
                TypedAnswer::End
            }
        }
    }
}

/// The most bytes of a line.
const LONGEST: u64 = 4096;

fn meaning(line: &str) -> TypedAnswer {
    let word = line.trim().trim_end_matches(|c: char| c.is_ascii_punctuation()).trim_end().to_lowercase();
    match word.as_str() {
        word if YES.contains(&word) => TypedAnswer::Yes,
        word if NO.contains(&word) => TypedAnswer::No,
        _ => TypedAnswer::Unclear,
    }
}

#[cfg(unix)]
mod imp {
    use std::fs::{File, OpenOptions};
    use std::io;

    use rustix::io::Errno;
    use rustix::process::Pid;
    use rustix::termios::{QueueSelector, tcflush, tcgetpgrp};

    use super::NoPrompt;

    /// A terminal on which questions can be asked.
    #[derive(Debug)]
    pub(in crate::cli) struct Terminal(File);

    impl Terminal {
        /// Opens the terminal of this process, if it has one and may read from it.
        pub(in crate::cli) fn open() -> Result<Self, NoPrompt> {
            let device = OpenOptions::new().read(true).write(true).open("/dev/tty");
            let device = Self(device.map_err(|_| NoPrompt::NoTerminal)?);
            device.check()?;
            Ok(device)
        }

        /// Checks that this process may still read from its terminal. It may have been moved to the background.
        pub(in crate::cli) fn check(&self) -> Result<(), NoPrompt> {
            // `getpgrp` returns 0 if the group is outside of a container. The version of `rustix` panics in this case.
            check_foreground(tcgetpgrp(&self.0), nix::unistd::getpgrp().as_raw())
        }

        /// Discards earlier input: it cannot be an answer to a question that is asked afterwards.
        pub(in crate::cli) fn forget_typed(&self) {
            if let Err(error) = tcflush(&self.0, QueueSelector::IFlush) {
                tracing::debug!(%error, "what was typed before the question could not be thrown away");
            }
        }

        pub(super) fn input(&self) -> io::Result<File> {
            self.0.try_clone()
        }

        pub(super) fn output(&self) -> io::Result<File> {
            self.0.try_clone()
        }
    }

    /// Whether the process group `own` may ask. `foreground`: the terminal's foreground group.
    pub(super) fn check_foreground(foreground: Result<Pid, Errno>, own: i32) -> Result<(), NoPrompt> {
        match foreground {
            Ok(group) if group.as_raw_nonzero().get() != own => Err(NoPrompt::InBackground),
            // The terminal was hung up.
            Err(Errno::IO | Errno::NOTTY) => Err(NoPrompt::NoTerminal),
            // In a container, the foreground group may be outside and then has no number here.
            Ok(_) | Err(_) => Ok(()),
        }
    }
}

#[cfg(windows)]
mod imp {
    use std::fs::{File, OpenOptions};
    use std::io::{self, IsTerminal, Read, Write};

    use super::NoPrompt;

    /// A terminal on which questions can be asked: the console by its names. If a standard stream is the console, that
    /// stream is used instead: it supports all characters, while the console by its name supports only those of its
    /// code page.
    #[derive(Debug)]
    pub(in crate::cli) struct Terminal {
        input: File,
        output: File,
    }

    impl Terminal {
        /// Opens the terminal of this process, if it has one and may read from it.
        pub(in crate::cli) fn open() -> Result<Self, NoPrompt> {
            let open = |name: &str| OpenOptions::new().read(true).write(true).open(name);
            match (open("CONIN$"), open("CONOUT$")) {
                (Ok(input), Ok(output)) => Ok(Self { input, output }),
                _ => Err(NoPrompt::NoTerminal),
            }
        }

        /// Windows has no background jobs, so this never fails.
        pub(in crate::cli) fn check(&self) -> Result<(), NoPrompt> {
            Ok(())
        }

        /// Does nothing: no crate used here can clear the input of a console without `unsafe`. So on Windows an answer
        /// that was typed ahead counts.
        pub(in crate::cli) fn forget_typed(&self) {}

        pub(super) fn input(&self) -> io::Result<Box<dyn Read + Send>> {
            Ok(if io::stdin().is_terminal() {
                Box::new(io::stdin())
            } else {
                Box::new(self.input.try_clone()?)
            })
        }

        pub(super) fn output(&self) -> io::Result<Box<dyn Write + Send>> {
            Ok(if io::stderr().is_terminal() {
                Box::new(io::stderr())
            } else {
                Box::new(self.output.try_clone()?)
            })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(unix)]
    #[test]
    fn only_a_group_that_is_known_to_be_another_one_makes_a_background() {
        use rustix::io::Errno;
        let group = |number: i32| rustix::process::Pid::from_raw(number).unwrap();
        for (foreground, own, expected) in [
            (Ok(group(7)), 7, Ok(())),
            (Ok(group(8)), 7, Err(NoPrompt::InBackground)),
            (Ok(group(8)), 0, Err(NoPrompt::InBackground)),
            (Err(Errno::IO), 7, Err(NoPrompt::NoTerminal)),
            (Err(Errno::NOTTY), 7, Err(NoPrompt::NoTerminal)),
            (Err(Errno::OPNOTSUPP), 0, Ok(())),
            (Err(Errno::PERM), 7, Ok(())),
        ] {
            assert_eq!(imp::check_foreground(foreground, own), expected, "{foreground:?}");
        }
    }

    #[test]
    fn a_fixed_list_of_words_is_understood() {
        let check = |expected: TypedAnswer, lines: &[&str]| {
            for line in lines {
                assert_eq!(meaning(line), expected, "{line:?}");
            }
        };
        check(
            TypedAnswer::Yes,
            &["y", "yes", "Y\r\n", " YES. \n", "ja", "J", "Ja!", "oui", "o", "si", "sí", "SÍ", "sì", "s"],
        );
        check(TypedAnswer::No, &["n", "no", "NO.\n", "nein", "non", "nee", "No!"]);
        check(
            TypedAnswer::Unclear,
            &["", "\n", "yep", "yes please", "1", "true", "ye s", "nope", "?", "yno", "s\u{fffd}"],
        );
    }
}
