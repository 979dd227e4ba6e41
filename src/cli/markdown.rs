//! Renders the Markdown of the help topics for a terminal.
//!
//! It supports what the topics use: headings, paragraphs, lists with one level, tables, indented or fenced code, and code
//! and bold text inside a line. Lines of comments are left out. A test holds the topics to this subset.

use console::{Style, measure_text_width};

/// Two spaces between the columns of a table.
const GAP: &str = "  ";

/// The indentation of code.
const CODE: &str = "  ";

/// Renders `text` in lines of at most `width` columns. Code is not wrapped.
pub(super) fn render(text: &str, width: usize, is_coloured: bool) -> String {
    let mut page = Page { width, is_coloured, out: String::new(), is_in_list: false };
    let lines: Vec<&str> = text.lines().filter(|line| !line.starts_with("<!--")).collect();
    let mut rest = lines.as_slice();
    while let Some(first) = rest.first() {
        let taken = page.block(first, rest);
        rest = &rest[taken..];
    }
    page.out
}

struct Page {
    width: usize,
    is_coloured: bool,
    out: String,
    is_in_list: bool,
}

impl Page {
    /// Renders the block at the start of `rest`, and returns how many lines it has.
    fn block(&mut self, first: &str, rest: &[&str]) -> usize {
        let while_true = |is_part: fn(&str) -> bool| rest.iter().take_while(|line| is_part(line)).count();
        if first.trim().is_empty() {
            return 1;
        }
        if let Some(heading) = first.strip_prefix('#') {
            self.separate();
            self.line("", &[self.styled(&Style::new().bold(), heading.trim_start_matches('#').trim())]);
            return 1;
        }
        if first.starts_with("```") {
            self.separate();
            let code: Vec<&&str> = rest[1..].iter().take_while(|line| !line.starts_with("```")).collect();
            for line in &code {
                let text = format!("{CODE}{}", self.styled(&Style::new().cyan(), line));
                self.out += text.trim_end();
                self.out.push('\n');
            }
            return code.len() + 2;
        }
        if first.starts_with('|') {
            self.separate();
            let lines = while_true(|line| line.starts_with('|'));
            self.table(&rest[..lines]);
            return lines;
        }
        if is_item(first) {
            self.separate_from_text();
            let further = rest[1..].iter().take_while(|line| line.starts_with("  ")).count();
            let text: Vec<&str> = rest[..=further].iter().map(|line| line.trim()).collect();
            let (mark, text) = split_item(&text.join(" "));
            self.filled(&mark, &" ".repeat(mark.len()), &text);
            return further + 1;
        }
        self.separate();
        let lines = while_true(|line| {
            !line.trim().is_empty()
                && !is_item(line)
                && !line.starts_with("```")
                && !line.starts_with(['|', '#'])
        });
        self.filled("", "", &rest[..lines].iter().map(|line| line.trim()).collect::<Vec<_>>().join(" "));
        lines
    }

    /// Puts an empty line before the next block.
    fn separate(&mut self) {
        self.is_in_list = false;
        if !self.out.is_empty() {
            self.out.push('\n');
        }
    }

    /// Items of one list follow each other without an empty line.
    fn separate_from_text(&mut self) {
        if !self.is_in_list {
            self.separate();
        }
        self.is_in_list = true;
    }

    fn line(&mut self, indent: &str, words: &[String]) {
        self.out += indent;
        self.out += words.join(" ").trim_end();
        self.out.push('\n');
    }

    /// Writes a text whose first line starts with `first`, the others with `next`.
    fn filled(&mut self, first: &str, next: &str, text: &str) {
        for (at, line) in wrapped(text, self.width - next.len()).iter().enumerate() {
            let indent = if at == 0 { first } else { next };
            let line = self.inline(line);
            self.line(indent, &[line]);
        }
    }

    /// A table with its columns as wide as their text. If the table is too wide, the widest columns are wrapped.
    fn table(&mut self, lines: &[&str]) {
        let is_rule = |line: &str| line.trim_matches(['|', '-', ' ', ':']).is_empty();
        let rows: Vec<Vec<String>> =
            lines.iter().filter(|line| !is_rule(line)).map(|line| cells(line)).collect();
        let columns = rows.iter().map(Vec::len).max().unwrap_or_default();
        let width_of =
            |column: usize| rows.iter().filter_map(|row| row.get(column)).map(|cell| shown_width(cell)).max();
        let mut widths: Vec<usize> =
            (0..columns).map(|column| width_of(column).unwrap_or_default()).collect();
        let longest_word = |column: usize| {
            let cells = rows.iter().filter_map(|row| row.get(column));
            cells.flat_map(|cell| cell.split_whitespace()).map(shown_width).max().unwrap_or_default()
        };
        let narrowest: Vec<usize> = (0..columns).map(longest_word).collect();
        let gaps = GAP.len() * columns.saturating_sub(1);
        while widths.iter().sum::<usize>() + gaps > self.width {
            let can_shrink = |column: &usize| widths[*column] > narrowest[*column];
            let Some(widest) = (0..columns).filter(can_shrink).max_by_key(|column| widths[*column]) else {
                break;
            };
            widths[widest] -= 1;
        }
        for (at, row) in rows.iter().enumerate() {
            let parts: Vec<Vec<String>> =
                row.iter().zip(&widths).map(|(cell, &width)| wrapped(cell, width)).collect();
            for line in 0..parts.iter().map(Vec::len).max().unwrap_or_default() {
                let mut text = String::new();
                for (part, &width) in parts.iter().zip(&widths) {
                    let cell = part.get(line).map_or("", String::as_str);
                    let shown = self.inline(cell);
                    let shown = if at == 0 { self.styled(&Style::new().bold(), &shown) } else { shown };
                    text += &shown;
                    text += &" ".repeat(width.saturating_sub(shown_width(cell)) + GAP.len());
                }
                self.line("", &[text]);
            }
        }
    }

