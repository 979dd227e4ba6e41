//! Runs two sides in turns, A B A B …, so that the machine's other load affects both.

use anyhow::Result;

use crate::figures::{digits, median, seconds, time};
use crate::process::Usage;

/// The usage of both sides in all turns.
#[derive(Debug)]
pub(crate) struct Turns {
    pub(crate) ours: Vec<Usage>,
    pub(crate) baseline: Vec<Usage>,
}

impl Turns {
    /// Runs both sides `turns` times, and passes each the number of its turn.
    pub(crate) fn run(
        turns: usize,
        mut ours: impl FnMut(usize) -> Result<Usage>,
        mut baseline: impl FnMut(usize) -> Result<Usage>,
    ) -> Result<Self> {
        let mut done = Self { ours: Vec::new(), baseline: Vec::new() };
        for turn in 0..turns {
            done.ours.push(ours(turn)?);
            done.baseline.push(baseline(turn)?);
        }
        Ok(done)
    }

    /// The ratio of our wall time to the baseline's.
    pub(crate) fn wall_ratio(&self) -> f64 {
        self.ratio(|usage| seconds(usage.wall))
    }

    /// The ratio of our processor time to the baseline's.
    pub(crate) fn cpu_ratio(&self) -> f64 {
        self.ratio(|usage| seconds(usage.cpu))
    }

    fn ratio(&self, figure: impl Fn(&Usage) -> f64) -> f64 {
        median(self.ours.iter().zip(&self.baseline).map(|(ours, baseline)| figure(ours) / figure(baseline)))
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
