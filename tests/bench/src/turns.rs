//! Runs all sides in turns, A B C A B C …, so that the machine's other load affects each.

use std::fmt;

use anyhow::Result;

use crate::figures::{digits, median, seconds, time};
use crate::process::Usage;
use crate::program::Program;

/// The usage of all sides in all turns.
#[derive(Debug, Default)]
pub(crate) struct Turns {
    pub(crate) ours: Vec<Usage>,
    pub(crate) baseline: Vec<Usage>,
    /// That of the other program, if there is one.
    pub(crate) beside: Vec<Usage>,
}

/// How one side compares with another; the median of the ratios of all turns.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Ratio {
    pub(crate) wall: f64,
    pub(crate) cpu: f64,
}

impl Turns {
    /// Runs the programs (ours, and perhaps another one) and the baseline `turns` times.
    pub(crate) fn run(
        turns: usize,
        programs: &[Program],
        run: impl Fn(&Program) -> Result<Usage>,
        baseline: impl Fn() -> Result<Usage>,
    ) -> Result<Self> {
        let mut done = Self::default();
        for _ in 0..turns {
            for (program, usages) in programs.iter().zip([&mut done.ours, &mut done.beside]) {
                usages.push(run(program)?);
            }
            done.baseline.push(baseline()?);
        }
        Ok(done)
    }

    /// Ours to the baseline's.
    pub(crate) fn ratio(&self) -> Ratio {
        ratio(&self.ours, &self.baseline)
    }

    /// Ours to the other program's.
    pub(crate) fn beside_ratio(&self) -> Option<Ratio> {
        (!self.beside.is_empty()).then(|| ratio(&self.ours, &self.beside))
    }
}

fn ratio(ours: &[Usage], others: &[Usage]) -> Ratio {
    let ratio = |figure: fn(&Usage) -> f64| {
        median(ours.iter().zip(others).map(|(ours, other)| figure(ours) / figure(other)))
    };
    Ratio { wall: ratio(|usage| seconds(usage.wall)), cpu: ratio(|usage| seconds(usage.cpu)) }
}

impl Ratio {
    /// For throughput instead of time.
    pub(crate) fn inverse(self) -> Self {
        Self { wall: 1.0 / self.wall, cpu: 1.0 / self.cpu }
    }

    pub(crate) fn times(self, factor: f64) -> Self {
        Self { wall: self.wall * factor, cpu: self.cpu * factor }
    }
}

impl fmt::Display for Ratio {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} (CPU {})", digits(self.wall), digits(self.cpu))
    }
}

pub(crate) fn wall(turns: &[Usage]) -> f64 {
    median(turns.iter().map(|usage| seconds(usage.wall)))
}

pub(crate) fn cpu(turns: &[Usage]) -> f64 {
    median(turns.iter().map(|usage| seconds(usage.cpu)))
}

/// `1.23 s (CPU 1.10 s)`.
pub(crate) fn times(turns: &[Usage]) -> String {
    format!("{} (CPU {})", time(wall(turns)), time(cpu(turns)))
}

/// `4567/s (CPU 123 µs each)`.
pub(crate) fn throughput(turns: &[Usage], each: u64) -> String {
    let each = each as f64;
    format!("{}/s (CPU {} each)", digits(each / wall(turns)), time(cpu(turns) / each))
}
