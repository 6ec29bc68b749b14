//! Widths that are learned on a proxy, brought to the network that it stands for.

use std::borrow::Cow;

use anyhow::Context;
use cost_models::CostModel;
use graph::{ChannelMap, Graph};

use super::Run;
use crate::plan::{Pressure, Search, Target};

impl Run<'_> {
    /// The network that a search trains to learn widths of `start`: that, or the proxy.
    pub(crate) fn learner<'a>(&'a self, start: &'a Graph) -> &'a Graph {
        self.proxy.as_ref().unwrap_or(start)
    }

    /// A target on the network that a search trains.
    pub(crate) fn target_on(&self, target: usize, learner: &Graph) -> Cow<'_, Target> {
        let target = &self.plan.sweep.targets[target];
        match &self.proxy {
            Some(_) => Cow::Owned(target.in_proportion(learner)),
            None => Cow::Borrowed(target),
        }
    }

    /// What a decision on the network that was trained leaves of the one that the search began with.
    pub(crate) fn transferred(
        &self,
        search: Search,
        learned: ChannelMap,
        start: &Graph,
    ) -> anyhow::Result<ChannelMap> {
        let Some(proxy) = &self.proxy else { return Ok(learned) };
        let Pressure::Target(target) = search.pressure else {
            return Ok(surgery::transfer(proxy, &learned, start)?);
        };
        let target = &self.plan.sweep.targets[target];
        let budgets: Vec<(&dyn CostModel, f64)> = target
            .limits
            .iter()
            .map(|limit| (&limit.resource as &dyn CostModel, limit.cost))
            .collect();
        let penalty = self.penalty(search, start)?;
        let may_go = |group| penalty.prunable().contains(group);
        surgery::transfer_within(proxy, &learned, start, &budgets, may_go).with_context(|| {
            format!("the widths learned on the proxy cannot be brought to {target} of the seed")
        })
    }
}
