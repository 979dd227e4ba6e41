//! Stores many line numbers of one file in little memory: one or two bytes for each.

/// Line numbers in ascending order, each stored as the distance from the previous line: seven bits a byte, and the last
/// byte of a number does not have the highest bit set.
#[derive(Debug, Default)]
pub(super) struct LineRanges {
    distances: Vec<u8>,
    last: u64,
    count: u64,
}

const MORE: u8 = 0x80;

impl LineRanges {
    /// Adds a line number, which must not be smaller than the previous one.
    pub(super) fn push(&mut self, line: u64) {
        let mut distance = line.checked_sub(self.last).expect("lines come in the order of the file");
        (self.last, self.count) = (line, self.count + 1);
        loop {
            let low = u8::try_from(distance & u64::from(!MORE)).expect("seven bits fit into a byte");
            distance >>= 7;
            if distance == 0 {
                return self.distances.push(low);
            }
            self.distances.push(low | MORE);
        }
    }

    pub(super) fn count(&self) -> u64 {
        self.count
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = u64> {
        let (mut bytes, mut line) = (self.distances.iter(), 0);
        (0..self.count).map(move |_| {
            for place in 0.. {
                let byte = *bytes.next().expect("every number has a last byte");
                line += u64::from(byte & !MORE) << (7 * place);
                if byte & MORE == 0 {
                    break;
                }
            }
            line
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn lines_come_back_as_they_went(mut lines: Vec<u64>) {
            lines.sort_unstable();
            let mut kept = LineRanges::default();
            lines.iter().for_each(|line| kept.push(*line));
            prop_assert_eq!(kept.count(), lines.len() as u64);
            prop_assert_eq!(kept.iter().collect::<Vec<_>>(), lines);
        }
    }

    #[test]
    fn a_line_takes_a_byte() {
        let mut lines = LineRanges::default();
        (2..1_000_002).for_each(|line| lines.push(line));
        assert_eq!(lines.distances.len(), 1_000_000);
        assert!(lines.iter().eq(2..1_000_002));
    }
}
