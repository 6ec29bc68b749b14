//! Checking a structure against a network, and rebuilding what it describes.

use std::collections::BTreeMap;

use cost_models::Summary;
use graph::{ChannelMap, Channels, Graph, Keep, NodeId};

use crate::{Costs, Layer, Structure, StructureError, structure_hash};

impl Structure {
    /// Reads a structure file. What it says is checked by [`Structure::rebuild`], for which the network is needed.
    pub fn from_json(text: &str) -> Result<Self, StructureError> {
        let structure: Self =
            serde_json::from_str(text).map_err(|error| StructureError::Json(error.to_string()))?;
        structure.is_readable()?;
        Ok(structure)
    }

    fn is_readable(&self) -> Result<(), StructureError> {
        let (found, expected) = (self.schema, Self::SCHEMA);
        if found == expected { Ok(()) } else { Err(StructureError::Schema { found, expected }) }
    }

    /// The channels that a structure leaves of the seed that it was made of, also after it was edited by hand.
    ///
    /// Every layer must be there with its width, channels in range and in order, and all groups whole: a group is kept by
    /// all layers that are tied by it or by none, but for layers that keep nothing because their input is gone. Hash, costs
    /// and strength are not read (see [`Structure::updated`]). Errors name the layer.
    pub fn rebuild(&self, seed: &Graph) -> Result<ChannelMap, StructureError> {
        self.is_readable()?;
        let channels = Channels::of(seed);
        self.layers_are_those_of(seed)?;
        let keep = self.whole_groups(seed, &channels)?;
        let map = ChannelMap::of(seed, &channels, &keep)?;
        for (id, name, layer) in self.producers(seed) {
            let (kept, remain) = (layer.kept.len(), map.on(id).len());
            let layer = name.to_owned();
            if remain > kept {
                return Err(StructureError::Stays { layer, remain });
            }
            if remain < kept {
                return Err(StructureError::Unreachable { layer, kept, remain });
            }
        }
        Ok(map)
    }

    /// The structure with everything that follows from the channels it keeps: widths, hash and costs after. For structures
    /// whose `kept` were edited.
    pub fn updated(mut self, seed: &Graph) -> Result<Self, StructureError> {
        for layer in self.layers.values_mut() {
            layer.after = layer.kept.len();
        }
        let after = seed.with_channels(&self.rebuild(seed)?)?;
        self.hash = structure_hash(&after);
        self.costs = Costs { before: Summary::of(seed), after: Summary::of(&after) };
        Ok(self)
    }

    /// The layers that are in the structure and in the graph, in node order.
    fn producers<'a>(
        &'a self,
        graph: &'a Graph,
    ) -> impl Iterator<Item = (NodeId, &'a str, &'a Layer)> {
        let producers = graph.nodes().filter(|(_, node)| node.op.is_producer());
        producers
            .filter_map(|(id, node)| Some((id, node.name.as_str(), self.layers.get(&node.name)?)))
    }

    fn layers_are_those_of(&self, seed: &Graph) -> Result<(), StructureError> {
        let producers = seed.nodes().filter(|(_, node)| node.op.is_producer());
        let widths: BTreeMap<&str, usize> =
            producers.map(|(_, node)| (node.name.as_str(), node.shape.channels)).collect();
        if let Some(missing) = widths.keys().find(|name| !self.layers.contains_key(**name)) {
            return Err(StructureError::MissingLayer((*missing).to_owned()));
        }
        for (name, layer) in &self.layers {
            let owned = || name.clone();
            let Some(width) = widths.get(name.as_str()).copied() else {
                let nearest = nearest(name, widths.keys().copied());
                return Err(StructureError::UnknownLayer { name: owned(), nearest });
            };
            let Layer { before, after, kept, groups } = layer;
            if *before != width {
                return Err(StructureError::Before {
                    layer: owned(),
                    found: *before,
                    expected: width,
                });
            }
            let mut least = 0;
            for channel in kept.iter().copied() {
                if !(least..width).contains(&channel) {
                    return Err(StructureError::Kept { layer: owned(), channel, width });
                }
                least = channel + 1;
            }
            if *after != kept.len() {
                let (after, kept) = (*after, kept.len());
                return Err(StructureError::After { layer: owned(), after, kept });
            }
            if groups.len() != width {
                return Err(StructureError::Groups(owned()));
            }
        }
        Ok(())
    }

    /// The decision that the layers agree on.
    fn whole_groups(&self, seed: &Graph, channels: &Channels) -> Result<Keep, StructureError> {
        // Groups of the file may tie more than the network does (layers that were tied on request), never less.
        let mut of_file: Vec<Option<usize>> = vec![None; channels.len()];
        let mut keepers: BTreeMap<usize, (&str, usize)> = BTreeMap::new();
        let mut droppers: BTreeMap<usize, (&str, usize)> = BTreeMap::new();
        for (id, name, layer) in self.producers(seed) {
            for (channel, group) in channels.on(id).iter().enumerate() {
                let written = layer.groups[channel];
                if *of_file[group.index()].get_or_insert(written) != written {
                    return Err(StructureError::Groups(name.to_owned()));
                }
                let kept = layer.kept.binary_search(&channel).is_ok();
                if kept {
                    keepers.entry(written).or_insert((name, channel));
                } else if !layer.kept.is_empty() {
                    if channels.is_frozen(*group) {
                        return Err(StructureError::Frozen { layer: name.to_owned(), channel });
                    }
                    droppers.entry(written).or_insert((name, channel));
                }
            }
        }
        for (group, (drops, dropped)) in &droppers {
            if let Some((keeps, kept)) = keepers.get(group) {
                return Err(StructureError::Tied {
                    keeps: (*keeps).to_owned(),
                    kept: *kept,
                    drops: (*drops).to_owned(),
                    dropped: *dropped,
                });
            }
        }
        Ok(channels.keep_where(|group| {
            of_file[group.index()].is_none_or(|written| keepers.contains_key(&written))
        }))
    }
}

/// The name that has the longest beginning in common; the first of equals.
fn nearest<'a>(name: &str, names: impl Iterator<Item = &'a str>) -> String {
    let common = |other: &str| name.bytes().zip(other.bytes()).take_while(|(a, b)| a == b).count();
    let mut best = ("", 0);
    for other in names {
        let length = common(other);
        if best.0.is_empty() || length > best.1 {
            best = (other, length);
        }
    }
    best.0.to_owned()
}
