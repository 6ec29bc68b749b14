//! Uniform width multipliers, and the largest one within a budget.

use cost_models::{CostForm, CostModel};
use graph::{Bundle, ChannelMap, Channels, Graph, MAX_WIDTH};

use crate::SurgeryError;

/// A network widened (or narrowed) to a budget.
#[derive(Clone, Debug, PartialEq)]
pub struct Expansion {
    /// The graph.
    pub graph: Graph,
    /// The multiplier that its widths were made with.
    pub width_multiplier: f64,
    /// Its cost, at most the budget.
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
    let scaling = Scaling::of(graph, divisor)?;
    scaling.graph(width_multiplier)
}

/// The widest multiple of a network whose cost is within the budget (step 3 of the paper's algorithm 1).
///
/// Cost rises with the multiplier in steps, one per rounded channel; the multiplier returned is the largest number below
/// the step that exceeds the budget, found by bisection down to neighbouring floating-point numbers.
pub fn expand(
    graph: &Graph,
    model: &dyn CostModel,
    budget: f64,
    divisor: usize,
) -> Result<Expansion, SurgeryError> {
    let scaling = Scaling::of(graph, divisor)?;
    let form = CostForm::of(model, graph);
    let cost = |multiplier: f64| {
        form.at(&graph.widths_of_bundles(&scaling.bundles, &scaling.sizes(multiplier)))
    };
    let lowest = cost(f64::MIN_POSITIVE);
    if lowest.is_nan() || budget.is_nan() || lowest > budget {
        return Err(SurgeryError::Infeasible { budget, lowest });
    }
    let (mut within, mut above) = (f64::MIN_POSITIVE, 1.0);
    while cost(above) <= budget {
        within = above;
        above *= 2.0;
        if above > MAX_WIDTH as f64 {
            break;
        }
    }
    loop {
        let middle = f64::midpoint(within, above);
        if middle <= within || middle >= above {
            break;
        }
        if cost(middle) <= budget { within = middle } else { above = middle }
    }
    Ok(Expansion { graph: scaling.graph(within)?, width_multiplier: within, cost: cost(within) })
}

struct Scaling<'a> {
    graph: &'a Graph,
    channels: Channels,
    bundles: Vec<Bundle>,
    divisor: usize,
}

impl<'a> Scaling<'a> {
    fn of(graph: &'a Graph, divisor: usize) -> Result<Self, SurgeryError> {
        if divisor == 0 {
            return Err(SurgeryError::Divisor);
        }
        let channels = Channels::of(graph);
        Ok(Self { graph, bundles: channels.bundles(), channels, divisor })
    }

    /// Groups of every bundle.
    fn sizes(&self, multiplier: f64) -> Vec<usize> {
        let size = |bundle: &Bundle| {
            let groups = bundle.groups.len();
            if bundle.frozen {
                return groups;
            }
            let multiples = (groups as f64 * multiplier / self.divisor as f64)
                .round()
                .clamp(1.0, MAX_WIDTH as f64);
            multiples as usize * self.divisor
        };
        self.bundles.iter().map(size).collect()
    }

    fn graph(&self, multiplier: f64) -> Result<Graph, SurgeryError> {
        let sizes = self.sizes(multiplier);
        let map = ChannelMap::of_bundles(self.graph, &self.channels, &self.bundles, &sizes)?;
        Ok(self.graph.with_channels(&map)?)
    }
}
