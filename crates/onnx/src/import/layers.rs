//! Layers with weights.

use std::rc::Rc;

use graph::{BatchNorm, Conv2d, Conv3d, Depthwise, Linear, LocalResponseNorm, NodeId, Op, Role};
use ndarray::{Array1, ArrayD, Axis, IxDyn};

use super::{
    Importer, Wired,
    attributes::Call,
    window::{Spatial, image_sizes},
};
use crate::{
    error::{Trouble, refuse},
    sketch::Own,
    tensor::Tensor,
    view::View,
};

impl Importer {
    pub(super) fn convolution(&mut self, call: &Call<'_>) -> Result<(), Trouble> {
        let kernel = self.constant(call, 1)?;
        let (wire, rank) = self.image_input(call, 0)?;
        let shape = self.sketch.shape(wire);
        let groups = call.size("group", 1)?;
        let [out, depth, sizes @ ..] = kernel.dims.as_slice() else {
            return refuse(
                format!("a kernel of dimensions {:?}", kernel.dims),
                "it needs at least two",
            );
        };
        let (out, depth) = (*out, *depth);
        expect_kernel(call, &kernel, rank)?;
        if groups == 0
            || depth.saturating_mul(groups) != shape.channels
            || !out.is_multiple_of(groups)
        {
            return refuse(
                format!(
                    "a kernel of dimensions {:?} in {groups} groups on an input of {shape}",
                    kernel.dims
                ),
                "the file is damaged: export it again",
            );
        }
        let bias = self.bias(call, 2, out)?;
        let image = image_sizes(shape, rank);
        let spatial = Spatial::of(call, sizes.to_vec(), &image)?;
        if rank == 5 {
            return self.volume(call, wire, &kernel, &spatial, groups, bias);
        }
        let (window, pad) = spatial.flat();
        let wire = match pad {
            Some(pad) => self.add(call, "pad", Op::Pad(pad), &[wire], Vec::new())?,
            None => wire,
        };
        let [height, width] = window.kernel;
        let weight = kernel.array()?;
        self.spend(weight.len())?;
        let weight = reshaped(weight, &[out, depth, height, width])?;
        let weight = permuted(weight, &[2, 3, 1, 0]);
        let (op, weight) = if depth == 1 && groups == shape.channels && groups > 1 {
            let multiplier = out / groups;
            let depthwise = Depthwise { multiplier, window, bias: bias.is_some() };
            (Op::Depthwise(depthwise), weight.index_axis_move(Axis(2), 0))
        } else {
            (Op::Conv2d(Conv2d { out, window, groups, bias: bias.is_some() }), weight)
        };
        self.layer(call, op, wire, weight, bias, rank)
    }

    fn volume(
        &mut self,
        call: &Call<'_>,
        wire: NodeId,
        kernel: &Tensor,
        spatial: &Spatial,
        groups: usize,
        bias: Option<Array1<f32>>,
    ) -> Result<(), Trouble> {
        let remedy =
            "3-d convolutions are dense, undilated, and padded `same` or `valid`: change the layer";
        if groups != 1 {
            return refuse(format!("a 3-d convolution in {groups} groups"), remedy);
        }
        if spatial.dilation.iter().any(|dilation| *dilation != 1) {
            return refuse(
                format!("a 3-d convolution with dilations {:?}", spatial.dilation),
                remedy,
            );
        }
        let shape = self.sketch.shape(wire);
        let Some(padding) = spatial.of_volume(&image_sizes(shape, 5)) else {
            let pads = (&spatial.before, &spatial.after);
            return refuse(
                format!("a 3-d convolution padded by {:?} before and {:?} after", pads.0, pads.1),
                remedy,
            );
        };
        let triple = |sizes: &[usize]| [sizes[0], sizes[1], sizes[2]];
        let op = Op::Conv3d(Conv3d {
            out: kernel.dims[0],
            kernel: triple(&spatial.kernel),
            stride: triple(&spatial.stride),
            padding,
            bias: bias.is_some(),
        });
        self.spend(kernel.data.len())?;
        let weight = permuted(kernel.array()?, &[2, 3, 4, 1, 0]);
        self.layer(call, op, wire, weight, bias, 5)
    }

    /// Adds a convolution, or a use of the kernel of an earlier one.
    pub(super) fn layer(
        &mut self,
        call: &Call<'_>,
        op: Op,
        wire: NodeId,
        weight: ArrayD<f32>,
        bias: Option<Array1<f32>>,
        rank: usize,
    ) -> Result<(), Trouble> {
        let layer = self.shared(call, "", op, wire, weight, bias)?;
        let view = View::channels_first(self.sketch.shape(layer), rank);
        self.define(call, layer, view)
    }

