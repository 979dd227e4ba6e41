//! Builds text line by line.

use std::fmt::{Arguments, Write as _};

pub(crate) trait PushLine {
    fn push_line(&mut self, content: Arguments<'_>);
}

impl PushLine for String {
    fn push_line(&mut self, content: Arguments<'_>) {
        writeln!(self, "{content}").expect("writing to a String cannot fail");
    }
}
