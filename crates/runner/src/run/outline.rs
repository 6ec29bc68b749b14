//! A variant as far as its plan tells, before anything of it is done.

use graph::Graph;

use super::networks::{Networks, Structures};
use super::uniform::{self, Uniform};
use crate::plan::{Plan, Scope, Study, Variant, scope};

/// What follows from the plan of a variant.
#[derive(Debug)]
pub(crate) struct Outline<'a> {
    pub(crate) plan: &'a Plan,
    /// What distinguishes the variant, in words; empty if there is no other.
    pub(crate) label: &'a str,
    /// What it shares with others.
    pub(crate) scope: Scope,
    pub(crate) seed: Graph,
    /// The seed at every width multiplier.
    pub(crate) uniform: Vec<Uniform>,
}

impl<'a> Outline<'a> {
    /// Every variant of a study.
    pub(crate) fn all(study: &'a Study) -> Vec<Self> {
        let variants = study.variants().iter().zip(scope::of(study));
        let outline = |(variant, scope): (&'a Variant, Scope)| {
            let plan = &variant.plan;
            let seed = plan.seed_graph();
            let uniform = uniform::all(plan, &seed);
            Self { plan, label: &variant.label, scope, seed, uniform }
        };
        variants.map(outline).collect()
    }

    /// The networks that follow from some structures.
    pub(crate) fn networks<'b>(&'b self, structures: &'b dyn Structures) -> Networks<'b> {
        Networks { outline: self, structures }
    }
}