    pub(super) fn shared(
        &mut self,
        call: &Call<'_>,
        arrangement: &str,
        op: Op,
        wire: NodeId,
        weight: ArrayD<f32>,
        bias: Option<Array1<f32>>,
    ) -> Result<NodeId, Trouble> {
        let name = |position| call.input(position).unwrap_or_default().to_owned();
        let key = (name(1), name(2), format!("{op:?} {arrangement}"));
        let common = self.is_common(&key.0);
        if let Some(owner) = self.kernels.get(&key).filter(|_| common) {
            return self.sketch.share(call.name, *owner, &[wire]);
        }
        let mut weights: Own = vec![(Role::Weight, weight)];
        weights.extend(bias.map(|bias| (Role::Bias, bias.into_dyn())));
        let layer = self.add(call, "", op, &[wire], weights)?;
        if common {
            self.owners.insert(layer);
            self.kernels.insert(key, layer);
        }
        Ok(layer)
    }

    /// Whether a constant is read more than once, so that two layers may have it in common.
    pub(super) fn is_common(&self, name: &str) -> bool {
        self.uses.get(name).is_some_and(|count| *count > 1)
    }

    /// A bias of so many channels, if there is one.
    pub(super) fn bias(
        &mut self,
        call: &Call<'_>,
        position: usize,
        out: usize,
    ) -> Result<Option<Array1<f32>>, Trouble> {
        let Some(bias) = self.optional(call, position)? else { return Ok(None) };
        if bias.data.len() != out {
            let problem = format!("a bias of dimensions {:?} for {out} channels", bias.dims);
            return refuse(problem, "the file is damaged: export it again");
        }
        self.spend(out)?;
        Ok(Some(Array1::from(bias.floats().into_owned())))
    }

    pub(super) fn gemm(&mut self, call: &Call<'_>) -> Result<(), Trouble> {
        let value = self.wired(call, 0)?;
        let kernel = self.constant(call, 1)?;
        if call.int("transA", 0) != 0 || value.view.rank() != 2 {
            let problem =
                format!("its first input has {} dimensions or is transposed", value.view.rank());
            return refuse(problem, "put a Flatten before it");
        }
        let (alpha, beta) = (call.float("alpha", 1.0), call.float("beta", 1.0));
        let weight = matrix(&kernel, call.int("transB", 0) != 0)?;
        self.spend(weight.len())?;
        let out = weight.len_of(Axis(1));
        let bias = match self.optional(call, 2)? {
            Some(bias) if bias.data.len() == 1 && out > 1 => {
                let value = bias.scalar().unwrap_or_default();
                self.spend(out)?;
                Some(Array1::from_elem(out, value * beta))
            }
            Some(_) => self.bias(call, 2, out)?.map(|bias| bias * beta),
            None => None,
        };
        self.linear(call, value, weight * alpha, bias)
    }

    pub(super) fn matrix_product(&mut self, call: &Call<'_>) -> Result<(), Trouble> {
        let value = self.wired(call, 0)?;
        let kernel = self.constant(call, 1)?;
        let weight = matrix(&kernel, false)?;
        self.spend(weight.len())?;
        if value.view.rank() == 2 {
            return self.linear(call, value, weight, None);
        }
        // A linear layer at every position: a 1x1 convolution.
        let last = value.view.dims.len() - 1;
        let order: Vec<usize> = std::iter::once(last).chain(0..last).collect();
        let (wire, view) = self.realise_as(value, &order)?;
        let (input, out) = (weight.len_of(Axis(0)), weight.len_of(Axis(1)));
        if self.sketch.shape(wire).channels != input {
            return refuse(
                format!("a matrix of {input} rows on another width"),
                "the file is damaged: export it again",
            );
        }
        let weight = reshaped(weight, &[1, 1, input, out])?;
        let op =
            Op::Conv2d(Conv2d::new(out, graph::Window::square(1).padding(graph::Padding::Valid)));
        let layer = self.shared(call, "positions", op, wire, weight, None)?;
        let shape = self.sketch.shape(layer);
        self.define(call, layer, view.with_whole_channels(last, shape))
    }

    /// A fully connected layer; the weights are those of the value's own order.
    fn linear(
        &mut self,
        call: &Call<'_>,
        value: Wired,
        weight: ArrayD<f32>,
        bias: Option<Array1<f32>>,
    ) -> Result<(), Trouble> {
        let arrangement = format!("{:?} of {}", value.view, self.sketch.shape(value.wire));
        let (wire, order, _) = self.by_channels(value)?;
        let (input, out) = (weight.len_of(Axis(0)), weight.len_of(Axis(1)));
        let channels = self.sketch.shape(wire).channels;
        if channels != input {
            let problem = format!("a matrix of {input} rows on {channels} channels");
            return refuse(problem, "the file is damaged: export it again");
        }
        let weight = match order {
            Some(order) => {
                self.spend(weight.len())?;
                // Row `order[k]` of the new matrix is row `k` of the old one.
                weight.select(Axis(0), &inverse(&order))
            }
            None => weight,
        };
        let op = Op::Linear(Linear { out, bias: bias.is_some() });
        let layer = self.shared(call, &arrangement, op, wire, weight, bias)?;
        let view = View::channels_first(self.sketch.shape(layer), 2);
        self.define(call, layer, view)
    }

