//! Widths that a learned structure is compared with, at equal cost.
//!
//! Each function gives what is left of a graph at a cost of at most the one asked for, and nearer to it than one channel
//! group; no bundle of channels loses its last group. They are exact about cost by the given model, and know nothing of
//! training: whether weights are kept or drawn afresh is up to the caller.

use cost_models::{CostForm, CostModel};
use datasets::Streams;
use graph::{Bundle, ChannelMap, Channels, Graph};
use rand::RngExt;
use training::Network;

use crate::{
    SurgeryError,
    apportion::{Apportioned, Apportionment},
    norms,
};

/// A learned structure whose widths are dealt to other layers: the kept fractions of all bundles change places at random
/// (stream `arms/shuffled`), and one multiplier brings the whole to the cost.
///
/// `learned` is a decision on `graph`. No layer becomes wider than in `graph`. What fills the cost is as even a multiple of
/// the dealt fractions as whole channels allow.
pub fn shuffled(
    graph: &Graph,
    learned: &ChannelMap,
    model: &dyn CostModel,
    cost: f64,
    streams: Streams,
) -> Result<ChannelMap, SurgeryError> {
    let channels = Channels::of(graph);
    let bundles = channels.bundles();
    let free = bundles.iter().filter(|bundle| !bundle.frozen);
    let mut fractions: Vec<f64> = free
        .map(|bundle| alive_groups(&channels, bundle, learned) as f64 / bundle.groups.len() as f64)
        .collect();
    let mut random = streams.stream("arms/shuffled");
    for last in (1..fractions.len()).rev() {
        fractions.swap(last, random.random_range(0..=last));
    }
    in_proportion(graph, model, cost, fractions)
}

/// Random widths: every bundle keeps a fraction uniform in `(0, 1]` (stream `arms/random`), times the multiplier that
/// brings the whole to the cost; no layer becomes wider than in `graph`.
pub fn random_at_cost(
    graph: &Graph,
    model: &dyn CostModel,
    cost: f64,
    streams: Streams,
) -> Result<ChannelMap, SurgeryError> {
    let free = Channels::of(graph).bundles().iter().filter(|bundle| !bundle.frozen).count();
    let mut random = streams.stream("arms/random");
    let fractions = (0..free).map(|_| 1.0 - random.random_range(0.0..1.0)).collect();
    in_proportion(graph, model, cost, fractions)
}

/// Pruning by filter norms (Li et al. 2017, arXiv 1608.08710): all bundles keep the same fraction, each the groups whose
/// filters have the largest sum of absolute kernel values.
pub fn l1_norm(
    network: &Network,
    model: &dyn CostModel,
    cost: f64,
) -> Result<ChannelMap, SurgeryError> {
    let graph = &network.graph;
    let shares = Apportionment::with_targets(graph, 1, |_, bundle| {
        (bundle.groups.len() as f64, bundle.groups.len())
    })?;
    let reached = within(&shares, graph, model, cost)?;
    let norms = norms::of_filters(network, &shares.channels)?;
    let mut alive = vec![false; shares.channels.len()];
    for (bundle, size) in shares.bundles.iter().zip(reached.sizes) {
        for group in by_norm(bundle, &norms).into_iter().rev().take(size) {
            alive[group] = true;
        }
    }
    let keep = shares.channels.keep_where(|group| alive[group.index()]);
    Ok(ChannelMap::of(graph, &shares.channels, &keep)?)
}

