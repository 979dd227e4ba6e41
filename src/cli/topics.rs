//! The topics of `tenantry help`: texts about more than one command. Each is one Markdown file.
//!
//! Tables of things that the program defines (rules, states, exit codes, settings) lie in the files too, so that the
//! files can be read without the program. A test compares them with the program; `INSTA_UPDATE=always` writes them.

/// A text for `tenantry help NAME`.
#[derive(Debug)]
pub(super) struct Topic {
    pub(super) name: &'static str,
    /// Markdown, as far as `markdown` renders it.
    pub(super) text: &'static str,
}

macro_rules! topics {
    ($($name:literal)*) => {
        /// All topics, in the order of the help.
        pub(super) const ALL: &[Topic] =
            &[$(Topic { name: $name, text: include_str!(concat!("topics/", $name, ".md")) },)*];
    };
}

topics! {
    "excel" "columns" "sign-in" "fix" "nightly" "restore" "rehearse" "settings" "json" "states" "exit-codes" "privacy"
    "changes"
}

/// A topic, by its name.
pub(super) fn find(name: &str) -> Option<&'static Topic> {
    ALL.iter().find(|topic| topic.name == name)
}

#[cfg(test)]
mod tests {
    use clap::ValueEnum as _;

    use super::*;
    use crate::cli::config::is_harmless_name;
    use crate::cli::exit_code::ExitCode;
    use crate::cli::{help, markdown, options};
    use crate::ledger::State;
    use crate::problem::Rule;
    use crate::report;

    /// A table in Markdown.
    fn table(header: &[&str], rows: impl IntoIterator<Item = Vec<String>>) -> String {
        let line = |cells: &[String]| format!("| {} |\n", cells.join(" | "));
        let rules = vec!["---".to_owned(); header.len()];
        let header = header.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
        let rows: String = rows.into_iter().map(|row| line(&row)).collect();
        line(&header) + &line(&rules) + &rows
    }

    fn code(text: &str) -> String {
        format!("`{text}`")
    }

    fn rules() -> String {
        let doubts =
            Rule::ALL.iter().filter_map(|rule| Some(vec![code(rule.name()), rule.doubt()?.to_owned()]));
        table(
            &["rule", "finds"],
            doubts.map(|row| row.into_iter().map(|cell| cell.replace('|', "\\|")).collect()),
        )
    }

    fn states() -> String {
        let rows = State::OF_ROWS.map(|state| vec![code(state.name()), report::meaning(state).to_owned()]);
        table(&["state", "meaning"], rows)
    }

    fn exit_codes() -> String {
        let codes = ExitCode::value_variants().iter();
        table(
            &["code", "meaning"],
            codes.map(|code| vec![code.number().to_string(), code.meaning().to_owned()]),
        )
    }

    fn settings() -> String {
        let rows = options::settings(help::command()).into_iter().map(|setting| {
            let variable = setting.arg.get_env().map(|name| code(&name.to_string_lossy()));
            let trust = if is_harmless_name(setting.name) { "" } else { "yes" };
            vec![code(setting.name), variable.unwrap_or_default(), trust.to_owned()]
        });
        table(&["setting", "environment variable", "trust"], rows)
    }

    /// The text with the tables between their marks made again.
    fn with_tables(text: &str) -> String {
        let tables = [
            ("rules", rules()),
            ("states", states()),
            ("exit codes", exit_codes()),
            ("settings", settings()),
        ];
        let mut text = text.replace("\r\n", "\n");
        for (name, table) in tables {
            let begin = format!("<!-- table: {name} -->\n");
            let Some(start) = text.find(&begin).map(|at| at + begin.len()) else { continue };
            let end = start + text[start..].find("<!-- end -->").unwrap();
            text.replace_range(start..end, &table);
        }
        text
    }

    #[test]
    fn tables_are_those_of_the_program() {
        let may_update = std::env::var("INSTA_UPDATE").is_ok_and(|it| it == "always");
        for topic in ALL {
            let expected = with_tables(topic.text);
            if may_update {
                let path = format!("{}/src/cli/topics/{}.md", env!("CARGO_MANIFEST_DIR"), topic.name);
                std::fs::write(path, expected).unwrap();
            } else {
                let text = topic.text.replace("\r\n", "\n");
                assert_eq!(
                    text, expected,
                    "`INSTA_UPDATE=always cargo test tables_are` writes {}",
                    topic.name
                );
            }
        }
    }

    #[test]
    fn every_topic_fits_a_terminal() {
        for topic in ALL {
            for line in markdown::render(topic.text, help::WIDTH, false).lines() {
                assert!(console::measure_text_width(line) <= help::WIDTH, "{}: {line}", topic.name);
                assert!(!line.contains("**") && !line.contains("](") && !line.starts_with('|'), "{line}");
            }
        }
    }

    /// What code in a text names: commands and options, without values in capitals or dots.
    fn named(text: &str) -> Vec<String> {
        let inline = text.split('`').skip(1).step_by(2).filter(|code| !code.contains("\n\n"));
        let lines = text.lines().map(str::trim).filter(|line| line.starts_with("tenantry "));
        inline.chain(lines).map(str::to_owned).collect()
    }

    /// Every command and every option that the texts name exists.
    #[test]
    fn every_command_and_option_that_is_named_exists() {
        let whole = crate::cli::config::whole();
        let long = |name: &str| options::every_option(&whole).iter().any(|arg| arg.get_long() == Some(name));
        let readme = include_str!("../../README.md");
        let texts = ALL.iter().map(|topic| (topic.name, topic.text)).chain([("README", readme)]);
        let mut unknown = Vec::new();
        for (place, text) in texts {
            for code in named(text) {
                let words: Vec<&str> = code.split_whitespace().collect();
                let is_ours = !matches!(words.first(), Some(&("cargo" | "schtasks" | "cp")));
                for option in words.iter().filter_map(|word| word.strip_prefix("--")).filter(|_| is_ours) {
                    let name = option.split(['=', '[', ',']).next().unwrap_or_default();
                    if !matches!(name, "help" | "version" | "") && !long(name) {
                        unknown.push(format!("{place}: --{name}"));
                    }
                }
                if let ["tenantry", command, ..] = words.as_slice()
                    && command.starts_with(|c: char| c.is_ascii_lowercase())
                    && help::command().find_subcommand(command).is_none()
                {
                    unknown.push(format!("{place}: tenantry {command}"));
                }
                if let ["tenantry", "help", name] = words.as_slice()
                    && name.starts_with(|c: char| c.is_ascii_lowercase())
                    && find(name).is_none()
                    && help::command().find_subcommand(name).is_none()
                {
                    unknown.push(format!("{place}: tenantry help {name}"));
                }
            }
        }
        unknown.sort();
        unknown.dedup();
        assert!(unknown.is_empty(), "{unknown:#?}");
    }
}