    pub(super) fn batch_norm(&mut self, call: &Call<'_>) -> Result<(), Trouble> {
        if call.int("training_mode", 0) != 0
            || call.int("spatial", 1) != 1
            || (1..3).any(|at| call.output(at).is_some())
        {
            return refuse(
                "batch norm in training",
                "export the network for inference (`model.eval()`)",
            );
        }
        let value = self.wired(call, 0)?;
        let (wire, order, view) = self.by_channels(value)?;
        let channels = self.sketch.shape(wire).channels;
        let mut weights: Own = Vec::new();
        let roles = [Role::Gamma, Role::Beta, Role::RunningMean, Role::RunningVariance];
        for (role, position) in roles.into_iter().zip(1..) {
            let tensor = self.constant(call, position)?;
            let values = self.per_channel(&tensor, channels, order.as_deref())?;
            weights.push((role, values.into_dyn()));
        }
        let epsilon = call.float("epsilon", 1e-5);
        let op = Op::BatchNorm(BatchNorm { scale: true, epsilon });
        let norm = self.add(call, "", op, &[wire], weights)?;
        self.define(call, norm, view)
    }

    /// One value per channel of the wire, given in the order of a value whose index `k` is channel `order[k]`.
    pub(super) fn per_channel(
        &mut self,
        tensor: &Rc<Tensor>,
        channels: usize,
        order: Option<&[usize]>,
    ) -> Result<Array1<f32>, Trouble> {
        let values = tensor.floats();
        if values.len() != channels {
            let problem =
                format!("a constant of dimensions {:?} for {channels} channels", tensor.dims);
            return refuse(problem, "the file is damaged: export it again");
        }
        self.spend(channels)?;
        let values = match order {
            Some(order) => inverse(order).iter().map(|at| values[*at]).collect(),
            None => values.into_owned(),
        };
        Ok(Array1::from(values))
    }

    pub(super) fn local_response_norm(&mut self, call: &Call<'_>) -> Result<(), Trouble> {
        let (wire, rank) = self.image_input(call, 0)?;
        let op = Op::LocalResponseNorm(LocalResponseNorm {
            size: call.size("size", 0)?,
            alpha: call.float("alpha", 1e-4),
            beta: call.float("beta", 0.75),
            bias: call.float("bias", 1.0),
        });
        let norm = self.add(call, "", op, &[wire], Vec::new())?;
        let view = View::channels_first(self.sketch.shape(norm), rank);
        self.define(call, norm, view)
    }
}

/// Refuses a kernel whose dimensions are not those of the input, or not those that the node states.
pub(super) fn expect_kernel(call: &Call<'_>, kernel: &Tensor, rank: usize) -> Result<(), Trouble> {
    let stated = call.sizes("kernel_shape")?;
    let sizes = kernel.dims.get(2..).unwrap_or_default();
    let empty = kernel.dims.contains(&0);
    if kernel.rank() != rank || rank < 3 || empty || stated.is_some_and(|stated| stated != sizes) {
        return refuse(
            format!("a kernel of dimensions {:?} on a value of {rank} dimensions", kernel.dims),
            "the file is damaged: export it again",
        );
    }
    Ok(())
}

/// A constant matrix `[in, out]`.
fn matrix(tensor: &Tensor, transposed: bool) -> Result<ArrayD<f32>, Trouble> {
    if tensor.rank() != 2 {
        let problem = format!("weights of dimensions {:?}, expected a matrix", tensor.dims);
        return refuse(problem, "only a product with one fixed matrix is a layer");
    }
    let array = tensor.array()?;
    Ok(if transposed { permuted(array, &[1, 0]) } else { array })
}

/// Dimension `k` of the result is dimension `axes[k]`, laid out anew.
pub(super) fn permuted(array: ArrayD<f32>, axes: &[usize]) -> ArrayD<f32> {
    array.permuted_axes(IxDyn(axes)).as_standard_layout().into_owned()
}

pub(super) fn reshaped(array: ArrayD<f32>, dims: &[usize]) -> Result<ArrayD<f32>, Trouble> {
    let reshaped = array.into_shape_with_order(IxDyn(dims));
    reshaped
        .map_err(|error| Trouble::new(error.to_string(), "the file is damaged: export it again"))
}

/// The inverse of a permutation.
pub(super) fn inverse(order: &[usize]) -> Vec<usize> {
    let mut inverse = vec![0; order.len()];
    for (at, place) in order.iter().enumerate() {
        inverse[*place] = at;
    }
    inverse
}
