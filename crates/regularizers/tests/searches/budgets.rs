//! Budgets are hit, by one run, whatever the network, the resource and the length of the run.

use cost_models::{CostForm, CostModel, Flops, Params};
use datasets::Streams;
use graph::{Graph, NodeId, Role};
use regularizers::{
    Decision, MorphNet, PenaltyError, Scope, Settings, StrengthKind, Target, feasible,
};
use training::{
    Control, Curve, EpochEnd, Filters, Network, Parameters, Penalty, PenaltyStep, Recipe, Trainer,
};

use crate::bench::{self, recipe, search};

const COSINE: Curve = Curve::Cosine { peak: 0.05, last: 0.0005 };

/// The cost of a graph by a model, and a share of it as a target.
fn target(graph: &Graph, model: &dyn CostModel, share: f64) -> Target {
    let form = CostForm::of(model, graph);
    let cost = share * form.at(&graph.widths());
    Target { form, cost }
}

fn towards(graph: &Graph, targets: &[Target], settings: Settings) -> MorphNet {
    MorphNet::towards(graph, &Scope::default(), targets.to_vec(), settings).unwrap()
}

/// What a decision costs of a target's resource, and the price there of the dearest group that died.
fn reached(penalty: &MorphNet, decision: &Decision, target: &Target) -> (f64, f64) {
    let widths = decision.survivors.widths();
    let prices = target.form.group_prices(penalty.channels(), &widths);
    let channels = penalty.channels();
    let dead = channels.groups().filter(|group| !decision.keep.is_alive(*group));
    let dearest = dead.map(|group| prices[group.index()]).fold(0.0, f64::max);
    (target.form.at(&widths), dearest)
}

/// Never above; below by at most one per cent or the price of one group.
fn assert_hit(name: &str, penalty: &MorphNet, decision: &Decision, targets: &[Target]) {
    let mut near = false;
    for target in targets {
        let (cost, dearest) = reached(penalty, decision, target);
        assert!(cost <= target.cost, "{name}: {cost} is above {}", target.cost);
        near |= cost > target.cost - dearest.max(0.01 * target.cost);
    }
    assert!(near, "{name}: every cost is far below its target");
    assert!(decision.revived.is_empty(), "{name}");
}

/// A penalty that notes when its targets are reached.
struct Timed {
    penalty: MorphNet,
    shares: Vec<f64>,
    landed: Option<f64>,
}

impl Penalty for Timed {
    fn parameters(&self) -> Vec<(NodeId, Role)> {
        self.penalty.parameters()
    }

    /// All kernels are to be seen.
    fn filters(&self) -> Vec<NodeId> {
        Vec::new()
    }

    fn apply(
        &mut self,
        parameters: &mut Parameters,
        filters: &mut Filters,
        step: PenaltyStep,
    ) -> f64 {
        let value = self.penalty.apply(parameters, filters, step);
        let alive = self.penalty.alive_shares(parameters);
        if self.landed.is_none()
            && alive.iter().zip(&self.shares).all(|(alive, share)| alive <= share)
        {
            self.landed = Some(step.step as f64 / step.steps as f64);
        }
        value
    }

    fn state(&self) -> Vec<u8> {
        self.penalty.state()
    }

    fn restore(&mut self, state: &[u8]) -> Result<(), String> {
        self.penalty.restore(state)
    }
}

#[test]
fn targets_are_hit_by_the_first_step_after_seven_tenths_of_short_and_long_runs() {
    let train = bench::bars(1024);
    let graphs = [
        ("chain", bench::chain(&[12, 16, 16])),
        ("residual", bench::residual(8)),
        ("inception", bench::inception(8)),
        ("dense", bench::dense(8)),
    ];
    let targets: [(&str, &dyn CostModel, f64); 4] = [
        ("flops", &Flops, 0.7),
        ("flops", &Flops, 0.5),
        ("flops", &Flops, 0.25),
        ("params", &Params, 0.5),
    ];
    for (network, graph) in &graphs {
        for (resource, model, share) in targets {
            // Every second case is long, so that both lengths meet all networks and targets.
            let epochs = if (share == 0.5) == (*network == "chain") { 2 } else { 8 };
            let name = format!("{network}, {share} of {resource}, {epochs} epochs");
            let targets = [target(graph, model, share)];
            let penalty = towards(graph, &targets, Settings::default());
            let mut timed = Timed { penalty, shares: vec![share], landed: None };
            let start = Network::init(graph.clone(), Streams::new(1));
            let learned = search(&start, &recipe(epochs, COSINE), &train, &mut timed);
            let decision = timed.penalty.decide(&learned.parameters).unwrap();
            assert_hit(&name, &timed.penalty, &decision, &targets);
            let step = 1.0 / f64::from(epochs * 1024 / 32);
            assert!(timed.landed.is_some_and(|at| at < 0.7 + step), "{name}: {:?}", timed.landed);
        }
    }
}

#[test]
fn several_targets_are_reached_at_once_and_the_tightest_is_hit() {
    let graph = bench::residual(8);
    let train = bench::bars(1024);
    let targets = [target(&graph, &Flops, 0.4), target(&graph, &Params, 0.5)];
    let mut penalty = towards(&graph, &targets, Settings::default());
    let start = Network::init(graph.clone(), Streams::new(1));
    let learned = search(&start, &recipe(3, COSINE), &train, &mut penalty);
    let decision = penalty.decide(&learned.parameters).unwrap();
    assert_hit("both", &penalty, &decision, &targets);
    assert!(graph.with_channels(&decision.survivors).is_ok());
}

