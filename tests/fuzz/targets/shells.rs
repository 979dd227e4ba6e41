//! Fuzzes the quotation of words for shells.
//!
//! The shells are written here again from their own rules. The tests of `src/cli` also run this.

use super::Shell;

/// What is quoted for a shell is one word of it, and the program that it starts gets the value.
pub fn shells(input: &[u8]) {
    let Ok(value) = std::str::from_utf8(input) else { return };
    let (posix, pwsh, powershell5, cmd) = (
        Shell::Posix.quoted(value),
        Shell::Pwsh.quoted(value),
        Shell::Powershell5.quoted(value),
        Shell::Cmd.quoted(value),
    );
    assert_eq!(words_of_posix(&posix, false), [value], "{posix}");
    assert_eq!(words_of_posix(&posix, true), [value], "{posix}");
    // A line of a shell of Windows ends at a line break, and no program gets a zero.
    if value.contains(['\r', '\n', '\0']) {
        return;
    }
    assert!(is_same(&in_powershell(&pwsh), value), "{pwsh}");
    assert_eq!(arguments(&in_cmd(&cmd)), [value], "{cmd}");
    // Windows PowerShell leaves out an empty argument.
    if !value.is_empty() {
        let [argument] = &arguments(&passed_by_powershell5(&in_powershell(&powershell5)))[..] else {
            panic!("{powershell5} is not one word");
        };
        assert!(is_same(argument, value), "{powershell5} is {argument}");
    }
    // Which shell of Windows it is can only be guessed: cmd runs nothing of what is quoted for the others.
    for quoted in [pwsh, powershell5] {
        in_cmd(&quoted);
    }
}

/// Further backslashes at the end mean nothing in a path; both PowerShells keep those that other programs need there.
fn is_same(found: &str, value: &str) -> bool {
    found == value
        || found
            .strip_prefix(value)
            .is_some_and(|rest| value.ends_with('\\') && rest.bytes().all(|b| b == b'\\'))
}

/// The words of a line for sh, bash and zsh, or for fish, which also takes some backslashes between single quotes.
pub(crate) fn words_of_posix(line: &str, is_fish: bool) -> Vec<String> {
    let (mut words, mut word, mut rest) = (Vec::new(), None::<String>, line.chars().peekable());
    while let Some(c) = rest.next() {
        match c {
            ' ' => words.extend(word.take()),
            '\'' => {
                let word = word.get_or_insert_default();
                loop {
                    match rest.next().expect("a quotation ends") {
                        '\'' => break,
                        '\\' if is_fish => {
                            word.push(rest.next_if(|c| matches!(c, '\\' | '\'')).unwrap_or('\\'))
                        }
                        c => word.push(c),
                    }
                }
            }
            '\\' => {
                word.get_or_insert_default().push(rest.next().expect("a backslash is before a character"))
            }
            c => {
                let is_plain = c.is_ascii_alphanumeric() || "-_./:@=,".contains(c);
                assert!(is_plain && (c != '=' || word.is_some()), "{c} means something: {line}");
                word.get_or_insert_default().push(c);
            }
        }
    }
    words.extend(word);
    words
}

/// The value of a word in either PowerShell, where typographic quotation marks count as plain ones.
fn in_powershell(word: &str) -> String {
    let is_quote = |c: char| matches!(c, '"' | '\u{201C}'..='\u{201E}');
    let mut rest = word.chars().peekable();
    if rest.next_if(|c| is_quote(*c)).is_none() {
        assert!(!word.starts_with('-') || !word.contains('.'), "PowerShell takes it for a parameter: {word}");
        let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_./:\\".contains(c);
        assert!(word.chars().all(is_plain), "{word}");
        return word.to_owned();
    }
    let mut value = String::new();
    loop {
        match rest.next().expect("a quotation ends") {
            '`' => {
                let escaped = rest.next().expect("a character is escaped");
                assert!("$`".contains(escaped), "an escape: {word}");
                value.push(escaped);
            }
            '$' => panic!("a variable: {word}"),
            c if is_quote(c) => match rest.next() {
                Some(c) if is_quote(c) => value.push(c),
                Some(c) => panic!("{c} is after the quotation: {word}"),
                None => return value,
            },
            c => value.push(c),
        }
    }
}

/// The command line that Windows PowerShell makes of one argument.
fn passed_by_powershell5(argument: &str) -> String {
    let (mut quotes, mut is_after_backslash, mut has_blank) = (0, false, false);
    for c in argument.chars() {
        quotes += usize::from(c == '"' && !is_after_backslash);
        has_blank |= c.is_whitespace() && quotes % 2 == 0;
        is_after_backslash = c == '\\';
    }
    if has_blank { format!("\"{argument}\"") } else { argument.to_owned() }
}

/// What cmd makes of a word. Every name of a variable counts as one that is set.
fn in_cmd(word: &str) -> String {
    let mut text = word;
    while let Some((_, after)) = text.split_once('%') {
        text = after;
        if let Some((variable, _)) = after.split_once('%') {
            let name = variable.split_once(':').map_or(variable, |(name, _)| name);
            let is_name =
                !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
            assert!(!is_name || !word.starts_with('^'), "the variable {name} is filled in: {word}");
        }
    }
    let (mut value, mut is_quoted, mut rest) = (String::new(), false, word.chars());
    while let Some(c) = rest.next() {
        match c {
            '^' if !is_quoted => value.push(rest.next().expect("a character is escaped")),
            c => {
                is_quoted ^= c == '"';
                assert!(is_quoted || !"&|<>()".contains(c), "{c} means something: {word}");
                value.push(c);
            }
        }
    }
    value
}

/// The arguments that a program on Windows finds in its command line.
fn arguments(line: &str) -> Vec<String> {
    let (mut arguments, mut argument, mut is_quoted) = (Vec::new(), None::<String>, false);
    let mut rest = line.chars().peekable();
    while let Some(c) = rest.next() {
        match c {
            ' ' | '\t' if !is_quoted => arguments.extend(argument.take()),
            '\\' => {
                let mut backslashes = 1;
                while rest.next_if_eq(&'\\').is_some() {
                    backslashes += 1;
                }
                let is_before_quote = rest.peek() == Some(&'"');
                let kept = if is_before_quote { backslashes / 2 } else { backslashes };
                let argument = argument.get_or_insert_default();
                argument.extend(std::iter::repeat_n('\\', kept));
                if is_before_quote && backslashes % 2 == 1 {
                    argument.extend(rest.next());
                }
            }
            '"' if is_quoted && rest.next_if_eq(&'"').is_some() => argument.get_or_insert_default().push('"'),
            '"' => {
                is_quoted = !is_quoted;
                argument.get_or_insert_default();
            }
            c => argument.get_or_insert_default().push(c),
        }
    }
    assert!(!is_quoted, "a quotation has no end: {line}");
    arguments.extend(argument);
    arguments
}
