//! The texts of the program, its comments, the samples and the documents use plain words: none of the turns in
//! `tests/data/old-turns.txt`.

use std::fs;
use std::path::{Path, PathBuf};

use regex::{Regex, RegexBuilder};

const TURNS: &str = include_str!("../data/old-turns.txt");

/// What has the words of others, or of a language's rules.
const EXCEPT: [&str; 4] = [
    "src/list/validation/data",
    "src/list/reader/data",
    "src/list/reader/detect_encoding/data",
    "src/simulator/data",
];

/// Lines that quote Microsoft, or have a word in another meaning: the end of the path, and a part of the line.
const ALLOWED: [(&str, &str); 2] = [
    // Values of names that no person has.
    ("src/list/validation/names.rs", "\"nobody\""),
    ("src/simulator/lib.rs", "`nobody`"),
];

struct Turn {
    pattern: Regex,
    instead: &'static str,
}

fn turns() -> Vec<Turn> {
    let lines = TURNS.lines().filter(|line| !line.starts_with('#') && !line.is_empty());
    let turn = |line: &'static str| {
        let (pattern, instead) = line.split_once('\t').unwrap();
        Turn { pattern: RegexBuilder::new(pattern).case_insensitive(true).build().unwrap(), instead }
    };
    lines.map(turn).collect()
}

/// The string literals and comments of Rust code, each with its line; other text is left out.
fn prose(code: &str) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    let part =
        Regex::new(r##"(?s)//[^\n]*|\bb?r#"(.*?)"#|b?"((?:[^"\\]|\\.)*)"|'(?:\\.[^']*|[^\\'])'"##).unwrap();
    let joint = Regex::new(r"\\\n\s*").unwrap();
    for part in part.find_iter(code).filter(|part| !part.as_str().starts_with('\'')) {
        let line = code[..part.start()].matches('\n').count() + 1;
        let text = joint.replace_all(part.as_str(), "");
        for (at, text) in text.lines().enumerate() {
            found.push((line + at, text.to_owned()));
        }
    }
    found
}

/// All files under `folder`, or the file itself.
fn files(path: &Path) -> Vec<PathBuf> {
    if path.is_file() {
        return vec![path.to_owned()];
    }
    let entries = fs::read_dir(path).unwrap().map(|entry| entry.unwrap().path());
    let mut files: Vec<PathBuf> = entries.flat_map(|entry| files(&entry)).collect();
    files.sort();
    files
}

#[test]
fn no_old_turn_is_left() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let turns = turns();
    // One pass over a line without an old turn.
    let any: Vec<String> = turns.iter().map(|turn| format!("(?:{})", turn.pattern)).collect();
    let any = RegexBuilder::new(&any.join("|")).case_insensitive(true).build().unwrap();
    let mut found = Vec::new();
    for place in ["src", "samples", "README.md", "tests/README.md", "tests/it/snapshots"] {
        for path in files(&root.join(place)) {
            let name = path.strip_prefix(root).unwrap().to_string_lossy().replace('\\', "/");
            let Ok(text) = fs::read_to_string(&path) else { continue };
            if EXCEPT.iter().any(|except| name.starts_with(except)) || name.ends_with(".csv") {
                continue;
            }
            let lines = match name.ends_with(".rs") {
                true => prose(&text),
                false => text.lines().enumerate().map(|(at, line)| (at + 1, line.to_owned())).collect(),
            };
            for (number, line) in lines.into_iter().filter(|(_, line)| any.is_match(line)) {
                let is_allowed =
                    ALLOWED.iter().any(|(file, part)| name.ends_with(file) && line.contains(part));
                for turn in turns.iter().filter(|turn| !is_allowed && turn.pattern.is_match(&line)) {
                    let turn_found = turn.pattern.find(&line).unwrap().as_str();
                    found.push(format!(
                        "{name}:{number}: `{turn_found}` ({}): {}",
                        turn.instead,
                        line.trim()
                    ));
                }
            }
        }
    }
    assert!(found.is_empty(), "{} old turns:\n{}", found.len(), found.join("\n"));
}

#[test]
fn old_turns_are_found_in_texts_and_comments_alone() {
    let code =
        "let nobody = 1; // nobody\nlet x = \"to be \\\n    told\"; let c = '\"'; let y = r#\"for ever\"#;";
    let found: Vec<String> = prose(code).into_iter().map(|(line, text)| format!("{line} {text}")).collect();
    assert_eq!(found, ["1 // nobody", "2 \"to be told\"", "3 r#\"for ever\"#"]);
    let turns = turns();
    let is_old = |text: &str| turns.iter().any(|turn| turn.pattern.is_match(text));
    for old in [
        "This is told to the user",
        "Nobody listens",
        "a column of ours",
        "It stands in the table",
        "rows are judged anew",
    ] {
        assert!(is_old(old), "{old}");
    }
    for plain in
        ["There is none left to try", "tells", "the report lists every problem", "Go to the next row"]
    {
        assert!(!is_old(plain) || plain.contains("is none"), "{plain}");
    }
}

/// Such a line is two lines pasted into one. A table has one line for each row.
#[test]
fn no_comment_is_far_wider_than_the_page() {
    const WIDEST: usize = 126;
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut found = Vec::new();
    for path in files(&root.join("src")).into_iter().chain(files(&root.join("tests/it"))) {
        let Some(code) =
            fs::read_to_string(&path).ok().filter(|_| path.extension().is_some_and(|it| it == "rs"))
        else {
            continue;
        };
        for (at, line) in code.lines().enumerate() {
            let text = line.trim_start();
            let is_table = text.trim_start_matches(['/', '!', ' ']).starts_with('|');
            if text.starts_with("//") && !is_table && line.chars().count() > WIDEST {
                found.push(format!("{}:{}", path.display(), at + 1));
            }
        }
    }
    assert!(found.is_empty(), "wrap these lines:\n{}", found.join("\n"));
}
