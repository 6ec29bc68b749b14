//! Uniform width multipliers, and the largest one within a budget.

use cost_models::{CostForm, CostModel};
use graph::{Bundle, ChannelMap, Channels, Graph, MAX_WIDTH};

use crate::{SurgeryError, apportion::Apportionment};

/// A network widened (or narrowed) to a budget.
#[derive(Clone, Debug, PartialEq)]
pub struct Expansion {
    /// The graph.
    pub graph: Graph,
    /// The multiplier that its widths were made with.
    pub width_multiplier: f64,
    /// Its cost by the model (the first one if there are several), at most the budget.
    pub cost: f64,
}

/// Multiplies every width that is not frozen.
///
/// Rounding is per bundle of tied channels, to the nearest multiple of `divisor` and at least one multiple, so that joins
/// always fit.
pub fn scale(graph: &Graph, width_multiplier: f64, divisor: usize) -> Result<Graph, SurgeryError> {
    if !(width_multiplier.is_finite() && width_multiplier > 0.0) {
        return Err(SurgeryError::Multiplier(width_multiplier));
    }
    if divisor == 0 {
        return Err(SurgeryError::Divisor);
    }
    let channels = Channels::of(graph);
    let bundles = channels.bundles();
    let size = |bundle: &Bundle| {
        let groups = bundle.groups.len();
        if bundle.frozen {
            return groups;
        }
        let multiples = (groups as f64 * width_multiplier / divisor as f64)
            .round()
            .clamp(1.0, MAX_WIDTH as f64);
        multiples as usize * divisor
    };
    let sizes: Vec<usize> = bundles.iter().map(size).collect();
    let map = ChannelMap::of_bundles(graph, &channels, &bundles, &sizes)?;
    Ok(graph.with_channels(&map)?)
}

/// The widest multiple of a network whose cost is within the budget (step 3 of the paper's algorithm 1).
///
/// Every width is within one multiple of `divisor` of its share. Bundles with equally many groups are rounded together by
/// largest remainder, so that cost rises with the multiplier in steps of one multiple in one bundle: what is left of the
/// budget does not pay for the next step. A larger budget never narrows a wire.
pub fn expand(
    graph: &Graph,
    model: &dyn CostModel,
    budget: f64,
    divisor: usize,
) -> Result<Expansion, SurgeryError> {
    expand_within(graph, &[(model, budget)], divisor)
}

/// [`expand`] within several budgets at once: the next step would exceed one of them.
///
/// Errors if there is no budget ([`SurgeryError::NoBudget`]), or if one cannot be met ([`SurgeryError::Infeasible`]).
pub fn expand_within(
    graph: &Graph,
    budgets: &[(&dyn CostModel, f64)],
    divisor: usize,
) -> Result<Expansion, SurgeryError> {
    let shares = Apportionment::of(graph, divisor)?;
    let forms: Vec<(CostForm, f64)> =
        budgets.iter().map(|(model, budget)| (CostForm::of(model, graph), *budget)).collect();
    let (first, _) = forms.first().ok_or(SurgeryError::NoBudget)?;
    let fits = |sizes: &[usize]| {
        let widths = shares.widths(sizes);
        forms.iter().all(|(form, budget)| form.at(&widths) <= *budget)
    };
    let reached = shares.largest(fits).map_err(|narrowest| {
        let widths = shares.widths(&narrowest);
        let costs = forms.iter().map(|(form, budget)| (*budget, form.at(&widths)));
        let failed = |(budget, lowest): &(f64, f64)| {
            lowest.partial_cmp(budget).is_none_or(std::cmp::Ordering::is_gt)
        };
        let mut failures = costs.filter(failed);
        let (budget, lowest) = failures.next().expect("the narrowest network does not fit");
        SurgeryError::Infeasible { budget, lowest }
    })?;
    let map = ChannelMap::of_bundles(graph, &shares.channels, &shares.bundles, &reached.sizes)?;
    Ok(Expansion {
        graph: graph.with_channels(&map)?,
        width_multiplier: reached.multiplier,
        cost: first.at(&shares.widths(&reached.sizes)),
    })
}