/// Pruning by group norms as in Torch-Pruning (Fang et al. 2023, arXiv 2301.12900): of all groups of the network those die
/// first whose squared norm over everything that belongs to the group (kernels that make its channels, kernels that read
/// them, and scales) is the smallest, relative to the mean of its bundle.
pub fn group_norm(
    network: &Network,
    model: &dyn CostModel,
    cost: f64,
) -> Result<ChannelMap, SurgeryError> {
    let graph = &network.graph;
    let channels = Channels::of(graph);
    let bundles = channels.bundles();
    let norms = norms::of_groups(network, &channels)?;
    // Every group but the strongest of its bundle, with its bundle.
    let mut order: Vec<(f64, usize, usize)> = Vec::new();
    for (position, bundle) in bundles.iter().enumerate().filter(|(_, bundle)| !bundle.frozen) {
        let mut groups = by_norm(bundle, &norms);
        let sum: f64 = groups.iter().map(|group| norms[*group]).sum();
        let mean = sum / groups.len() as f64;
        groups.pop();
        let relative = |group: usize| if mean > 0.0 { norms[group] / mean } else { 0.0 };
        order.extend(groups.into_iter().map(|group| (relative(group), group, position)));
    }
    order.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));

    let form = CostForm::of(model, graph);
    let at = |dead: usize| {
        let mut sizes: Vec<usize> = bundles.iter().map(|bundle| bundle.groups.len()).collect();
        for (_, _, bundle) in &order[..dead] {
            sizes[*bundle] -= 1;
        }
        form.at(&graph.widths_of_bundles(&bundles, &sizes))
    };
    let lowest = at(order.len());
    if lowest > cost || lowest.is_nan() || cost.is_nan() {
        return Err(SurgeryError::Infeasible { budget: cost, lowest });
    }
    // The smallest number of dead groups within the cost, which falls with it.
    let (mut fewest, mut enough) = (0, order.len());
    while fewest < enough {
        let middle = usize::midpoint(fewest, enough);
        if at(middle) <= cost { enough = middle } else { fewest = middle + 1 }
    }
    let mut alive = vec![true; channels.len()];
    for (_, group, _) in &order[..enough] {
        alive[*group] = false;
    }
    let keep = channels.keep_where(|group| alive[group.index()]);
    Ok(ChannelMap::of(graph, &channels, &keep)?)
}

/// Groups of a bundle that a decision leaves.
pub(crate) fn alive_groups(channels: &Channels, bundle: &Bundle, map: &ChannelMap) -> usize {
    let on_wire = |(id, each): &(graph::NodeId, usize)| {
        let groups = channels.on(*id);
        let own = map
            .on(*id)
            .iter()
            .filter(|channel| bundle.groups.binary_search(&groups[**channel]).is_ok());
        own.count() / each
    };
    bundle.wires.iter().map(on_wire).max().unwrap_or_default()
}

/// The groups of a bundle by index, those of the smallest norm first; of equals the later one.
fn by_norm(bundle: &Bundle, norms: &[f64]) -> Vec<usize> {
    let mut groups: Vec<usize> = bundle.groups.iter().map(|group| group.index()).collect();
    groups.sort_by(|a, b| norms[*a].total_cmp(&norms[*b]).then(b.cmp(a)));
    groups
}

/// Bundles that are not frozen keep these fractions, in order, times one multiplier; the first groups of each.
fn in_proportion(
    graph: &Graph,
    model: &dyn CostModel,
    cost: f64,
    fractions: Vec<f64>,
) -> Result<ChannelMap, SurgeryError> {
    let mut fractions = fractions.into_iter();
    let shares = Apportionment::with_targets(graph, 1, |_, bundle| {
        let groups = bundle.groups.len();
        // What is gone in a fraction still takes part, with less than anything that is left.
        let target = (fractions.next().unwrap_or(1.0) * groups as f64).max(0.5);
        (target, groups)
    })?;
    let reached = within(&shares, graph, model, cost)?;
    Ok(ChannelMap::of_bundles(graph, &shares.channels, &shares.bundles, &reached.sizes)?)
}

fn within(
    shares: &Apportionment<'_>,
    graph: &Graph,
    model: &dyn CostModel,
    cost: f64,
) -> Result<Apportioned, SurgeryError> {
    let form = CostForm::of(model, graph);
    let at = |sizes: &[usize]| form.at(&shares.widths(sizes));
    shares
        .largest(|sizes| at(sizes) <= cost)
        .map_err(|narrowest| SurgeryError::Infeasible { budget: cost, lowest: at(&narrowest) })
}
