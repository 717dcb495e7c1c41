//! The latencies of a load as an HdrHistogram interval log, the format that HistogramLogProcessor and its kin read.

use std::io::{self, Write};
use std::time::Duration;

use hdrhistogram::serialization::V2DeflateSerializer;
use hdrhistogram::serialization::interval_log::{IntervalLogWriterBuilder, Tag};

use crate::tally::Totals;

impl Totals {
    /// Writes one interval per tier for latency (from the scheduled start) and one for schedule lag (from the scheduled
    /// start to sending), tagged `tier-0.latency`, `tier-0.lag` and so on; `untiered` where clients belong to no tier.
    /// Values are nanoseconds of drill time; times of intervals are seconds of CLOCK_BOOTTIME, as stamps are. Only what
    /// was acknowledged has a latency here.
    ///
    /// # Errors
    /// What the writer says, or a histogram that cannot be encoded.
    pub fn write_histograms(&self, writer: &mut impl Write) -> io::Result<()> {
        let nanos = |nanos: i64| Duration::from_nanos(nanos.max(0).unsigned_abs());
        let (began, lasted) = (nanos(self.began), nanos(self.ended - self.began));
        let mut serializer = V2DeflateSerializer::new();
        let mut log = IntervalLogWriterBuilder::new()
            .add_comment("[latencies of firedrill's clients; values in ns, times in s of CLOCK_BOOTTIME]")
            .with_max_value_divisor(1e6)
            .begin_log_with(writer, &mut serializer)?;
        for tier in &self.tiers {
            let name = tier
                .tier
                .map_or_else(|| "untiered".to_owned(), |level| format!("tier-{level}"));
            for (what, histogram) in [("latency", &tier.latency), ("lag", &tier.lag)] {
                log.write_histogram(histogram, began, lasted, Tag::new(&format!("{name}.{what}")))
                    .map_err(|error| io::Error::other(format!("histogram of {name}: {error}")))?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use hdrhistogram::Histogram;
    use hdrhistogram::serialization::Deserializer;
    use hdrhistogram::serialization::interval_log::{IntervalLogIterator, LogEntry};

    use super::*;
    use crate::tally::TierTotals;

    #[test]
    fn what_is_written_is_read_back_by_the_format_s_own_reader() {
        let mut latency = Histogram::new_with_bounds(1000, 600_000_000_000, 3).unwrap();
        latency.record(2_000_000).unwrap();
        latency.record(9_000_000).unwrap();
        let totals = Totals {
            scheduled: 2,
            acked: 2,
            refused: 0,
            indeterminate: 0,
            not_sent: 0,
            tiers: vec![TierTotals {
                tier: Some(1),
                acked: 2,
                refused: 0,
                indeterminate: 0,
                not_sent: 0,
                lag: latency.clone(),
                latency,
            }],
            began: 5_000_000_000,
            ended: 7_500_000_000,
        };
        let mut bytes = Vec::new();
        totals.write_histograms(&mut bytes).unwrap();
        let intervals: Vec<(String, f64, u64)> = IntervalLogIterator::new(&bytes)
            .filter_map(|entry| match entry.unwrap() {
                LogEntry::Interval(interval) => {
                    let coded = base64(interval.encoded_histogram());
                    let read: Histogram<u64> = Deserializer::new().deserialize(&mut coded.as_slice()).unwrap();
                    let tag = interval.tag().unwrap().as_str().to_owned();
                    Some((tag, interval.duration().as_secs_f64(), read.len()))
                }
                _ => None,
            })
            .collect();
        assert_eq!(
            intervals,
            [("tier-1.latency".to_owned(), 2.5, 2), ("tier-1.lag".to_owned(), 2.5, 2)]
        );
    }

    /// The alphabet of RFC 4648, which the log uses.
    fn base64(text: &str) -> Vec<u8> {
        let value = |byte: u8| match byte {
            b'A'..=b'Z' => u32::from(byte - b'A'),
            b'a'..=b'z' => u32::from(byte - b'a') + 26,
            b'0'..=b'9' => u32::from(byte - b'0') + 52,
            b'+' => 62,
            _ => 63,
        };
        let symbols: Vec<u8> = text.bytes().filter(|byte| *byte != b'=').collect();
        let mut bytes = Vec::new();
        for four in symbols.chunks(4) {
            let bits = four.iter().fold(0, |bits, byte| bits << 6 | value(*byte)) << (6 * (4 - four.len()));
            bytes.extend(bits.to_be_bytes()[1..].iter().take(four.len() * 6 / 8));
        }
        bytes
    }
}
