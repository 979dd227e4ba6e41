//! A check as one JSON object, written while it goes on. An object that is not closed says that the check did not
//! come to its end.

use serde::Serialize;

use crate::validation::{Problem, visible_json};

/// Writes the object piece by piece.
#[derive(Debug, Default)]
pub(crate) struct Json {
    has_problems: bool,
}

#[derive(Serialize)]
struct InFile<'a> {
    file: &'a str,
    #[serde(flatten)]
    problem: &'a Problem,
}

impl Json {
    pub(crate) fn problem(&mut self, file: &str, problem: &Problem, out: &mut String) {
        out.push_str(if self.has_problems { ",\n" } else { "{\"problems\":[\n" });
        self.has_problems = true;
        let text =
            serde_json::to_string(&InFile { file, problem }).expect("a problem is plain data with text keys");
        out.push_str(&visible_json(&text));
    }

    pub(crate) fn end(&self, rows: u64, out: &mut String) {
        out.push_str(if self.has_problems { "\n" } else { "{\"problems\":[" });
        out.push_str(&format!("],\"rows\":{rows}}}\n"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::validation::{duplicate_domain, is_unseen};

    #[test]
    fn the_object_is_whole_with_and_without_problems() {
        let mut out = String::new();
        Json::default().end(7, &mut out);
        assert_eq!(serde_json::from_str::<serde_json::Value>(&out).unwrap()["rows"], 7);

        let (mut out, mut json) = (String::new(), Json::default());
        for line in [3, 4] {
            json.problem("a.csv", &duplicate_domain(line, "Domain", "a.onmicrosoft.com", 2, None), &mut out);
        }
        json.end(4, &mut out);
        let value: serde_json::Value = serde_json::from_str(&out).unwrap();
        assert_eq!(value["problems"].as_array().unwrap().len(), 2, "{value:#}");
        assert_eq!(value["problems"][1]["line"], 4);
    }

    #[test]
    fn what_a_terminal_would_obey_is_escaped_and_comes_back() {
        let column = "Domäin\u{9b}31m\u{202e}\u{7f}\u{1b}";
        let (mut out, mut json) = (String::new(), Json::default());
        json.problem("a.csv", &duplicate_domain(3, column, "a.onmicrosoft.com", 2, None), &mut out);
        json.end(4, &mut out);
        assert!(!out.chars().any(|c| is_unseen(c) && c != '\n'), "{out:?}");
        let value: serde_json::Value = serde_json::from_str(&out).unwrap();
        assert_eq!(value["problems"][0]["column"], column);
    }
}
