//! Widths to compare with at equal cost, and widths learned on a proxy.

use std::collections::BTreeSet;

use cost_models::{CostForm, CostModel, Flops, Params};
use datasets::Streams;
use graph::{ChannelMap, Channels, Graph, Role};
use proptest::prelude::*;
use surgery::{
    SurgeryError, group_norm, l1_norm, random_at_cost, scale, shuffled, transfer, transfer_within,
};
use testkit::{strategies, toys};
use training::Network;

use crate::{families::small_networks, graph_and_keep, prunable, random_network};

/// Groups of every bundle that a map leaves.
fn sizes(graph: &Graph, map: &ChannelMap) -> Vec<usize> {
    let channels = Channels::of(graph);
    let alive = |bundle: &graph::Bundle| {
        let groups = bundle.groups.iter().filter(|group| {
            bundle.wires.iter().any(|(id, _)| {
                map.on(*id).iter().any(|channel| channels.on(*id)[*channel] == **group)
            })
        });
        groups.count()
    };
    channels.bundles().iter().map(alive).collect()
}

/// The cost is at most the one asked for, and one more group somewhere would exceed it, unless nothing is gone.
fn at_cost(
    graph: &Graph,
    map: &ChannelMap,
    model: &dyn CostModel,
    cost: f64,
) -> Result<(), TestCaseError> {
    let form = CostForm::of(model, graph);
    let bundles = Channels::of(graph).bundles();
    let sizes = sizes(graph, map);
    let at = |sizes: &[usize]| form.at(&graph.widths_of_bundles(&bundles, sizes));
    let reached = at(&sizes);
    let rebuilt = graph.with_channels(map).unwrap();
    prop_assert_eq!(CostForm::of(model, &rebuilt).at(&rebuilt.widths()), reached);
    prop_assert!(reached <= cost, "{} above {}", reached, cost);
    let mut dearest: Option<f64> = None;
    for (position, bundle) in bundles.iter().enumerate() {
        prop_assert!((1..=bundle.groups.len()).contains(&sizes[position]));
        if sizes[position] < bundle.groups.len() {
            let mut more = sizes.clone();
            more[position] += 1;
            dearest = Some(dearest.unwrap_or(0.0).max(at(&more) - reached));
        }
    }
    if let Some(step) = dearest {
        prop_assert!(
            cost - reached < step,
            "{} left of {}, a step is {}",
            cost - reached,
            cost,
            step
        );
    }
    Ok(())
}

type Arm<'a> = Box<dyn Fn(&dyn CostModel, f64) -> Result<ChannelMap, SurgeryError> + 'a>;

/// All arms of a network; what was learned is its first half.
fn arms<'a>(
    network: &'a Network,
    learned: &'a ChannelMap,
    seed: u64,
) -> Vec<(&'static str, Arm<'a>)> {
    let (graph, streams) = (&network.graph, Streams::new(seed));
    vec![
        ("shuffled", Box::new(move |model, cost| shuffled(graph, learned, model, cost, streams))),
        ("random", Box::new(move |model, cost| random_at_cost(graph, model, cost, streams))),
        ("l1-norm", Box::new(move |model, cost| l1_norm(network, model, cost))),
        ("group-norm", Box::new(move |model, cost| group_norm(network, model, cost))),
    ]
}

proptest! {
    #![proptest_config(strategies::cases(256))]

    #[test]
    fn every_arm_is_at_the_cost_within_one_group(
        (graph, keep) in graph_and_keep(prunable()),
        share in 0.2_f64..1.0,
        seed in 0_u64..1000,
    ) {
        let channels = Channels::of(&graph);
        let learned = ChannelMap::of(&graph, &channels, &keep)
            .unwrap_or_else(|_| ChannelMap::of(&graph, &channels, &channels.keep_all()).unwrap());
        let network = random_network(&graph, seed);
        for model in [&Flops as &dyn CostModel, &Params] {
            let cost = share * CostForm::of(model, &graph).at(&graph.widths());
            for (name, arm) in arms(&network, &learned, seed) {
                match arm(model, cost) {
                    Ok(map) => at_cost(&graph, &map, model, cost)
                        .map_err(|error| TestCaseError::fail(format!("{name}: {error}\n{graph}")))?,
                    Err(SurgeryError::Infeasible { lowest, .. }) => prop_assert!(lowest > cost),
                    Err(other) => prop_assert!(false, "{}: {}\n{}", name, other, graph),
                }
            }
        }
    }

    #[test]
    fn what_is_transferred_to_the_same_network_is_what_was_learned(
        (graph, keep) in graph_and_keep(prunable()),
    ) {
        if let Ok(map) = ChannelMap::of(&graph, &Channels::of(&graph), &keep)
            && let Ok(same) = transfer(&graph, &map, &graph)
        {
            prop_assert_eq!(sizes(&graph, &same), sizes(&graph, &map));
        }
    }
}

