//! Random small networks for property tests.
//!
//! A network is decoded from random numbers, block by block: every block reads the wire that the last one made and joins
//! every branch that it opens, so that all nodes are needed. A block whose operators do not fit the wire is left out.
//! Smaller numbers mean simpler blocks, so that failures shrink towards a short chain of small convolutions.

mod constructs;
mod sketch;

use graph::{Channels, Graph, Keep, Linear, Op, Shape};
use proptest::{collection, prelude::*};

use sketch::{Numbers, Sketch};

/// Narrows the networks that [`graphs`] makes; the default is everything.
#[derive(Clone, Copy, Debug, Default)]
#[expect(clippy::struct_excessive_bools, reason = "each narrows or widens for itself")]
pub struct Options {
    /// Every convolution and depthwise convolution is followed by batch normalisation with scale and an activation that
    /// keeps zero, there is no other batch normalisation, and linear layers are the logits and gates only.
    pub prunable: bool,
    /// Only chains of dense convolution, batch normalisation with scale and one kind of activation, then a global average
    /// and logits.
    pub conv_bn_act_only: bool,
    /// Also what lies beyond plain networks: split, shuffle, selection, transposed convolution, resize, padding, shared
    /// kernels, joins along other axes, reshapes and the rest of [`Op`] but for volumes.
    pub constructs: bool,
    /// With `constructs`: volumes as well, which are analysed and priced but not trained.
    pub untrained: bool,
    /// Only smooth activations and no maxima, so that the loss has a derivative everywhere.
    pub smooth: bool,
}

/// A test of this many random cases that leaves no file behind when it fails.
pub fn cases(count: u32) -> ProptestConfig {
    ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(count) }
}

/// Random plain networks.
pub fn graph() -> impl Strategy<Value = Graph> {
    graphs(Options::default())
}

/// Random networks with every operator of [`Op`].
pub fn any_graph() -> impl Strategy<Value = Graph> {
    graphs(Options { constructs: true, untrained: true, ..Options::default() })
}

/// Random networks of 4 to about 20 nodes: one image of 5 to 12 rows and columns, most widths 1 to 6, and one
/// `1 x 1` output of 2 to 4 logits.
pub fn graphs(options: Options) -> impl Strategy<Value = Graph> {
    let numbers = |count| collection::vec(any::<u8>(), count);
    (numbers(7), collection::vec(numbers(48), 1..=4))
        .prop_map(move |(ends, blocks)| decode(options, &ends, &blocks))
}

/// A number of groups for every bundle of [`Channels::bundles`]: `least` up to twice as many as there are, and as many as
/// there are where the bundle is frozen.
pub fn bundle_sizes(graph: &Graph, least: usize) -> impl Strategy<Value = Vec<usize>> + use<> {
    let bundles = Channels::of(graph).bundles().into_iter();
    let sizes = bundles.map(|bundle| {
        let groups = bundle.groups.len();
        if bundle.frozen { groups..=groups } else { least..=2 * groups }
    });
    sizes.collect::<Vec<_>>()
}

/// A decision about the groups of a graph: some bundles stay whole, some die wholly, of some a random part stays. Not every
/// decision is possible ([`graph::ChannelMap::of`] may refuse it).
pub fn keeps(graph: &Graph) -> impl Strategy<Value = Keep> + use<> {
    let channels = Channels::of(graph);
    let bundles = channels.bundles();
    let fates = collection::vec((0..6_u8, any::<u64>()), bundles.len());
    fates.prop_map(move |fates| {
        let mut alive = vec![true; channels.len()];
        for (bundle, (fate, bits)) in bundles.iter().zip(fates) {
            for (position, group) in bundle.groups.iter().enumerate() {
                alive[group.index()] = match fate {
                    0..3 => true,
                    3..5 => bits >> (position % 64) & 1 == 1,
                    _ => false,
                };
            }
        }
        channels.keep_where(|group| alive[group.index()])
    })
}

/// No block is begun beyond this number of nodes.
const ENOUGH_NODES: usize = 8;

fn decode(options: Options, ends: &[u8], blocks: &[Vec<u8>]) -> Graph {
    let mut ends = Numbers::new(ends);
    let mut sketch = Sketch::new(options);
    let image = Shape::new(5 + ends.below(8), 5 + ends.below(8), 1 + ends.below(3));
    let depth = if options.untrained && ends.below(4) == 3 { 2 + ends.below(3) } else { 1 };
    let image = Shape { depth, ..image };
    let image = sketch.add(Op::Input(image), &[]).expect("an image is always right");
    let mut trunk = vec![image];
    for numbers in blocks {
        if sketch.len() < ENOUGH_NODES {
            let before = sketch.len();
            match sketch.block(&mut Numbers::new(numbers), &trunk) {
                Some(end) => trunk.push(end),
                None => sketch.forget_after(before),
            }
        }
    }
    let heads = [Op::GlobalAvgPool, Op::Flatten, Op::GlobalMaxPool];
    let choices = match options {
        Options { conv_bn_act_only: true, .. } => 1,
        Options { smooth: true, .. } => 2,
        Options { .. } => 3,
    };
    let logits = Linear { out: 2 + ends.below(3), bias: ends.flag() };
    let end = *trunk.last().expect("the image");
    let flat = sketch.add(heads[ends.below(choices)].clone(), &[end]);
    let logits = flat.and_then(|flat| sketch.add(Op::Linear(logits), &[flat]));
    let logits = logits.expect("logits fit every wire of this size");
    sketch.finish(&[logits]).expect("every block is joined to the trunk")
}
