//! Quotes words for the shell in which the next command is typed.
//!
//! On Unix, every shell takes single quotes. On Windows, double quotes work in PowerShell and in the Command Prompt (cmd),
//! except around a few characters; only for these the shell matters. Whether it is PowerShell can only be guessed, so what
//! is quoted for PowerShell also stays one word in cmd: `&` in a name runs nothing there.

use tenantry_model::shell::{file_name, posix_word};

/// A family of shells with the same quotation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(
    not(any(windows, test, feature = "fuzzing")),
    expect(dead_code, reason = "the others are shells of Windows")
)]
enum Shell {
    /// sh, bash, zsh, fish; also Git Bash on Windows.
    Posix,
    /// PowerShell from 7.3 on passes arguments on as they are.
    Pwsh,
    /// Windows PowerShell up to 5.1 loses quotation marks in arguments.
    Powershell5,
    Cmd,
}

/// Quotes `value` so that the shell at hand takes it as exactly one word.
pub(crate) fn quoted(value: &str) -> String {
    at_hand().quoted(value)
}

/// Quotes the name of a file, so that a leading `-` does not make an option of it.
pub(crate) fn quoted_file(path: &str) -> String {
    quoted(&file_name(path))
}

/// An option as it is typed. After a blank, a value with a leading `-` would be an option.
pub(crate) fn option(name: &str, value: &str) -> String {
    let joint = if value.starts_with('-') { '=' } else { ' ' };
    format!("--{name}{joint}{}", quoted(value))
}

#[cfg(not(windows))]
fn at_hand() -> Shell {
    Shell::Posix
}

/// The shell that probably started this program. A program inherits its environment, so a shell that was started from
/// another one may be taken for that one.
#[cfg(windows)]
fn at_hand() -> Shell {
    static SHELL: std::sync::OnceLock<Shell> = std::sync::OnceLock::new();
    let variable = |name| std::env::var_os(name).unwrap_or_default().to_string_lossy().into_owned();
    *SHELL.get_or_init(|| of_windows(&variable("MSYSTEM"), &variable("PSModulePath")))
}

/// Recognizes the shell by variables. Windows itself sets `PSModulePath`, for all programs, to folders below `Windows` and
/// `Program Files`, and other programs add theirs, such as `…\Microsoft SQL Server\150\Tools\PowerShell\Modules`. Each
/// PowerShell adds a folder of its user, and PowerShell 7 one below `Program Files\PowerShell`.
#[cfg(any(windows, test))]
fn of_windows(msystem: &str, ps_module_path: &str) -> Shell {
    let folders = || ps_module_path.split(';').map(str::to_ascii_lowercase);
    let is_of_user = |folder: &String| {
        folder.contains(r"\windowspowershell\modules") && !folder.contains(r":\program files")
    };
    let is_of_seven = |folder: &String| {
        [
            r":\program files\powershell\",
            r":\program files (x86)\powershell\",
            r"\documents\powershell\modules",
        ]
        .iter()
        .any(|part| folder.contains(part))
    };
    if !msystem.is_empty() {
        Shell::Posix
    } else if folders().any(|folder| is_of_seven(&folder)) {
        Shell::Pwsh
    } else if folders().any(|folder| is_of_user(&folder)) {
        Shell::Powershell5
    } else {
        Shell::Cmd
    }
}

impl Shell {
    fn quoted(self, value: &str) -> String {
        match self {
            Shell::Posix => posix_word(value),
            _ if is_plain_on_windows(value) => value.to_owned(),
            _ if !value.contains(is_special_on_windows) => in_double_quotes(value),
            Shell::Pwsh => escaped_for_powershell(value),
            // The program gets what is written here and takes it apart again, at its quotation marks.
            Shell::Powershell5 => {
                let quoted = in_double_quotes(value);
                let inner = &quoted[1..quoted.len() - 1];
                // The shell adds the quotation marks if there is a blank. Else the backslashes at the end are alone.
                let has_blank = value.contains(char::is_whitespace);
                escaped_for_powershell(if has_blank {
                    inner
                } else {
                    &inner[..inner.len() - backslashes_at_end(value)]
                })
            }
            // A variable that does not exist stays as it is, and no name of one has a `^`. After a `:`, cmd reads how to
            // change the value.
            Shell::Cmd if value.contains('"') || value.matches('%').count() > 1 => {
                let mut escaped = String::new();
                for c in in_double_quotes(value).chars() {
                    if "()%:!^\"<>&|".contains(c) {
                        escaped.push('^');
                    }
                    escaped.push(c);
                }
                escaped
            }
            Shell::Cmd => in_double_quotes(value),
        }
    }
}