/// Every bundle is there if it is in what was transferred, those that may not change are as there, and another group
/// somewhere would exceed the cost.
fn within_cost(
    graph: &Graph,
    [transferred, reached]: [&ChannelMap; 2],
    model: &dyn CostModel,
    cost: f64,
    is_free: impl Fn(&graph::Bundle) -> bool,
) -> Result<(), TestCaseError> {
    let form = CostForm::of(model, graph);
    let channels = Channels::of(graph);
    let bundles = channels.bundles();
    let [before, sizes] = [transferred, reached].map(|map| sizes(graph, map));
    let costs = form.at(&reached.widths());
    prop_assert!(costs <= cost, "{} above {}", costs, cost);
    let mut steps = Vec::new();
    for (position, bundle) in bundles.iter().enumerate() {
        prop_assert_eq!(sizes[position] == 0, before[position] == 0);
        if sizes[position] == 0 || bundle.frozen {
            continue;
        }
        if !is_free(bundle) {
            prop_assert_eq!(sizes[position], before[position]);
        } else if sizes[position] < bundle.groups.len() {
            let mut more = sizes.clone();
            more[position] += 1;
            let map = ChannelMap::of_bundles(graph, &channels, &bundles, &more).unwrap();
            steps.push(form.at(&map.widths()) - costs);
        }
    }
    if let Some(dearest) = steps.into_iter().reduce(f64::max) {
        prop_assert!(
            cost - costs < dearest,
            "{} left of {}, a step is {}",
            cost - costs,
            cost,
            dearest
        );
    }
    Ok(())
}

proptest! {
    #![proptest_config(strategies::cases(256))]

    #[test]
    fn what_is_transferred_within_a_cost_is_at_it_within_one_group(
        (graph, keep) in graph_and_keep(prunable()),
        share in 0.1_f64..1.0,
        every in 1_usize..4,
    ) {
        let channels = Channels::of(&graph);
        let Ok(learned) = ChannelMap::of(&graph, &channels, &keep) else { return Ok(()) };
        let Ok(transferred) = transfer(&graph, &learned, &graph) else { return Ok(()) };
        let may_go = |group: graph::GroupId| group.index().is_multiple_of(every);
        let is_free = |bundle: &graph::Bundle| bundle.groups.iter().any(|group| may_go(*group));
        for model in [&Flops as &dyn CostModel, &Params] {
            let cost = share * CostForm::of(model, &graph).at(&graph.widths());
            match transfer_within(&graph, &learned, &graph, &[(model, cost)], may_go) {
                Ok(map) => within_cost(&graph, [&transferred, &map], model, cost, is_free)?,
                Err(SurgeryError::Infeasible { lowest, budget }) => {
                    prop_assert!(lowest > cost && budget == cost);
                }
                Err(other) => prop_assert!(false, "{}\n{}", other, graph),
            }
        }
    }
}

#[test]
fn several_costs_hold_at_once_and_none_is_an_error() {
    for (name, graph) in small_networks() {
        let proxy = scale(&graph, 0.5, 1).unwrap();
        let learned = half(&proxy);
        let cost =
            |model: &dyn CostModel, map: &ChannelMap| CostForm::of(model, &graph).at(&map.widths());
        let whole = |model| CostForm::of(model, &graph).at(&graph.widths());
        let models: [&dyn CostModel; 2] = [&Flops, &Params];
        let budgets = [(models[0], 0.6 * whole(models[0])), (models[1], 0.5 * whole(models[1]))];
        let map = transfer_within(&proxy, &learned, &graph, &budgets, |_| true)
            .unwrap_or_else(|error| panic!("{name}: {error}"));
        assert!(budgets.iter().all(|(model, budget)| cost(*model, &map) <= *budget), "{name}");
        assert!(budgets.iter().any(|(model, budget)| cost(*model, &map) > 0.85 * budget), "{name}");
        let error = transfer_within(&proxy, &learned, &graph, &[], |_| true).unwrap_err();
        assert_eq!(error, SurgeryError::NoBudget);
    }
}

fn half(graph: &Graph) -> ChannelMap {
    let channels = Channels::of(graph);
    let bundles = channels.bundles();
    let half = |(position, bundle): (usize, &graph::Bundle)| {
        let groups = bundle.groups.len();
        if bundle.frozen { groups } else { groups.div_ceil(1 + position % 3) }
    };
    let sizes: Vec<usize> = bundles.iter().enumerate().map(half).collect();
    ChannelMap::of_bundles(graph, &channels, &bundles, &sizes).unwrap()
}

