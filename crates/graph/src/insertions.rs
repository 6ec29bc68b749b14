//! A graph with further nodes between those that are there.

use std::collections::{BTreeMap, BTreeSet};

use crate::{Builder, Graph, GraphError, NodeId, Op};

/// A node of one input that is to be put behind another node.
#[derive(Clone, Debug, PartialEq)]
pub struct Insertion {
    /// Its name. If there is a node of that name, it gets as many `_` at its end as it needs to be new.
    pub name: String,
    /// Its operator.
    pub op: Op,
}

impl Graph {
    /// The graph with a further node behind each of some nodes: what read such a node reads the new one, and so do the outputs.
    /// All nodes keep their names and their order.
    ///
    /// Errors if an operator does not take the shape that is there, or gives one that its readers do not take.
    pub fn with_insertions(
        &self,
        insertions: &BTreeMap<NodeId, Insertion>,
    ) -> Result<Self, GraphError> {
        let mut names: BTreeSet<String> = self.nodes().map(|(_, node)| node.name.clone()).collect();
        let mut build = Builder::new();
        // The copy of every node, and what its readers read.
        let (mut copies, mut wires): (Vec<NodeId>, Vec<NodeId>) = (Vec::new(), Vec::new());
        for (id, node) in self.nodes() {
            let inputs: Vec<NodeId> =
                node.inputs.iter().map(|input| wires[input.index()]).collect();
            let copy = match node.shares {
                Some(owner) => build.share(&node.name, copies[owner.index()], &inputs)?,
                None => build.add(&node.name, node.op.clone(), &inputs)?,
            };
            copies.push(copy);
            wires.push(match insertions.get(&id) {
                None => copy,
                Some(Insertion { name, op }) => {
                    let mut name = name.clone();
                    while !names.insert(name.clone()) {
                        name.push('_');
                    }
                    build.add(&name, op.clone(), &[copy])?
                }
            });
        }
        let outputs: Vec<NodeId> = self.outputs().iter().map(|id| wires[id.index()]).collect();
        build.finish(&outputs)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Activation, Conv2d, Shape};

    /// An image, a layer, a node that has the name of the layer's gate, and a layer with the kernel of the first.
    fn shared() -> (Graph, NodeId) {
        let mut build = Builder::new();
        let image = build.add("image", Op::Input(Shape::new(4, 4, 3)), &[]).unwrap();
        let conv = build.add("conv", Op::Conv2d(Conv2d::square(3, 3)), &[image]).unwrap();
        let relu = build.add("conv/gate", Op::Activation(Activation::Relu), &[conv]).unwrap();
        let again = build.share("again", conv, &[relu]).unwrap();
        (build.finish(&[again]).unwrap(), conv)
    }

    #[test]
    fn readers_and_outputs_read_the_new_node_and_its_name_is_new() {
        let (graph, conv) = shared();
        let gate = || Insertion { name: "conv/gate".to_owned(), op: Op::Gate };
        let inserted = graph
            .with_insertions(&BTreeMap::from([(conv, gate()), (graph.outputs()[0], gate())]))
            .unwrap();
        let named = |name: &str| inserted.find(name).unwrap();
        let input = |name: &str| inserted.node(named(name)).inputs[0];
        assert_eq!(inserted.len(), graph.len() + 2);
        assert_eq!(input("conv/gate_"), named("conv"));
        assert_eq!(input("conv/gate"), named("conv/gate_"));
        assert_eq!(inserted.owner(named("again")), named("conv"));
        assert_eq!(input("conv/gate__"), named("again"));
        assert_eq!(inserted.outputs(), [named("conv/gate__")]);
    }

    #[test]
    fn nothing_to_insert_leaves_the_graph_as_it_is() {
        let (graph, _) = shared();
        assert_eq!(graph.with_insertions(&BTreeMap::new()).unwrap(), graph);
    }

    #[test]
    fn an_operator_that_does_not_fit_is_refused() {
        let (graph, conv) = shared();
        let add = Insertion { name: "add".to_owned(), op: Op::Add };
        assert!(graph.with_insertions(&BTreeMap::from([(conv, add)])).is_err());
    }
}