fn is_plain_on_windows(value: &str) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_./:\\".contains(&byte);
    // PowerShell makes two words of `-a.csv`.
    let is_parameter = value.starts_with('-') && value.contains('.');
    !value.is_empty() && !is_parameter && value.bytes().all(is_plain)
}

/// Whether double quotes alone do not keep a shell of Windows from this character. PowerShell also takes typographic
/// quotation marks.
fn is_special_on_windows(c: char) -> bool {
    matches!(c, '"' | '%' | '$' | '`' | '\u{201C}'..='\u{201E}')
}

/// Quoted as programs on Windows take their command line apart: a quotation mark is escaped, and so are backslashes before
/// one.
fn in_double_quotes(value: &str) -> String {
    let mut quoted = String::from("\"");
    let mut backslashes = 0;
    for c in value.chars() {
        if c == '"' {
            quoted.extend(std::iter::repeat_n('\\', backslashes + 1));
        }
        backslashes = if c == '\\' { backslashes + 1 } else { 0 };
        quoted.push(c);
    }
    quoted.extend(std::iter::repeat_n('\\', backslashes));
    quoted.push('"');
    quoted
}

fn backslashes_at_end(value: &str) -> usize {
    value.len() - value.trim_end_matches('\\').len()
}

/// In double quotes, with what PowerShell reads inside them escaped. Quotation marks are doubled, not escaped, so that cmd
/// finds them in pairs; PowerShell takes typographic ones for the plain one.
fn escaped_for_powershell(value: &str) -> String {
    let mut quoted = String::from("\"");
    for c in value.chars() {
        match c {
            '$' | '`' => quoted.push('`'),
            '"' | '\u{201C}'..='\u{201E}' => quoted.push(c),
            _ => {}
        }
        quoted.push(c);
    }
    quoted.push('"');
    quoted
}

#[cfg(any(test, feature = "fuzzing"))]
#[path = "../../tests/fuzz/targets/shells.rs"]
pub(super) mod fuzzed;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_shell_has_its_quotation() {
        let check = |value: &str, [posix, seven, five, cmd]: [&str; 4]| {
            let shells = [Shell::Posix, Shell::Pwsh, Shell::Powershell5, Shell::Cmd];
            assert_eq!(shells.map(|shell| shell.quoted(value)), [posix, seven, five, cmd], "{value}");
        };
        check("customers-2.csv", ["customers-2.csv"; 4]);
        // These work in both shells of Windows.
        let on_windows = |posix, windows| [posix, windows, windows, windows];
        check("", on_windows("''", "\"\""));
        check(r"C:\lists\a.csv", on_windows(r"'C:\lists\a.csv'", r"C:\lists\a.csv"));
        check("a b.csv", on_windows("'a b.csv'", "\"a b.csv\""));
        check("a&b;c,d.csv", on_windows("'a&b;c,d.csv'", "\"a&b;c,d.csv\""));
        check("it's.csv", on_windows(r"'it'\''s.csv'", "\"it's.csv\""));
        check("wow!(1)^.csv", on_windows("'wow!(1)^.csv'", "\"wow!(1)^.csv\""));
        check(r"C:\my lists\", on_windows(r"'C:\my lists'\\''", r#""C:\my lists\\""#));
        check("@home", on_windows("@home", "\"@home\""));
        check("Größe.csv", on_windows("'Größe.csv'", "\"Größe.csv\""));
        // These do not.
        check("a$b.csv", ["'a$b.csv'", "\"a`$b.csv\"", "\"a`$b.csv\"", "\"a$b.csv\""]);
        check("it`s $a's", [r"'it`s $a'\''s'", "\"it``s `$a's\"", "\"it``s `$a's\"", "\"it`s $a's\""]);
        check(
            "$(x) & y.csv",
            ["'$(x) & y.csv'", "\"`$(x) & y.csv\"", "\"`$(x) & y.csv\"", "\"$(x) & y.csv\""],
        );
        check("“a”", ["'“a”'", "\"““a””\"", "\"““a””\"", "\"“a”\""]);
        check("“it’s”", ["'“it’s”'", "\"““it’s””\"", "\"““it’s””\"", "\"“it’s”\""]);
        check("100%.csv", on_windows("'100%.csv'", "\"100%.csv\""));
        check("%PATH% &", ["'%PATH% &'", "\"%PATH% &\"", "\"%PATH% &\"", "^\"^%PATH^% ^&^\""]);
        check(
            "A \"b\"=x",
            ["'A \"b\"=x'", "\"A \"\"b\"\"=x\"", "\"A \\\"\"b\\\"\"=x\"", "^\"A \\^\"b\\^\"=x^\""],
        );
        check(
            r"\\server\a b",
            [r"''\\'\server\a b'", "\"\\\\server\\a b\"", "\"\\\\server\\a b\"", "\"\\\\server\\a b\""],
        );
        check("-a.csv", on_windows("-a.csv", "\"-a.csv\""));
        check("%PATH:a=b%", ["'%PATH:a=b%'", "\"%PATH:a=b%\"", "\"%PATH:a=b%\"", "^\"^%PATH^:a=b^%^\""]);
        check("a\\\"b", ["'a\\\"b'", "\"a\\\"\"b\"", "\"a\\\\\\\"\"b\"", "^\"a\\\\\\^\"b^\""]);
        check("$a\\", ["'$a'\\\\''", "\"`$a\\\"", "\"`$a\\\"", "\"$a\\\\\""]);
        check("$a b\\", ["'$a b'\\\\''", "\"`$a b\\\"", "\"`$a b\\\\\"", "\"$a b\\\\\""]);
    }

