//! Event files that `TensorBoard` opens.
//!
//! A file is a row of records (`TFRecord`): length, masked CRC-32C of the length, data, masked CRC-32C of the data, all little
//! endian. The data of the first is the version `brain.Event:2`, that of the others a protocol buffer `Event` with a step and
//! values (`tensorflow/core/util/event.proto`, `tensorflow/core/framework/summary.proto`).

/// What there is to show of one step.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Event {
    /// Where the step is on the horizontal axis.
    pub step: u64,
    /// Numbers by the name of their chart; a `/` makes a section.
    pub scalars: Vec<(String, f64)>,
    /// Distributions by the name of their chart.
    pub histograms: Vec<(String, Histogram)>,
}

/// How often values fall between edges.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Histogram {
    /// The least and the greatest value.
    pub range: [f64; 2],
    /// Sum of the values.
    pub sum: f64,
    /// Sum of their squares.
    pub sum_of_squares: f64,
    /// The upper end of every bucket, rising, with the number of values in it.
    pub buckets: Vec<(f64, u64)>,
}

/// The file of some events. Their time is their step, so that equal runs give equal bytes.
pub fn event_file(events: &[Event]) -> Vec<u8> {
    let mut file = Vec::new();
    record(&mut file, &message(|event| text(event, 3, "brain.Event:2")));
    for event in events {
        record(&mut file, &encoded(event));
    }
    file
}

/// `Event`.
fn encoded(event: &Event) -> Vec<u8> {
    let Event { step, scalars, histograms } = event;
    let summary = message(|summary| {
        for (name, value) in scalars {
            let value = message(|field| {
                text(field, 1, name);
                key(field, 2, FOUR_BYTES);
                field.extend((*value as f32).to_le_bytes());
            });
            nested(summary, 1, &value);
        }
        for (name, histogram) in histograms {
            let value = message(|field| {
                text(field, 1, name);
                nested(field, 5, &distribution(histogram));
            });
            nested(summary, 1, &value);
        }
    });
    message(|event| {
        double(event, 1, *step as f64);
        key(event, 2, VARINT);
        varint(event, *step);
        nested(event, 5, &summary);
    })
}

/// `HistogramProto`.
fn distribution(histogram: &Histogram) -> Vec<u8> {
    let Histogram { range: [least, greatest], sum, sum_of_squares, buckets } = histogram;
    let count: u64 = buckets.iter().map(|(_, count)| count).sum();
    let doubles = |value: fn(&(f64, u64)) -> f64| -> Vec<u8> {
        buckets.iter().flat_map(|bucket| value(bucket).to_le_bytes()).collect()
    };
    message(|field| {
        double(field, 1, *least);
        double(field, 2, *greatest);
        double(field, 3, count as f64);
        double(field, 4, *sum);
        double(field, 5, *sum_of_squares);
        nested(field, 6, &doubles(|(edge, _)| *edge));
        nested(field, 7, &doubles(|(_, count)| *count as f64));
    })
}

const VARINT: u64 = 0;
const EIGHT_BYTES: u64 = 1;
const BYTES: u64 = 2;
const FOUR_BYTES: u64 = 5;

fn message(write: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
    let mut bytes = Vec::new();
    write(&mut bytes);
    bytes
}

fn varint(bytes: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        bytes.push((value & 0x7f) as u8 | 0x80);
        value >>= 7;
    }
    bytes.push(value as u8);
}

fn key(bytes: &mut Vec<u8>, field: u64, kind: u64) {
    varint(bytes, (field << 3) | kind);
}

fn double(bytes: &mut Vec<u8>, field: u64, value: f64) {
    key(bytes, field, EIGHT_BYTES);
    bytes.extend(value.to_le_bytes());
}

fn nested(bytes: &mut Vec<u8>, field: u64, content: &[u8]) {
    key(bytes, field, BYTES);
    varint(bytes, content.len() as u64);
    bytes.extend(content);
}

fn text(bytes: &mut Vec<u8>, field: u64, content: &str) {
    nested(bytes, field, content.as_bytes());
}

fn record(file: &mut Vec<u8>, data: &[u8]) {
    let length = (data.len() as u64).to_le_bytes();
    file.extend(length);
    file.extend(masked_crc(&length).to_le_bytes());
    file.extend(data);
    file.extend(masked_crc(data).to_le_bytes());
}

fn masked_crc(bytes: &[u8]) -> u32 {
    crc32c(bytes).rotate_right(15).wrapping_add(0xa282_ead8)
}

/// CRC-32C (Castagnoli), reflected.
fn crc32c(bytes: &[u8]) -> u32 {
    let mut crc = u32::MAX;
    for byte in bytes {
        crc ^= u32::from(*byte);
        for _ in 0..8 {
            crc = if crc & 1 == 1 { (crc >> 1) ^ 0x82f6_3b78 } else { crc >> 1 };
        }
    }
    !crc
}

#[cfg(test)]
mod tests {
    use super::*;

    // RFC 3720, appendix B.4.
    #[test]
    fn checksums_are_those_of_the_standard() {
        assert_eq!(crc32c(b"123456789"), 0xe306_9283);
        assert_eq!(crc32c(&[0; 32]), 0x8a91_36aa);
        assert_eq!(crc32c(&[0xff; 32]), 0x62a8_ab43);
    }

    #[test]
    fn a_file_is_records_whose_lengths_and_checksums_agree() {
        let scalars = vec![("loss".to_owned(), 0.5)];
        let histogram = Histogram {
            range: [0.0, 1.5],
            sum: 2.0,
            sum_of_squares: 2.5,
            buckets: vec![(0.1, 1), (1.0, 0), (2.0, 2)],
        };
        let histograms = vec![("strength".to_owned(), histogram)];
        let file = event_file(&[Event { step: 300, scalars, histograms }]);
        let mut rest = &file[..];
        let mut records = Vec::new();
        while !rest.is_empty() {
            let length = u64::from_le_bytes(rest[..8].try_into().unwrap()) as usize;
            assert_eq!(rest[8..12], masked_crc(&rest[..8]).to_le_bytes());
            let data = &rest[12..12 + length];
            assert_eq!(rest[12 + length..16 + length], masked_crc(data).to_le_bytes());
            records.push(data);
            rest = &rest[16 + length..];
        }
        assert_eq!(records.len(), 2);
        assert_eq!(records[0], b"\x1a\x0dbrain.Event:2");
        // Time 300.0, step 300 in two groups of seven bits, then the summary.
        assert_eq!(records[1][..9], [&[9][..], &300.0_f64.to_le_bytes()].concat());
        assert_eq!(records[1][9..13], [16, 0xac, 0x02, 42]);
    }
}
