//! Widths learned on a proxy, for the network that it stands for.

use graph::{ChannelMap, Channels, Graph, NodeId};

use crate::{SurgeryError, arms::alive_groups, embedding::difference};

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
    let refuse = |node: &str, problem| SurgeryError::Transfer { node: node.to_owned(), problem };
    if let Some((node, problem)) = difference(proxy, network, |_, _| true) {
        return Err(refuse(&node.name, problem));
    }
    let [of_proxy, channels] = [proxy, network].map(Channels::of);
    let (small, bundles) = (of_proxy.bundles(), channels.bundles());
    let wires = |bundle: &graph::Bundle| -> (bool, Vec<NodeId>) {
        (bundle.frozen, bundle.wires.iter().map(|(id, _)| *id).collect())
    };
    let mut sizes = Vec::with_capacity(bundles.len());
    for (position, bundle) in bundles.iter().enumerate() {
        let name = &network.node(bundle.wires[0].0).name;
        let place = wires(bundle);
        // Bundles on the same wires (with other numbers of channels per group) correspond in order.
        let earlier = bundles[..position].iter().filter(|other| wires(other) == place).count();
        let proxy = small.iter().filter(|other| wires(other) == place).nth(earlier);
        let proxy = proxy.ok_or_else(|| refuse(name, "holds channels that are tied otherwise"))?;
        let (kept, of) = (alive_groups(&of_proxy, proxy, learned), proxy.groups.len());
        let groups = bundle.groups.len();
        let nearest = (2 * groups * kept + of) / (2 * of);
        sizes.push(if bundle.frozen { groups } else { nearest.max(usize::from(kept > 0)) });
    }
    if small.len() != bundles.len() {
        let (id, _) = small[0].wires[0];
        return Err(refuse(&proxy.node(id).name, "holds channels that are tied otherwise"));
    }
    Ok(ChannelMap::of_bundles(network, &channels, &bundles, &sizes)?)
}