    #[test]
    fn what_begins_with_a_hyphen_is_no_option() {
        assert_eq!(quoted_file("-a.csv"), quoted("./-a.csv"));
        assert_eq!(quoted_file("-"), "-");
        assert_eq!(option("sheet", "List"), "--sheet List");
        assert_eq!(option("sheet", "-List-"), "--sheet=-List-");
    }

    /// The shell is only guessed: cmd must run nothing of what is quoted for PowerShell.
    #[test]
    fn cmd_finds_every_character_between_quotation_marks() {
        for value in
            ["a$b & calc.csv", "a`b | x", "“a” & b", "A \"b\" & c=\"d\" > e", "\"&\"", "\\\" & x", "100% & %"]
        {
            for shell in [Shell::Pwsh, Shell::Powershell5] {
                let quoted = shell.quoted(value);
                let outside: String = quoted.split('"').step_by(2).collect();
                assert_eq!(outside, "", "{quoted}");
            }
        }
    }

    #[test]
    fn a_shell_of_windows_is_known_by_its_variables() {
        let check = |msystem: &str, folders: &[&str], expected: Shell| {
            assert_eq!(of_windows(msystem, &folders.join(";")), expected, "{msystem} {folders:?}");
        };
        let system = r"C:\WINDOWS\system32\WindowsPowerShell\v1.0\Modules";
        let all = r"C:\Program Files\WindowsPowerShell\Modules";
        let of_user = r"C:\Users\ops\OneDrive\Documents\WindowsPowerShell\Modules";
        let seven = [r"C:\Users\ops\Documents\PowerShell\Modules", r"c:\program files\powershell\7\Modules"];
        check("", &[], Shell::Cmd);
        check("", &[all, system], Shell::Cmd);
        check("", &[of_user, all, system], Shell::Powershell5);
        check("", &[seven[0], seven[1], all, system], Shell::Pwsh);
        check("", &[&seven[1].to_uppercase(), all, system], Shell::Pwsh);
        let of_others = [
            r"C:\Program Files (x86)\Microsoft SQL Server\150\Tools\PowerShell\Modules\",
            r"C:\Program Files\Microsoft Monitoring Agent\Agent\PowerShell\",
        ];
        check("", &[all, system, of_others[0], of_others[1]], Shell::Cmd);
        check("", &[of_user, all, system, of_others[0]], Shell::Powershell5);
        check("MINGW64", &[all, system], Shell::Posix);
    }

    #[cfg(unix)]
    #[test]
    fn a_shell_takes_what_is_quoted_for_one_word() {
        for word in [
            "plain.csv",
            "",
            "two words",
            r"a\b.csv",
            "$(touch x)`touch y`",
            "it's",
            "a\"b",
            "!x",
            "new\nline",
        ] {
            let script = format!("printf %s {}", quoted(word));
            let output = std::process::Command::new("sh").args(["-c", &script]).output().unwrap();
            assert_eq!(String::from_utf8(output.stdout).unwrap(), word);
        }
    }
}