#[test]
fn small_networks_of_every_family_have_all_arms_at_equal_cost() {
    for (name, graph) in small_networks() {
        let (learned, network) = (half(&graph), random_network(&graph, 3));
        let form = CostForm::of(&Flops, &graph);
        let cost = form.at(&learned.widths());
        let mut found: BTreeSet<Vec<usize>> = BTreeSet::new();
        for (arm, map) in arms(&network, &learned, 5) {
            let map = map(&Flops, cost).unwrap_or_else(|error| panic!("{name}, {arm}: {error}"));
            at_cost(&graph, &map, &Flops, cost)
                .unwrap_or_else(|error| panic!("{name}, {arm}: {error}"));
            found.insert(sizes(&graph, &map));
        }
        assert!(found.len() >= 3, "{name}: arms coincide");
    }
}

#[test]
fn random_arms_follow_their_streams() {
    let graph = toys::inception_block();
    let learned = half(&graph);
    let cost = 0.4 * CostForm::of(&Flops, &graph).at(&graph.widths());
    let random = |seed| random_at_cost(&graph, &Flops, cost, Streams::new(seed)).unwrap();
    let dealt = |seed| shuffled(&graph, &learned, &Flops, cost, Streams::new(seed)).unwrap();
    assert_eq!((random(1), dealt(1)), (random(1), dealt(1)));
    let differ = |maps: Vec<ChannelMap>| maps.windows(2).any(|pair| pair[0] != pair[1]);
    assert!(differ((0..5).map(random).collect()) && differ((0..5).map(dealt).collect()));
}

/// The chain of two convolutions (4 and 5 channels) with filter norms that are known.
fn weighted() -> Network {
    let graph = toys::chain();
    let mut network = Network::init(graph.clone(), Streams::new(0));
    let mut fill = |name: &str, role: Role, channel: &[f32]| {
        let values = network.parameters.values_mut(graph.find(name).unwrap(), role).unwrap();
        for (value, size) in values.iter_mut().zip(channel.iter().cycle()) {
            *value = *size;
        }
    };
    fill("conv1", Role::Weight, &[0.1, -0.4, 0.2, 0.3]);
    fill("conv2", Role::Weight, &[0.1, 0.3, -0.2, 0.5, 0.4]);
    network
}

#[test]
fn norms_decide_which_groups_stay() {
    let network = weighted();
    let graph = &network.graph;
    let cost = 0.45 * CostForm::of(&Params, graph).at(&graph.widths());
    let on = |map: &ChannelMap, name: &str| map.on(graph.find(name).unwrap()).to_vec();
    let filters = l1_norm(&network, &Params, cost).unwrap();
    assert_eq!(on(&filters, "conv1"), [1, 3]);
    assert_eq!(on(&filters, "conv2"), [1, 3, 4]);

    // A large scale belongs to its group: what was the weakest filter is the strongest group.
    let mut scaled = network.clone();
    let norm = graph.find("conv2/norm").unwrap();
    scaled.parameters.values_mut(norm, Role::Gamma).unwrap()[0] = 100.0;
    let groups = group_norm(&scaled, &Params, cost).unwrap();
    assert!(on(&groups, "conv2").contains(&0), "{:?}", on(&groups, "conv2"));
    assert_eq!(on(&l1_norm(&scaled, &Params, cost).unwrap(), "conv2"), [1, 3, 4]);
}

#[test]
fn no_arm_goes_below_one_group_in_every_bundle() {
    let (graph, network) = (toys::chain(), random_network(&toys::chain(), 0));
    let learned = half(&graph);
    for (name, arm) in arms(&network, &learned, 0) {
        let refused = arm(&Flops, 10.0);
        assert!(matches!(refused, Err(SurgeryError::Infeasible { .. })), "{name}: {refused:?}");
    }
}

#[test]
fn small_networks_of_every_family_lend_their_widths_to_wider_ones() {
    for (name, graph) in small_networks() {
        let wide = scale(&graph, 3.0, 1).unwrap();
        let learned = half(&graph);
        let map =
            transfer(&graph, &learned, &wide).unwrap_or_else(|error| panic!("{name}: {error}"));
        let (small, full) = (Channels::of(&graph).bundles(), Channels::of(&wide).bundles());
        assert_eq!(small.len(), full.len(), "{name}");
        let kept = sizes(&graph, &learned).into_iter().zip(sizes(&wide, &map));
        for ((small, full), (kept, found)) in small.iter().zip(&full).zip(kept) {
            let exact = full.groups.len() as f64 * kept as f64 / small.groups.len() as f64;
            assert!((found as f64 - exact).abs() <= 0.5, "{name}: {found} for {exact}");
        }
        wide.with_channels(&map).unwrap();
    }
}

#[test]
fn widths_are_not_transferred_to_another_network() {
    let graph = toys::chain();
    let error = transfer(&graph, &half(&graph), &toys::diamond()).unwrap_err().to_string();
    assert_eq!(
        error,
        "cannot transfer widths to this network: node `conv3` differs in more than its width; \
         build both with the same options but for width"
    );
}
