//! Whether one tensor can be spread or mapped to another.

use super::shapes::filled;
use crate::{Broadcast, Taps, Tensor};

pub(super) fn spread(first: Tensor, second: Tensor, broadcast: Broadcast) -> Result<(), String> {
    filled("first", first)?;
    filled("second", second)?;
    let (rows, channels) = match broadcast {
        Broadcast::None => (Some(second.rows), second.channels),
        Broadcast::Positions { area } => (second.rows.checked_mul(area), second.channels),
        Broadcast::Channels if second.channels == 1 => (Some(second.rows), first.channels),
        Broadcast::Channels => {
            return Err(format!("`second` has {} channels instead of 1", second.channels));
        }
    };
    if (Some(first.rows), first.channels) == (rows, channels) {
        return Ok(());
    }
    Err(format!(
        "`first` is {} x {}, but `second` is {} x {}, spread as {broadcast:?}",
        first.rows, first.channels, second.rows, second.channels
    ))
}

/// Rows of every image in turn are mapped to rows of an image of the output.
pub(super) fn positions(taps: &Taps, input: Tensor, output: Tensor) -> Result<(), String> {
    filled("input", input)?;
    filled("output", output)?;
    let (sources, targets) = (taps.sources(), taps.targets());
    if sources == 0 || targets == 0 {
        return Err(format!("`taps` map {sources} positions to {targets}"));
    }
    let images = output.rows / targets;
    if images * targets != output.rows || images.checked_mul(sources) != Some(input.rows) {
        return Err(format!(
            "`taps` map {sources} positions to {targets}, but `input` has {} rows and `output` {}",
            input.rows, output.rows
        ));
    }
    if input.channels != output.channels {
        return Err(format!(
            "`output` has {} channels instead of {}",
            output.channels, input.channels
        ));
    }
    Ok(())
}

/// Channels of every row are mapped to channels of the same row of the output.
pub(super) fn channels(taps: &Taps, input: Tensor, output: Tensor) -> Result<(), String> {
    filled("input", input)?;
    filled("output", output)?;
    if (taps.sources(), taps.targets()) != (input.channels, output.channels) {
        return Err(format!(
            "`taps` map {} channels to {}, but `input` has {} and `output` {}",
            taps.sources(),
            taps.targets(),
            input.channels,
            output.channels
        ));
    }
    if input.rows != output.rows {
        return Err(format!("`output` has {} rows instead of {}", output.rows, input.rows));
    }
    Ok(())
}

/// Values of every image in turn are mapped to values of an image of the output.
pub(super) fn values(taps: &Taps, input: Tensor, output: Tensor) -> Result<(), String> {
    filled("input", input)?;
    filled("output", output)?;
    let (sources, targets) = (taps.sources(), taps.targets());
    let rows = [(sources, input), (targets, output)].map(|(values, tensor)| {
        let rows = values / tensor.channels;
        (rows * tensor.channels == values && rows > 0).then_some(rows)
    });
    let [Some(input_rows), Some(output_rows)] = rows else {
        return Err(format!(
            "`taps` map {sources} values to {targets}, but `input` has {} channels and `output` {}",
            input.channels, output.channels
        ));
    };
    let images = output.rows / output_rows;
    if images * output_rows == output.rows && images.checked_mul(input_rows) == Some(input.rows) {
        return Ok(());
    }
    Err(format!(
        "`taps` map {sources} values to {targets}, but `input` is {} x {} and `output` {} x {}",
        input.rows, input.channels, output.rows, output.channels
    ))
}
