//! What `import` and `check` have in common: files, and the options by which they are read and judged.

use std::fs::File;
use std::path::PathBuf;

use super::args;
use super::cloud::Cloud;
use super::exit_code::ExitCode;
use super::failure::Failure;
use super::settings::push_flag;
use crate::reader::Input;
use crate::reading::Source;
use crate::validation::LiveRules;
use crate::{clock, reader, validation};

/// A file that has been opened.
pub(crate) struct InputFile {
    pub(crate) source: Source,
    pub(crate) size: Option<u64>,
}

impl InputFile {
    pub(crate) fn open(path: &PathBuf) -> Result<Self, Failure> {
        let name = path.to_string_lossy().into_owned();
        if name == "-" {
            let input = Input::Stream(Box::new(std::io::stdin()));
            return Ok(Self { source: Source { path: name, input }, size: None });
        }
        let open = || {
            let file = File::open(path)?;
            let metadata = file.metadata()?;
            if metadata.is_dir() {
                return Err(std::io::Error::from(std::io::ErrorKind::IsADirectory));
            }
            Ok((file, metadata.len()))
        };
        let (file, size) = open().map_err(|error: std::io::Error| Failure {
            exit_code: ExitCode::Usage,
            ..Failure::io(format!("could not open `{name}`"), &error)
        })?;
        Ok(Self { source: Source { path: name, input: Input::of(file) }, size: Some(size) })
    }
}

impl args::Layout {
    pub(crate) fn reader_options(&self) -> reader::Options {
        let Self { delimiter, encoding, ref map } = *self;
        reader::Options { delimiter, encoding, column_map: map.clone() }
    }
}

impl args::Input {
    /// By the rules of `cloud`, and what was fetched of them.
    pub(crate) fn validation(&self, cloud: Cloud, live_rules: Vec<LiveRules>) -> validation::Settings {
        validation::Settings {
            default_reseller: self.reseller_id,
            strict: self.strict,
            domain_suffix: cloud.domain_suffix(),
            live_rules,
            takes_agreements: cloud.takes_agreements(),
            now: clock::now(),
        }
    }

    /// The flags by which another command reads and judges the files alike.
    pub(crate) fn flags(&self) -> String {
        let mut flags = String::new();
        if let Some(delimiter) = self.layout.delimiter {
            push_flag(&mut flags, "--delimiter", delimiter_option(delimiter));
        }
        if let Some(encoding) = self.layout.encoding {
            push_flag(&mut flags, "--encoding", encoding.name());
        }
        flags + &self.judging_flags()
    }

    /// Those that also hold for exports of the files, which are separated by commas.
    pub(crate) fn judging_flags(&self) -> String {
        let mut flags = String::new();
        for (header, field) in &self.layout.map {
            push_flag(&mut flags, "--map", &format!("{header}={field}"));
        }
        if let Some(reseller) = self.reseller_id {
            push_flag(&mut flags, "--reseller-id", &reseller.to_string());
        }
        for (flag, is_set) in [(" --allow-direct", self.allow_direct), (" --strict", self.strict)] {
            flags.push_str(if is_set { flag } else { "" });
        }
        flags
    }
}

/// As the option takes it.
fn delimiter_option(delimiter: u8) -> &'static str {
    match delimiter {
        b';' => "semicolon",
        b'\t' => "tab",
        b'|' => "pipe",
        _ => "comma",
    }
}
