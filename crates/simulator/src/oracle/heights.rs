//! How often each height was executed, compactly.

use std::collections::BTreeMap;

const CHUNK: u64 = 128;

/// Counts per height; they stop at 255.
#[derive(Clone, Debug, Default)]
pub(super) struct Heights {
    chunks: BTreeMap<u64, Box<[u8; CHUNK as usize]>>,
    /// Sum of all counts.
    pub total: u64,
    /// Heights with a count.
    pub distinct: u64,
}

impl Heights {
    /// Counts one more execution of `height` and returns the count.
    pub fn add(&mut self, height: u64) -> u8 {
        self.total += 1;
        let chunk = self
            .chunks
            .entry(height / CHUNK)
            .or_insert_with(|| Box::new([0; CHUNK as usize]));
        let place = usize::try_from(height % CHUNK).unwrap_or(0);
        let Some(count) = chunk.get_mut(place) else {
            return 0;
        };
        if *count == 0 {
            self.distinct += 1;
        }
        *count = count.saturating_add(1);
        *count
    }

    pub fn contains(&self, height: u64) -> bool {
        let place = usize::try_from(height % CHUNK).unwrap_or(0);
        self.chunks
            .get(&(height / CHUNK))
            .and_then(|chunk| chunk.get(place))
            .is_some_and(|count| *count > 0)
    }

    /// The heights in ascending order.
    pub fn iter(&self) -> impl Iterator<Item = u64> + '_ {
        self.chunks.iter().flat_map(|(chunk, counts)| {
            let base = chunk * CHUNK;
            (base..)
                .zip(counts.iter())
                .filter(|(_, count)| **count > 0)
                .map(|(height, _)| height)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn heights_are_counted_and_listed_in_order() {
        let mut heights = Heights::default();
        for height in [500, 3, 500, 127, 128] {
            heights.add(height);
        }
        assert_eq!(heights.iter().collect::<Vec<_>>(), [3, 127, 128, 500]);
        assert_eq!((heights.total, heights.distinct), (5, 4));
        assert_eq!(heights.add(3), 2);
        assert!(heights.contains(128) && !heights.contains(129));
    }
}
