//! Everything that a run needs to go on, as bytes (safetensors, readable from other languages).

use std::collections::BTreeMap;

use safetensors::tensor::{Dtype, SafeTensors, TensorView};
use tensor_ops::{Device, Span};

use crate::trainer::Position;
use crate::{EpochRecord, Penalty, TrainError, Trainer};

const POSITION: &str = "position";
const HISTORY: &str = "history";
const PENALTY: &str = "penalty";

/// Words of an epoch's record.
const RECORD: usize = 5;

impl<D: Device> Trainer<'_, D> {
    /// Parameters, optimizer state, running statistics, position, and what the penalty remembers. A trainer of the same
    /// network and recipe that loads them, with a penalty of the same settings, goes on bit by bit as this one would have.
    pub fn save(&self, penalty: &dyn Penalty) -> Vec<u8> {
        let stretches: Vec<(String, Vec<u8>)> = self
            .stretches()
            .into_iter()
            .map(|(name, span)| {
                let values = self.session.download(span);
                (name, values.iter().flat_map(|value| value.to_le_bytes()).collect())
            })
            .collect();
        let position = encode(self.position);
        let history: Vec<u8> =
            self.history.iter().flat_map(|record| encode_record(*record)).collect();
        let mut views = BTreeMap::new();
        for (name, bytes) in &stretches {
            let view = TensorView::new(Dtype::F32, vec![bytes.len() / 4], bytes);
            views.insert(name.as_str(), view.expect("four bytes a value"));
        }
        let view = TensorView::new(Dtype::U64, vec![position.len() / 8], &position);
        views.insert(POSITION, view.expect("eight bytes a value"));
        let view = TensorView::new(Dtype::U64, vec![self.history.len(), RECORD], &history);
        views.insert(HISTORY, view.expect("eight bytes a value"));
        let state = penalty.state();
        let view = TensorView::new(Dtype::U8, vec![state.len()], &state);
        views.insert(PENALTY, view.expect("one byte a value"));
        safetensors::serialize(views, None).expect("names are unique and sizes agree")
    }

    /// Goes on from what [`Trainer::save`] gave; trainer and penalty are unchanged if it is refused.
    pub fn load(&mut self, bytes: &[u8], penalty: &mut dyn Penalty) -> Result<(), TrainError> {
        let refuse = |reason: String| TrainError::Checkpoint(reason);
        let tensors = SafeTensors::deserialize(bytes).map_err(|error| refuse(error.to_string()))?;
        let find = |name: &str, dtype: Dtype, shape: &[usize]| {
            let tensor =
                tensors.tensor(name).map_err(|_| refuse(format!("`{name}` is missing")))?;
            if tensor.dtype() != dtype || tensor.shape() != shape {
                let found = tensor.shape();
                return Err(refuse(format!(
                    "`{name}` has shape {found:?}, expected {shape:?}: it is of another run"
                )));
            }
            Ok(tensor.data().to_vec())
        };
        let position = decode(&find(POSITION, Dtype::U64, &[5])?);
        let epochs = find(HISTORY, Dtype::U64, &[position.epoch as usize, RECORD])?;
        let history = epochs.chunks_exact(8 * RECORD).map(decode_record).collect();
        let mut values = Vec::new();
        for (name, span) in self.stretches() {
            let data = find(&name, Dtype::F32, &[span.len])?;
            let floats: Vec<f32> = data
                .chunks_exact(4)
                .map(|four| f32::from_le_bytes([four[0], four[1], four[2], four[3]]))
                .collect();
            values.push((span, floats));
        }
        let state =
            tensors.tensor(PENALTY).map_err(|_| refuse(format!("`{PENALTY}` is missing")))?;
        penalty.restore(state.data()).map_err(refuse)?;
        for (span, floats) in values {
            self.session.upload(span, &floats);
        }
        self.position = position;
        self.history = history;
        Ok(())
    }

    fn stretches(&self) -> Vec<(String, Span)> {
        let layout = &self.session.program.layout;
        let mut stretches = vec![
            ("parameters".to_owned(), layout.trained()),
            ("statistics".to_owned(), layout.statistics),
        ];
        for (kind, span) in layout.state.iter().enumerate() {
            stretches.push((format!("optimizer.{kind}"), *span));
        }
        stretches
    }
}

fn encode(position: Position) -> Vec<u8> {
    let Position { epoch, step, loss, correct, penalty } = position;
    bytes([u64::from(epoch), step as u64, loss.to_bits(), correct, penalty.to_bits()])
}

fn encode_record(record: EpochRecord) -> Vec<u8> {
    let EpochRecord { epoch, loss, accuracy, penalty, learning_rate } = record;
    bytes([
        u64::from(epoch),
        loss.to_bits(),
        accuracy.to_bits(),
        penalty.to_bits(),
        learning_rate.to_bits(),
    ])
}

fn decode_record(bytes: &[u8]) -> EpochRecord {
    let real = |index: usize| f64::from_bits(word(bytes, index));
    let epoch = word(bytes, 0) as u32;
    EpochRecord {
        epoch,
        loss: real(1),
        accuracy: real(2),
        penalty: real(3),
        learning_rate: real(4),
    }
}

fn bytes(words: [u64; 5]) -> Vec<u8> {
    words.iter().flat_map(|word| word.to_le_bytes()).collect()
}

fn decode(bytes: &[u8]) -> Position {
    Position {
        epoch: word(bytes, 0) as u32,
        step: word(bytes, 1) as usize,
        loss: f64::from_bits(word(bytes, 2)),
        correct: word(bytes, 3),
        penalty: f64::from_bits(word(bytes, 4)),
    }
}

fn word(bytes: &[u8], index: usize) -> u64 {
    let mut word = [0; 8];
    word.copy_from_slice(&bytes[8 * index..8 * (index + 1)]);
    u64::from_le_bytes(word)
}
