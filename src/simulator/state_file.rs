//! Stores effects across restarts: one JSON line each, appended before the reply is sent.
//!
//! Guarantee: every effect that was answered is in the file, because the line is passed to the operating system before
//! the effect is applied in memory. A process that is killed while it writes leaves an incomplete last line. No client
//! got an answer for that effect, so the next start removes the line. Any other invalid line is an error, because
//! guessing would hide customers.

use std::fs::{File, TryLockError};
use std::io::{self, Read, Seek, SeekFrom, Write};

use super::effect::Effect;

#[derive(Debug)]
pub(super) struct StateFile {
    file: File,
    /// The length of the complete lines.
    length: u64,
}

impl StateFile {
    /// Locks the file against a second simulator, and reads its effects.
    pub(super) fn take(mut file: File) -> io::Result<(StateFile, Vec<Effect>)> {
        file.try_lock().map_err(|error| match error {
            TryLockError::WouldBlock => io::Error::new(io::ErrorKind::ResourceBusy, "it is in use"),
            TryLockError::Error(error) => error,
        })?;
        let mut text = Vec::new();
        file.read_to_end(&mut text)?;
        let whole = text.iter().rposition(|&byte| byte == b'\n').map_or(0, |last| last + 1);
        let effects = read_effects(&text[..whole])?;
        if !is_torn_line(&text[whole..]) {
            return Err(io::Error::new(
                io::ErrorKind::InvalidData,
                "it is not a state file of a simulator; move it away, and a new one is made",
            ));
        }
        let mut state_file = StateFile { file, length: whole as u64 };
        state_file.cut_off_torn_line()?;
        Ok((state_file, effects))
    }

    pub(super) fn append(&mut self, effect: &Effect) -> io::Result<()> {
        let mut line = serde_json::to_vec(effect)?;
        line.push(b'\n');
        if let Err(error) = self.file.write_all(&line) {
            // Otherwise the next line would continue the incomplete one, which a later start could not distinguish from
            // damage.
            self.cut_off_torn_line()?;
            return Err(error);
        }
        self.length += line.len() as u64;
        Ok(())
    }

    fn cut_off_torn_line(&mut self) -> io::Result<()> {
        self.file.set_len(self.length)?;
        self.file.seek(SeekFrom::Start(self.length))?;
        Ok(())
    }
}

/// Can this be the beginning of a line? If not, another program wrote it, and its data must not be removed.
fn is_torn_line(text: &[u8]) -> bool {
    const BEGINNING: &[u8] = b"{\"effect\":\"";
    text.iter().zip(BEGINNING).all(|(byte, ours)| byte == ours)
}

fn read_effects(text: &[u8]) -> io::Result<Vec<Effect>> {
    let lines = text.split(|&byte| byte == b'\n').enumerate().filter(|(_, line)| !line.is_empty());
    let read = |(index, line): (usize, &[u8])| {
        serde_json::from_slice(line).map_err(|error| {
            let message = format!("line {}: {error}", index + 1);
            io::Error::new(io::ErrorKind::InvalidData, message)
        })
    };
    lines.map(read).collect()
}
