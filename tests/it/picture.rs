//! Makes the picture in the README, of a real run on a terminal: `cargo test --test it picture -- --ignored`.

use std::fmt::Write as _;
use std::num::NonZero;
use std::path::Path;
use std::time::Duration;

use tenantry_simulator::Scenario;

use crate::harness::{Bench, CLIENT_ID, TENANT, sample};
use crate::terminal::Terminal;

const COLUMNS: NonZero<u16> = NonZero::new(100).unwrap();

/// The sizes of the picture, in pixels.
const CHARACTER: f64 = 8.43;
const LINE: f64 = 18.0;
const MARGIN: f64 = 14.0;
const TITLE: f64 = 26.0;

/// The colours of a terminal: black, red, green, yellow, blue, magenta, cyan, white.
const PALETTE: [&str; 8] =
    ["#666666", "#ff5f7a", "#9ece6a", "#e5c07b", "#6cb2ff", "#bb8cff", "#56c8d8", "#e5e5e5"];

#[test]
#[ignore = "writes tests/picture/run.svg"]
fn picture_of_a_run() {
    let latency = (Duration::from_millis(300), Duration::from_millis(900));
    let bench = Bench::with(Scenario { latency, ..Scenario::default() });
    let list = std::fs::read_to_string(sample("customers.csv")).unwrap();
    let list = list.replacen("copperkettlebakes,", "refuse-400-600051,", 1);
    bench.file("customers.csv", list.replacen("riograndesolar,", "taken-riogrande,", 1));
    let url = bench.simulator().url();
    bench.trusts(format!(
        "[profile.contoso]\napi-url = '{url}'\nauthority-url = '{url}'\ntenant-id = '{TENANT}'\n\
         client-id = '{CLIENT_ID}'\nidentity = 'key.txt'\nrate = '450/min'\n"
    ));
    let mut call = bench
        .tenantry(["import", "--profile", "contoso", "customers.csv"])
        .asking()
        .without("TENANTRY_ACCESS_TOKEN")
        .env("TENANTRY_REFRESH_TOKEN", "refresh-token-of-the-picture");
    for name in ["LEDGER", "IDENTITY", "API_URL", "AUTHORITY_URL", "RATE"] {
        call = call.without(&format!("TENANTRY_{name}"));
    }
    let terminal = Terminal::start(call, COLUMNS);
    terminal.shows("Go ahead?");
    terminal.types("yes\r");
    // Some way into the run.
    terminal.shows("20/60");
    let during = lines(&terminal.contents());
    terminal.shows("Next: ");
    let after = lines(&terminal.contents());
    terminal.ends_with(3);
    // Below the answer: the bar, then what took its place.
    let same = during.iter().zip(&after).take_while(|(one, other)| one == other).count();
    let bar = during.iter().skip(same).filter(|line| line.iter().any(|cell| !cell.text.trim().is_empty()));
    let mut shown = vec![prompt("tenantry import --profile contoso customers.csv")];
    shown.extend(after[..same].iter().cloned());
    shown.extend(bar.cloned());
    shown.push(Vec::new());
    shown.extend(after[same..].iter().cloned());
    while shown.last().is_some_and(|line| line.iter().all(|cell| cell.text.trim().is_empty())) {
        shown.pop();
    }
    let picture = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/picture/run.svg");
    std::fs::write(picture, svg(&shown)).unwrap();
}

/// A run of characters with one look.
#[derive(Debug, Clone, PartialEq)]
struct Cell {
    text: String,
    colour: Option<&'static str>,
    is_bold: bool,
}

fn prompt(command: &str) -> Vec<Cell> {
    let cell = |text: &str, colour| Cell { text: text.to_owned(), colour, is_bold: true };
    vec![cell("$ ", Some(PALETTE[2])), cell(command, None)]
}

/// The lines of a screen.
fn lines(screen: &vt100::Screen) -> Vec<Vec<Cell>> {
    let (rows, columns) = screen.size();
    let colour = |colour| match colour {
        vt100::Color::Idx(index) => Some(PALETTE[usize::from(index % 8)]),
        vt100::Color::Default | vt100::Color::Rgb(..) => None,
    };
    let line = |row| {
        let mut cells: Vec<Cell> = Vec::new();
        for cell in (0..columns.get()).filter_map(|column| screen.cell(row, column)) {
            let text = if cell.has_contents() { cell.contents() } else { " " };
            let cell = Cell { text: text.to_owned(), colour: colour(cell.fgcolor()), is_bold: cell.bold() };
            match cells.last_mut() {
                Some(last) if (last.colour, last.is_bold) == (cell.colour, cell.is_bold) => {
                    last.text += &cell.text
                }
                _ => cells.push(cell),
            }
        }
        cells
    };
    (0..rows.get()).map(line).collect()
}

fn svg(lines: &[Vec<Cell>]) -> String {
    let width = f64::from(COLUMNS.get()) * CHARACTER + 2.0 * MARGIN;
    let height = TITLE + MARGIN * 2.0 + LINE * lines.len() as f64;
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width:.0}\" height=\"{height:.0}\" \
         viewBox=\"0 0 {width:.0} {height:.0}\">\n\
         <rect width=\"100%\" height=\"100%\" rx=\"6\" fill=\"#1c1c1c\"/>\n\
         <circle cx=\"17\" cy=\"13\" r=\"6\" fill=\"#ff5f7a\"/><circle cx=\"36\" cy=\"13\" r=\"6\" fill=\"#e5c07b\"/>\
         <circle cx=\"55\" cy=\"13\" r=\"6\" fill=\"#9ece6a\"/>\n\
         <g font-family=\"SFMono-Regular, Consolas, Liberation Mono, Menlo, monospace\" font-size=\"14\" \
         fill=\"#e5e5e5\">\n"
    );
    for (at, line) in lines.iter().enumerate() {
        let y = TITLE + MARGIN + LINE * (at as f64 + 0.7);
        let mut column = 0;
        for cell in line {
            let text = cell.text.trim_end();
            let count = cell.text.chars().count();
            if !text.is_empty() {
                let x = MARGIN + f64::from(column) * CHARACTER;
                let length = text.chars().count() as f64 * CHARACTER;
                let colour = cell.colour.map(|it| format!(" fill=\"{it}\"")).unwrap_or_default();
                let bold = if cell.is_bold { " font-weight=\"bold\"" } else { "" };
                // Browsers collapse other blanks.
                let text = text
                    .replace(' ', "\u{a0}")
                    .replace('&', "&amp;")
                    .replace('<', "&lt;")
                    .replace('>', "&gt;");
                writeln!(
                    svg,
                    "<text x=\"{x:.1}\" y=\"{y:.1}\" textLength=\"{length:.1}\"{colour}{bold}>{text}</text>"
                )
                .unwrap();
            }
            column += i32::try_from(count).unwrap();
        }
    }
    svg + "</g>\n</svg>\n"
}