#[test]
fn budgets_are_hit_under_other_schedules_and_strengths() {
    let train = bench::bars(1024);
    let graph = bench::residual(8);
    let step = Curve::Step { rate: 0.05, factor: 0.1, every: 2.0 };
    let warm = |recipe: Recipe| {
        let mut recipe = recipe;
        recipe.learning_rate.warmup_epochs = 1.0;
        recipe
    };
    let cases = [
        ("step schedule", recipe(4, step), StrengthKind::Gamma),
        ("warm-up", warm(recipe(4, COSINE)), StrengthKind::Gamma),
        ("group lasso", recipe(4, COSINE), StrengthKind::GroupLasso { l1_fraction: 0.0 }),
        ("mixed lasso", recipe(4, COSINE), StrengthKind::GroupLasso { l1_fraction: 0.5 }),
        ("mixed", recipe(4, COSINE), StrengthKind::Mixed),
    ];
    for (name, recipe, kind) in cases {
        let targets = [target(&graph, &Flops, 0.5)];
        let alive_threshold = kind.usual_threshold();
        let mut penalty =
            towards(&graph, &targets, Settings { kind, alive_threshold, ..Settings::default() });
        let start = Network::init(graph.clone(), Streams::new(1));
        let learned = search(&start, &recipe, &train, &mut penalty);
        let decision = penalty.decide(&learned.parameters).unwrap();
        assert_hit(name, &penalty, &decision, &targets);
    }
}

/// Even at a strength that would kill everything at once.
#[test]
fn layers_that_are_needed_keep_their_smallest_width_and_branches_vanish_whole() {
    let train = bench::bars(512);
    for graph in [bench::residual(8), bench::inception(8), bench::chain(&[8, 8])] {
        let settings = Settings { strength: 1e6, min_width: 3, ..Settings::default() };
        let form = CostForm::of(&Flops, &graph);
        let mut constant =
            MorphNet::scoped(&graph, &Scope::default(), form.clone(), settings).unwrap();
        let lowest = feasible(&graph, &Scope::default(), &form, settings).unwrap();
        let mut budget = towards(&graph, &[Target { form, cost: 1.02 * lowest }], settings);
        for penalty in [&mut constant, &mut budget] {
            let start = Network::init(graph.clone(), Streams::new(1));
            let learned = search(&start, &recipe(2, COSINE), &train, penalty);
            let decision = penalty.decide(&learned.parameters).unwrap();
            assert!(decision.revived.is_empty());
            let small = graph.with_channels(&decision.survivors).unwrap();
            for (_, node) in small.nodes().filter(|(_, node)| node.op.is_producer()) {
                let width = node.shape.channels;
                assert!(width >= 3, "`{}` has {width} channels", node.name);
            }
        }
    }
}

#[test]
fn a_target_below_what_the_graph_allows_is_refused_with_the_lowest_cost() {
    let graph = bench::chain(&[12, 16, 16]);
    let form = CostForm::of(&Flops, &graph);
    let settings = Settings::default();
    let lowest = feasible(&graph, &Scope::default(), &form, settings).unwrap();
    // One channel in every layer.
    assert_eq!(lowest, f64::from(2 * 64 * 9 * 3 + 2 * 4));
    let below = vec![Target { form: form.clone(), cost: lowest - 1.0 }];
    let error = MorphNet::towards(&graph, &Scope::default(), below, settings).unwrap_err();
    let seed = form.at(&graph.widths());
    assert_eq!(error, PenaltyError::Infeasible { number: 1, target: lowest - 1.0, lowest, seed });
    let wide = Settings { min_width: 4, ..settings };
    let four = feasible(&graph, &Scope::default(), &form, wide).unwrap();
    assert_eq!(four, f64::from(2 * 64 * 9 * (4 + 16 + 16) + 2 * 4 * 4));
    let none = MorphNet::towards(&graph, &Scope::default(), Vec::new(), settings).unwrap_err();
    assert_eq!(none, PenaltyError::NoTarget);
}

#[test]
fn a_search_with_a_budget_that_is_stopped_anywhere_goes_on_byte_for_byte() {
    let graph = bench::residual(8);
    let train = bench::bars(256);
    let recipe = recipe(4, COSINE);
    let device = testkit::cpu(1);
    let batches = bench::batches(&train);
    let start = Network::init(graph.clone(), Streams::new(1));
    let fresh = || {
        let targets = [target(&graph, &Flops, 0.5), target(&graph, &Params, 0.6)];
        let penalty = towards(&graph, &targets, Settings::default());
        (Trainer::new(&start, &recipe, Streams::new(0), &device).unwrap(), penalty)
    };
    let (mut whole, mut penalty) = fresh();
    while !whole.is_finished() {
        whole.epoch(&batches, &mut penalty, &mut |_| Control::Continue).unwrap();
    }
    let expected = whole.save(&penalty);

    let (mut trainer, mut penalty) = fresh();
    let mut stops = 0;
    while !trainer.is_finished() {
        let end = trainer.epoch(&batches, &mut penalty, &mut |step| {
            if step.step % 3 == 0 { Control::Stop } else { Control::Continue }
        });
        stops += u32::from(end.unwrap() == EpochEnd::Stopped);
        let saved = trainer.save(&penalty);
        (trainer, penalty) = fresh();
        trainer.load(&saved, &mut penalty).unwrap();
    }
    assert!(stops > 4);
    assert!(trainer.save(&penalty) == expected);

    let mut other = MorphNet::new(&graph, CostForm::of(&Flops, &graph), Settings::default());
    let error = trainer.load(&expected, &mut other).unwrap_err().to_string();
    assert!(error.contains("bytes of a penalty's state"), "{error}");
}