    /// A line without its marks for bold text, and with code in colour; without colours, code keeps its backticks.
    fn inline(&self, line: &str) -> String {
        let line = line.replace("**", "");
        if !self.is_coloured {
            return line;
        }
        let code = Style::new().cyan();
        let parts = line.split('`').enumerate();
        parts
            .map(
                |(at, part)| {
                    if at % 2 == 1 { self.styled(&code, &format!("`{part}`")) } else { part.to_owned() }
                },
            )
            .collect()
    }

    fn styled(&self, style: &Style, text: &str) -> String {
        if self.is_coloured {
            style.clone().force_styling(true).apply_to(text).to_string()
        } else {
            text.to_owned()
        }
    }
}

/// The cells of a row of a table. `\|` is a bar inside a cell.
fn cells(line: &str) -> Vec<String> {
    const BAR: &str = "\u{1}";
    let line = line.trim().replace("\\|", BAR);
    let inner = line.strip_prefix('|').unwrap_or(&line);
    let inner = inner.strip_suffix('|').unwrap_or(inner);
    inner.split('|').map(|cell| cell.trim().replace(BAR, "|")).collect()
}

/// Whether a line starts an item of a list, numbered or not.
fn is_item(line: &str) -> bool {
    let number = line.trim_start_matches(|c: char| c.is_ascii_digit());
    line.starts_with("- ") || (number.len() < line.len() && number.starts_with(". "))
}

/// The mark of an item with its blank, and its text.
fn split_item(line: &str) -> (String, String) {
    let at = line.find(' ').map_or(line.len(), |at| at + 1);
    (line[..at].to_owned(), line[at..].to_owned())
}

fn shown_width(text: &str) -> usize {
    measure_text_width(&text.replace("**", ""))
}

/// Breaks a text at its blanks, not at those inside of code that fits a line.
fn wrapped(text: &str, width: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in words(text, width) {
        let line = lines.last_mut().expect("there is a line");
        if !line.is_empty() && shown_width(line) + 1 + shown_width(&word) > width {
            lines.push(word);
        } else {
            if !line.is_empty() {
                line.push(' ');
            }
            *line += &word;
        }
    }
    lines
}

/// The words of a text. Code stays whole if it is short enough.
fn words(text: &str, width: usize) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    let mut is_open = false;
    for word in text.split_whitespace() {
        match words.last_mut() {
            Some(last) if is_open && shown_width(last) + 1 + shown_width(word) <= width => {
                last.push(' ');
                *last += word;
            }
            _ => words.push(word.to_owned()),
        }
        is_open ^= word.matches('`').count() % 2 == 1;
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_of_block() {
        let check = |text: &str, expected: &str| assert_eq!(render(text, 24, false), expected, "{text}");
        check("# Title\n\n## Part\n", "Title\n\nPart\n");
        check("One two three four five six.\nSeven.", "One two three four five\nsix. Seven.\n");
        check("One:\n`two`\nthree", "One: `two` three\n");
        check("```\na\n```\n\n- b\n", "  a\n\n- b\n");
        check("**Bold** and `some code`.", "Bold and `some code`.\n");
        check(
            "Text:\n\n- first item that is wrapped\n  further\n- second",
            "Text:\n\n- first item that is\n  wrapped further\n- second\n",
        );
        check("1. one\n2. two\n\nText", "1. one\n2. two\n\nText\n");
        check("```sh\na  b\n\nc\n```\nText", "  a  b\n\n  c\n\nText\n");
        check("<!-- made -->\n| a | b |\n| --- | --- |\n| `x` | y \\| z |", "a    b\n`x`  y | z\n");
        check(
            "| a | b |\n|---|---|\n| one | two three four five six |",
            "a    b\none  two three four five\n     six\n",
        );
        check("a sentence with `two words` of code", "a sentence with\n`two words` of code\n");
    }

    #[test]
    fn colours_change_nothing_but_the_marks() {
        let text = "# Title\n\nText with `code`.\n\n| a | b |\n| --- | --- |\n| `x` | y |\n";
        let coloured = render(text, 40, true);
        assert!(coloured.contains("\u{1b}[1mTitle\u{1b}[0m"), "{coloured:?}");
        assert_eq!(console::strip_ansi_codes(&coloured), render(text, 40, false));
    }
}
