//! Prints the results as a Markdown table.

use std::fmt;

use comfy_table::{Table, presets::ASCII_MARKDOWN};

use crate::figures::{digits, time};
use crate::process::Usage;
use crate::turns::{Ratio, Turns, cpu, throughput, times};

/// The results of one subject.
#[derive(Debug)]
pub(crate) struct Findings {
    title: String,
    lines: Vec<Line>,
}

/// One figure, its budget, its baseline, and that of another program.
#[derive(Debug, Default)]
pub(crate) struct Line {
    what: String,
    budget: String,
    measured: String,
    baseline: String,
    ratio: String,
    beside: String,
    beside_ratio: String,
    met: Option<bool>,
}

impl Findings {
    pub(crate) fn new(title: impl Into<String>) -> Self {
        Self { title: title.into(), lines: Vec::new() }
    }

    pub(crate) fn push(&mut self, line: Line) {
        self.lines.push(line);
    }

    /// Adds the processor time of our program as a share of the other one's, if there is one.
    pub(crate) fn push_share(&mut self, what: &str, turns: &Turns, limit: f64) {
        if let Some(ratio) = turns.beside_ratio() {
            let line = Line::new(format!("{what}: CPU"), time(cpu(&turns.ours)));
            let line = line.beside(time(cpu(&turns.beside)), digits(ratio.cpu));
            self.push(line.at_most(&format!("{limit} × beside"), ratio.cpu, limit));
        }
    }
}

impl Line {
    pub(crate) fn new(what: impl Into<String>, measured: impl Into<String>) -> Self {
        Self { what: what.into(), measured: measured.into(), ..Self::default() }
    }

    /// Wall time and processor time of all sides.
    pub(crate) fn times(what: impl Into<String>, turns: &Turns) -> Self {
        Self::compared(what, turns, times, |ratio| ratio)
    }

    /// Results per second of all sides.
    pub(crate) fn throughput(what: impl Into<String>, turns: &Turns, results: u64) -> Self {
        Self::compared(what, turns, |usages| throughput(usages, results), Ratio::inverse)
    }

    fn compared(
        what: impl Into<String>,
        turns: &Turns,
        shown: impl Fn(&[Usage]) -> String,
        ratio: fn(Ratio) -> Ratio,
    ) -> Self {
        let line = Self::new(what, shown(&turns.ours));
        let line = line.baseline(shown(&turns.baseline), ratio(turns.ratio()).to_string());
        match turns.beside_ratio() {
            Some(beside) => line.beside(shown(&turns.beside), ratio(beside).to_string()),
            None => line,
        }
    }

    /// Adds a baseline.
    pub(crate) fn baseline(mut self, baseline: impl Into<String>, ratio: impl Into<String>) -> Self {
        self.baseline = baseline.into();
        self.ratio = ratio.into();
        self
    }

    /// Adds the figure of the other program.
    pub(crate) fn beside(mut self, other: impl Into<String>, ratio: impl Into<String>) -> Self {
        self.beside = other.into();
        self.beside_ratio = ratio.into();
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
        let head = ["what", "budget", "measured", "baseline", "ratio", "beside", "ratio", "met"];
        table.set_header(head);
        for line in &self.lines {
            let met = match line.met {
                None => "",
                Some(true) => "yes",
                Some(false) => "NO",
            };
            let Line { what, budget, measured, baseline, ratio, beside, beside_ratio, .. } = line;
            table.add_row([what, budget, measured, baseline, ratio, beside, beside_ratio, met]);
        }
        writeln!(f, "\n## {}\n\n{table}", self.title)
    }
}
