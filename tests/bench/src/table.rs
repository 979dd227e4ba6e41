//! Prints the results as a Markdown table.

use std::fmt;

use comfy_table::{Table, presets::ASCII_MARKDOWN};

use crate::figures::digits;

/// The results of one subject.
#[derive(Debug)]
pub(crate) struct Findings {
    title: String,
    lines: Vec<Line>,
}

/// One figure, its budget, and its baseline.
#[derive(Debug)]
pub(crate) struct Line {
    what: String,
    budget: String,
    measured: String,
    baseline: String,
    ratio: String,
    met: Option<bool>,
}

impl Findings {
    pub(crate) fn new(title: impl Into<String>) -> Self {
        Self { title: title.into(), lines: Vec::new() }
    }

    pub(crate) fn push(&mut self, line: Line) {
        self.lines.push(line);
    }
}

impl Line {
    pub(crate) fn new(what: impl Into<String>, measured: impl Into<String>) -> Self {
        Self {
            what: what.into(),
            budget: String::new(),
            measured: measured.into(),
            baseline: String::new(),
            ratio: String::new(),
            met: None,
        }
    }

    /// Adds a baseline, with the ratios of wall time and processor time.
    pub(crate) fn beside(mut self, baseline: impl Into<String>, wall: f64, cpu: f64) -> Self {
        self.baseline = baseline.into();
        self.ratio = format!("{} (CPU {})", digits(wall), digits(cpu));
        self
    }

    /// Adds a baseline that has only one figure.
    pub(crate) fn beside_figure(mut self, baseline: impl Into<String>, ratio: f64) -> Self {
        self.baseline = baseline.into();
        self.ratio = digits(ratio);
        self
    }

    pub(crate) fn at_most(self, budget: &str, value: f64, limit: f64) -> Self {
        self.decided(budget, value <= limit)
    }

    pub(crate) fn at_least(self, budget: &str, value: f64, limit: f64) -> Self {
        self.decided(budget, value >= limit)
    }

    pub(crate) fn decided(mut self, budget: &str, met: bool) -> Self {
        self.budget = budget.to_owned();
        self.met = Some(met);
        self
    }
}

impl fmt::Display for Findings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut table = Table::new();
        table.load_style(ASCII_MARKDOWN);
        table.set_header(["what", "budget", "measured", "baseline", "ratio", "met"]);
        for line in &self.lines {
            let met = match line.met {
                None => "",
                Some(true) => "yes",
                Some(false) => "NO",
            };
            table.add_row([&line.what, &line.budget, &line.measured, &line.baseline, &line.ratio, met]);
        }
        writeln!(f, "\n## {}\n\n{table}", self.title)
    }
}
