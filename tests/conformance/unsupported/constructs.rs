//! Which network shows what becomes of a construct.

mod layers;
mod wires;

use graph::{Gather, Op};

use crate::check::Check;
use layers::{
    connected_at_every_position, element_wise, grouped, multiplied_image, norm_of_a_volume,
    norm_without_scale, one_batch_norm, one_channel, one_dimensional, one_kernel_layout, recurrent,
    shared, twice,
};
use wires::{
    channels_first, concat_with_unregularized, detection_heads, every_second_position, flattened,
    gathered, padded, positions_and_channels, restacked, split, split_and_reorder, stacked,
};

type Outcome = Result<(), String>;

/// Checks one construct by its name in the file.
pub(super) fn verify(construct: &str, check: &mut Check) -> Outcome {
    match construct {
        "split of channels (even or uneven)" => split(check),
        "split followed by concat in another order" => split_and_reorder(check),
        "slice op on channels" => gathered(&Gather::range(1, 3), check),
        "strided slice, spatial or channel" => {
            gathered(&Gather { channels: vec![0, 2, 4] }, check)?;
            every_second_position(check)
        }
        "gather permuting channels" => {
            gathered(&Gather { channels: vec![3, 0, 5, 1, 4, 2] }, check)
        }
        "gather selecting fewer channels" => gathered(&Gather { channels: vec![4, 1] }, check),
        "reverse of the channel axis" => {
            gathered(&Gather { channels: (0..6).rev().collect() }, check)
        }
        "tile on channels" => {
            gathered(&Gather { channels: (0..12).map(|k| k % 6).collect() }, check)
        }
        "pad on channels" => padded(check),
        "unstack and stack on channels" => restacked(check),
        "stack on a new axis then reduce" => stacked(check),
        "depth_to_space, space_to_depth, transpose, reshape, channel shuffle by reshape+transpose" => {
            positions_and_channels(check)
        }
        "flatten then fully connected" => flattened(check),
        "fully connected on a rank 4 tensor" => connected_at_every_position(check),
        "1-D convolution" => one_dimensional(check),
        "batched matmul (attention)" => refused_operator("batch-matmul", check),
        "einsum" => refused_operator("einsum", check),
        "matmul with transpose_a or transpose_b" => one_kernel_layout(check),
        "recurrent cell (concat of state, split of gates)" => recurrent(check),
        "while loop" => refused_operator("while-loop", check),
        "cond" => refused_operator("cond", check),
        "argmax at the output" => refused_operator("arg-max", check),
        "mean or max over the channel axis (spatial attention)" => {
            refused_operator("channel-mean", check)?;
            refused_operator("channel-max", check)
        }
        "channels-first layout" => channels_first(check),
        "concat with a constant tensor on the channel axis"
        | "concat with a non-constant unregularized tensor" => concat_with_unregularized(check),
        "depth multiplier > 1 directly on a constant input" => multiplied_image(check),
        "integer arithmetic on the analysed path (e.g. a resize size computed from the dynamic shape)" =>
        {
            refused_operator("shape", check)?;
            refused_operator("cast", check)
        }
        "batch norm without scale (fused)" => norm_without_scale(check),
        "non-fused batch norm" | "keras batch normalization" => one_batch_norm(check),
        "grouped convolution" => grouped(check),
        "convolutions sharing a weight tensor" => shared(check),
        "detection heads of different sizes reshaped and concatenated" => detection_heads(check),
        "5-D fused batch norm" => norm_of_a_volume(check),
        "prelu, swish, hard swish, dropout, scalar and per-channel scaling, lrn, select, max_pool_with_argmax" => {
            element_wise(check)
        }
        "element-wise with a one-channel operand" => one_channel(check),
        "same tensor twice in concat or add" => twice(check),
        other => Err(format!("nobody has decided what to do with `{other}`")),
    }
}

/// Channels of a wire by name.
fn of(wire: &'static str, channels: impl IntoIterator<Item = usize>) -> Vec<(&'static str, usize)> {
    channels.into_iter().map(|channel| (wire, channel)).collect()
}

/// There is no such operator, and whoever asks for it is told which there are. What computes with two activations, over
/// channels, with integers or by control flow has no kernel with channels of its own: it is for whoever brings the network to
/// leave it out, to unroll it, or to say it in other operators.
fn refused_operator(name: &str, check: &mut Check) -> Outcome {
    match serde_json::from_value::<Op>(serde_json::json!(name)) {
        Ok(op) => Err(format!("`{name}` is read as {op:?}")),
        Err(error) => {
            let error = error.to_string();
            let reason = format!("unknown variant `{name}`, expected one of `input`, `conv2d`");
            check.that(error.starts_with(&reason), || format!("`{name}` is refused with {error}"));
            Ok(())
        }
    }
}
