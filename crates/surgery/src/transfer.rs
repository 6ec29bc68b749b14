//! Widths learned on a proxy, for the network that it stands for.

use cost_models::{CostForm, CostModel};
use graph::{Bundle, ChannelMap, Channels, Graph, GroupId, NodeId};

use crate::{
    SurgeryError,
    apportion::{Apportionment, Share},
    arms::alive_groups,
    embedding::difference,
};

/// What `learned`, a decision on `proxy`, leaves of `network`: every bundle keeps the same fraction of its groups, rounded to
/// the nearest number, at least one where the proxy keeps any; the first ones of each.
///
/// `proxy` has the nodes of `network` with other widths and perhaps images of another size. Errors with
/// [`SurgeryError::Transfer`] if it has others, or if its channels are tied in another way.
pub fn transfer(
    proxy: &Graph,
    learned: &ChannelMap,
    network: &Graph,
) -> Result<ChannelMap, SurgeryError> {
    let channels = Channels::of(network);
    let bundles = channels.bundles();
    let kept = kept(proxy, learned, network, &bundles)?;
    let sizes: Vec<usize> =
        kept.iter().zip(&bundles).map(|(kept, bundle)| kept.nearest(bundle)).collect();
    Ok(ChannelMap::of_bundles(network, &channels, &bundles, &sizes)?)
}

/// [`transfer`] within budgets: the fractions are multiplied with the largest number at which all are met, so that another
/// group somewhere would exceed one of them, unless there is none left to add.
///
/// Bundles that the proxy loses stay away, no other loses its last group, and none gets wider than in `network`. Bundles
/// without a group for which `may_go` holds keep what [`transfer`] gives them.
///
/// Errors as [`transfer`], and if there is no budget ([`SurgeryError::NoBudget`]) or one cannot be met
/// ([`SurgeryError::Infeasible`]).
pub fn transfer_within(
    proxy: &Graph,
    learned: &ChannelMap,
    network: &Graph,
    budgets: &[(&dyn CostModel, f64)],
    may_go: impl Fn(GroupId) -> bool,
) -> Result<ChannelMap, SurgeryError> {
    if budgets.is_empty() {
        return Err(SurgeryError::NoBudget);
    }
    let forms: Vec<(CostForm, f64)> =
        budgets.iter().map(|(model, budget)| (CostForm::of(model, network), *budget)).collect();
    let kept = kept(proxy, learned, network, &Channels::of(network).bundles())?;
    let shares = Apportionment::with_shares(network, 1, |position, bundle| {
        let (kept, groups) = (kept[position], bundle.groups.len());
        if kept.groups == 0 || !bundle.groups.iter().any(|group| may_go(*group)) {
            Share::Fixed(kept.nearest(bundle))
        } else {
            let target = groups as f64 * kept.groups as f64 / kept.of as f64;
            Share::Of { target, most: groups }
        }
    })?;
    let map_of =
        |sizes: &[usize]| ChannelMap::of_bundles(network, &shares.channels, &shares.bundles, sizes);
    let costs = |sizes: &[usize]| -> Result<Vec<(f64, f64)>, SurgeryError> {
        // What lies beyond lost branches is gone, too.
        let widths = map_of(sizes)?.widths();
        Ok(forms.iter().map(|(form, budget)| (form.at(&widths), *budget)).collect())
    };
    let fits = |sizes: &[usize]| {
        costs(sizes).is_ok_and(|costs| costs.iter().all(|(cost, budget)| cost <= budget))
    };
    match shares.largest(fits) {
        Ok(reached) => Ok(map_of(&reached.sizes)?),
        Err(narrowest) => {
            let costs = costs(&narrowest)?;
            let (lowest, budget) = costs
                .into_iter()
                .find(|(cost, budget)| cost > budget || cost.is_nan() || budget.is_nan())
                .ok_or(SurgeryError::NoBudget)?;
            Err(SurgeryError::Infeasible { budget, lowest })
        }
    }
}

/// How many of its groups a bundle of the proxy keeps.
#[derive(Clone, Copy, Debug)]
struct Kept {
    groups: usize,
    of: usize,
}

impl Kept {
    /// The nearest number of groups of a bundle of the whole network, at least one if the proxy keeps any.
    fn nearest(self, bundle: &Bundle) -> usize {
        let (Self { groups: kept, of }, groups) = (self, bundle.groups.len());
        let nearest = (2 * groups * kept + of) / (2 * of);
        if bundle.frozen { groups } else { nearest.max(usize::from(kept > 0)) }
    }
}

/// What the proxy keeps, for every bundle of the network that it stands for.
fn kept(
    proxy: &Graph,
    learned: &ChannelMap,
    network: &Graph,
    bundles: &[Bundle],
) -> Result<Vec<Kept>, SurgeryError> {
    let refuse = |node: &str, problem| SurgeryError::Transfer { node: node.to_owned(), problem };
    if let Some((node, problem)) = difference(proxy, network, |_, _| true) {
        return Err(refuse(&node.name, problem));
    }
    let of_proxy = Channels::of(proxy);
    let small = of_proxy.bundles();
    let wires = |bundle: &Bundle| -> (bool, Vec<NodeId>) {
        (bundle.frozen, bundle.wires.iter().map(|(id, _)| *id).collect())
    };
    let mut kept = Vec::with_capacity(bundles.len());
    for (position, bundle) in bundles.iter().enumerate() {
        let name = &network.node(bundle.wires[0].0).name;
        let place = wires(bundle);
        // Bundles on the same wires (with other numbers of channels per group) correspond in order.
        let earlier = bundles[..position].iter().filter(|other| wires(other) == place).count();
        let proxy = small.iter().filter(|other| wires(other) == place).nth(earlier);
        let proxy = proxy.ok_or_else(|| refuse(name, "holds channels that are tied otherwise"))?;
        let groups = alive_groups(&of_proxy, proxy, learned);
        kept.push(Kept { groups, of: proxy.groups.len() });
    }
    if small.len() != bundles.len() {
        let (id, _) = small[0].wires[0];
        return Err(refuse(&proxy.node(id).name, "holds channels that are tied otherwise"));
    }
    Ok(kept)
}
