//! Measured values, and what is said of them.

use std::fmt;
use std::time::Duration;

/// Values of one kind, in milliseconds.
#[derive(Debug, Clone, Default)]
pub struct Sample(Vec<f64>);

impl Sample {
    /// One more.
    pub fn add(&mut self, time: Duration) {
        self.add_ms(time.as_secs_f64() * 1e3);
    }

    /// One more, in milliseconds.
    pub fn add_ms(&mut self, ms: f64) {
        self.0.push(ms);
    }

    /// Those that came last.
    pub fn last(&self, count: usize) -> Self {
        Self(self.0[self.0.len().saturating_sub(count)..].to_vec())
    }

    /// The value that this share of the others is below.
    pub fn quantile(&self, share: f64) -> f64 {
        let mut sorted = self.0.clone();
        sorted.sort_by(f64::total_cmp);
        let last = sorted.len().saturating_sub(1);
        sorted
            .get((last as f64 * share).round() as usize)
            .copied()
            .unwrap_or(f64::NAN)
    }

    /// Half are below.
    pub fn median(&self) -> f64 {
        self.quantile(0.5)
    }
}

/// `0.51 (0.43 … 2.91)`: median, least, most.
impl fmt::Display for Sample {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{:.2} ({:.2} … {:.2})",
            self.median(),
            self.quantile(0.0),
            self.quantile(1.0)
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_in_the_middle() {
        let mut sample = Sample::default();
        for ms in [3.0, 1.0, 20.0] {
            sample.add_ms(ms);
        }
        assert_eq!(sample.to_string(), "3.00 (1.00 … 20.00)");
        assert!(Sample::default().median().is_nan());
    }
}
