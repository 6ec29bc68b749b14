//! Deaths one by one, so that none cuts the network.

use graph::{ChannelMap, Channels, Graph, GraphError, GroupId};

use crate::Prunable;

/// Which groups live, when each death is decided by itself. Who is dead stays dead.
#[derive(Clone, Debug)]
pub(crate) struct Guard {
    alive: Vec<bool>,
    spared: Vec<bool>,
    removed: Vec<bool>,
    survivors: ChannelMap,
    minimum: usize,
}

/// What has become of a group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    /// It died when its strength had fallen to the threshold, or with a group that did.
    Faded,
    /// It lives and may be pressed.
    Open,
    /// It stays for good, because the network needs it.
    Spared,
    /// It was removed whatever its strength was, to reach a target.
    Removed,
}

/// The death of a group, with all that dies with it.
#[derive(Clone, Debug)]
pub(crate) struct Removal {
    pub(crate) dead: Vec<GroupId>,
    pub(crate) survivors: ChannelMap,
}

/// The graph that a guard guards.
#[derive(Clone, Copy)]
pub(crate) struct Guarded<'a> {
    pub(crate) graph: &'a Graph,
    pub(crate) channels: &'a Channels,
    pub(crate) prunable: &'a Prunable,
}

impl Guard {
    /// Everything lives; layers that are there keep at least `minimum` channels, which counts as 1 if it is 0.
    pub(crate) fn new(guarded: Guarded<'_>, minimum: usize) -> Result<Self, GraphError> {
        let fates = vec![Fate::Open; guarded.channels.len()];
        Self::with(guarded, minimum, &fates)
    }

    /// The state in which these have become of the groups.
    pub(crate) fn with(
        Guarded { graph, channels, .. }: Guarded<'_>,
        minimum: usize,
        fates: &[Fate],
    ) -> Result<Self, GraphError> {
        let are = |some: &[Fate]| fates.iter().map(|fate| some.contains(fate)).collect();
        let alive: Vec<bool> = are(&[Fate::Open, Fate::Spared]);
        let survivors = survivors(graph, channels, &alive)?;
        let (spared, removed) = (are(&[Fate::Spared]), are(&[Fate::Removed]));
        Ok(Self { alive, spared, removed, survivors, minimum: minimum.max(1) })
    }

    /// What has become of each group.
    pub(crate) fn fates(&self) -> impl Iterator<Item = Fate> {
        let fate = |at: usize| match (self.alive[at], self.spared[at], self.removed[at]) {
            (true, false, _) => Fate::Open,
            (true, true, _) => Fate::Spared,
            (false, _, false) => Fate::Faded,
            (false, _, true) => Fate::Removed,
        };
        (0..self.alive.len()).map(fate)
    }

    /// Whether each group lives.
    pub(crate) fn alive(&self) -> &[bool] {
        &self.alive
    }

    /// Whether each group stays for good, because the network needs it.
    pub(crate) fn spared(&self) -> &[bool] {
        &self.spared
    }

    /// What is left of every wire.
    pub(crate) fn survivors(&self) -> &ChannelMap {
        &self.survivors
    }

    /// Whether the group may be pressed: it lives and is not needed.
    pub(crate) fn is_open(&self, group: GroupId) -> bool {
        self.alive[group.index()] && !self.spared[group.index()]
    }

    /// What would die with a group. Nothing if the network needs it: it would be cut, or a layer would be left with fewer
    /// channels than it must have and cannot go wholly.
    pub(crate) fn removal(&self, guarded: Guarded<'_>, group: GroupId) -> Option<Removal> {
        self.removal_of(guarded, &[group])
    }

    /// The same for several groups at once.
    pub(crate) fn removal_of(&self, guarded: Guarded<'_>, groups: &[GroupId]) -> Option<Removal> {
        let Guarded { graph, channels, prunable } = guarded;
        let mut alive = self.alive.clone();
        for group in groups {
            alive[group.index()] = false;
        }
        let mut left = survivors(graph, channels, &alive).ok()?;
        let narrow = self.narrow(guarded, &left);
        if !narrow.is_empty() {
            for group in narrow.into_iter().filter(|group| prunable.contains(*group)) {
                alive[group.index()] = false;
            }
            left = survivors(graph, channels, &alive).ok()?;
            if !self.narrow(guarded, &left).is_empty() {
                return None;
            }
        }
        let mut present = vec![false; channels.len()];
        for (id, _) in graph.nodes() {
            let groups = channels.on(id);
            for channel in left.on(id) {
                present[groups[*channel].index()] = true;
            }
        }
        let dead = channels
            .groups()
            .filter(|group| self.alive[group.index()] && !present[group.index()])
            .collect();
        Some(Removal { dead, survivors: left })
    }

    /// The groups of layers that would be there with fewer channels than they must have.
    fn narrow(
        &self,
        Guarded { graph, channels, .. }: Guarded<'_>,
        left: &ChannelMap,
    ) -> Vec<GroupId> {
        let producers = graph.nodes().filter(|(_, node)| node.op.is_producer());
        let narrow = producers.filter(|(id, node)| {
            let width = left.on(*id).len();
            let least = self.minimum.min(node.shape.channels);
            0 < width && width < least && width < self.survivors.on(*id).len()
        });
        narrow.flat_map(|(id, _)| channels.on(id)).copied().collect()
    }

    /// Lets a removal happen; `fate` is how those that lived end.
    pub(crate) fn commit(&mut self, removal: Removal, fate: Fate) {
        for group in removal.dead {
            self.alive[group.index()] = false;
            self.removed[group.index()] = fate == Fate::Removed;
        }
        self.survivors = removal.survivors;
    }

    /// The group stays for good.
    pub(crate) fn spare(&mut self, group: GroupId) {
        self.spared[group.index()] = true;
    }
}

fn survivors(graph: &Graph, channels: &Channels, alive: &[bool]) -> Result<ChannelMap, GraphError> {
    ChannelMap::of(graph, channels, &channels.keep_where(|group| alive[group.index()]))
}
