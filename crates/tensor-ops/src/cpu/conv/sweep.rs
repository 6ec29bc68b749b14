//! Tiles of sums: some positions by one or two vectors of target channels.

use super::block::Block;
use super::cursor::{Cursor, Position};
use super::finish::Finishing;
use super::plan::{Depth, Pass, Plan, Segment, Unit};
use crate::cpu::simd::{Simd, load_up_to, store_up_to};

/// Values side by side from which on they are asked for in advance.
const LONG: usize = 96;

/// Values of a row after which the next cache line begins.
const LINE: usize = 16;

/// All positions of a unit for one pass, one part of what they see, and one panel of target channels.
pub(super) struct Sweep<'a> {
    pub(super) plan: &'a Plan,
    pub(super) block: Block,
    pub(super) pass: &'a Pass,
    pub(super) part: &'a Depth,
    pub(super) unit: Unit,
    /// The part's weights to the panel.
    pub(super) weights: *const f32,
    /// The panel's first bias.
    pub(super) bias: Option<*const f32>,
    /// What is done with the panel's sums before they are written.
    pub(super) finishing: Option<Finishing>,
    /// The panel's first channel of the target's first row.
    pub(super) target: *mut f32,
    /// Distance between the target's rows.
    pub(super) pitch: usize,
    /// Channels from the panel's first on; may be more than the panel has.
    pub(super) channels: usize,
    /// Whether to add to the target.
    pub(super) accumulate: bool,
}

impl Sweep<'_> {
    /// A panel of one vector.
    ///
    /// # Safety
    ///
    /// Everything the sweep points to is that of one checked instruction, and no other thread touches its target rows and
    /// channels.
    #[inline(always)]
    pub(super) unsafe fn narrow<S: Simd>(&self, simd: S) {
        // SAFETY: the caller's.
        unsafe {
            // With narrow vectors not only the sums, also the pointers to what their positions see have to be in registers.
            match S::LANES {
                8 => self.run::<S, 8, 4, 2, 1>(simd),
                _ => self.run::<S, 12, 8, 4, 1>(simd),
            }
        }
    }

    /// A panel of two vectors.
    ///
    /// # Safety
    ///
    /// As for `narrow`.
    #[inline(always)]
    pub(super) unsafe fn wide<S: Simd>(&self, simd: S) {
        // SAFETY: the caller's.
        unsafe {
            match S::ROWS_TWO {
                4 => self.run::<S, 4, 2, 1, 2>(simd),
                6 => self.run::<S, 6, 4, 2, 2>(simd),
                _ => self.run::<S, 12, 8, 4, 2>(simd),
            }
        }
    }

    /// Tiles of `ROWS` positions, and at the end one that is as small as possible.
    ///
    /// # Safety
    ///
    /// As for `narrow`.
    #[inline(always)]
    unsafe fn run<
        S: Simd,
        const ROWS: usize,
        const MIDDLE: usize,
        const FEW: usize,
        const VECTORS: usize,
    >(
        &self,
        simd: S,
    ) {
        let mut cursor =
            Cursor::new(self.plan, self.pass, &self.unit, self.block, self.target, self.pitch);
        let mut left = cursor.positions();
        let last = self.channels.min(VECTORS * S::LANES) - (VECTORS - 1) * S::LANES;
        let mut init = [simd.splat(0.0); VECTORS];
        if let Some(bias) = self.bias {
            for (j, init) in init.iter_mut().enumerate() {
                let count = if j + 1 < VECTORS { S::LANES } else { last };
                // SAFETY: the span was checked to have one value per target channel.
                *init = unsafe { load_up_to(simd, bias.add(j * S::LANES), count) };
            }
        }
        // SAFETY: the caller's.
        unsafe {
            while left > MIDDLE {
                let rows = left.min(ROWS);
                let positions = cursor.tile::<ROWS>(rows);
                self.tile::<S, ROWS, VECTORS>(simd, &positions, rows, init, last);
                left -= rows;
            }
            if left > FEW {
                let positions = cursor.tile::<MIDDLE>(left);
                self.tile::<S, MIDDLE, VECTORS>(simd, &positions, left, init, last);
            } else if left > 0 {
                let positions = cursor.tile::<FEW>(left);
                self.tile::<S, FEW, VECTORS>(simd, &positions, left, init, last);
            }
        }
    }

    /// How far the values of the following tile are from this one's, if they are worth asking for in advance: a block that
    /// was copied together is in a cache already.
    #[inline(always)]
    fn ahead(&self, rows: usize) -> usize {
        let long = self.part.segments.first().is_some_and(|segment| segment.len >= LONG);
        if self.plan.direct && long { rows * self.block.pixel } else { 0 }
    }

    /// One tile; of its positions only the first `rows` are stored.
    ///
    /// # Safety
    ///
    /// As for `narrow`; the positions are of the unit.
    #[inline(always)]
    unsafe fn tile<S: Simd, const ROWS: usize, const VECTORS: usize>(
        &self,
        simd: S,
        positions: &[Position; ROWS],
        rows: usize,
        init: [S::V; VECTORS],
        last: usize,
    ) {
        let mut sums = [init; ROWS];
        // SAFETY: the caller's; rows beyond `rows` repeat the last one.
        unsafe {
            if self.accumulate {
                for r in 0..ROWS {
                    for j in 0..VECTORS {
                        let count = if j + 1 < VECTORS { S::LANES } else { last };
                        let before = load_up_to(simd, positions[r].to.add(j * S::LANES), count);
                        sums[r][j] = simd.add(before, init[j]);
                    }
                }
            }
            multiply(
                simd,
                positions,
                &self.part.segments,
                self.weights,
                self.ahead(ROWS),
                &mut sums,
            );
            if let Some(finishing) = self.finishing {
                for r in 0..ROWS {
                    for j in 0..VECTORS {
                        let count = if j + 1 < VECTORS { S::LANES } else { last };
                        sums[r][j] = finishing.apply(simd, sums[r][j], j * S::LANES, count);
                    }
                }
            }
            for r in 0..ROWS {
                if r < rows {
                    for j in 0..VECTORS {
                        let count = if j + 1 < VECTORS { S::LANES } else { last };
                        store_up_to(simd, positions[r].to.add(j * S::LANES), sums[r][j], count);
                    }
                }
            }
        }
    }
}

/// Adds to each row's sums the products of what it sees with the weights. Asks for what lies `ahead` of it, unless that is 0.
///
/// # Safety
///
/// The segments can be read from each position, and as many rows of weights as they have values.
#[inline(always)]
unsafe fn multiply<S: Simd, const ROWS: usize, const VECTORS: usize>(
    simd: S,
    positions: &[Position; ROWS],
    segments: &[Segment],
    weights: *const f32,
    ahead: usize,
    sums: &mut [[S::V; VECTORS]; ROWS],
) {
    let mut weights = weights;
    let mut totals = *sums;
    for segment in segments {
        let mut from = [positions[0].from; ROWS];
        for r in 0..ROWS {
            from[r] = positions[r].from.wrapping_add(segment.offset);
        }
        let mut start = 0;
        while ahead > 0 && start + LINE <= segment.len {
            for r in 0..ROWS {
                simd.prefetch(from[r].wrapping_add(start + ahead));
            }
            for k in start..start + LINE {
                // SAFETY: the caller's.
                unsafe {
                    let w = load(simd, weights);
                    add_products(simd, &from, k, w, &mut totals);
                    weights = weights.add(VECTORS * S::LANES);
                }
            }
            start += LINE;
        }
        for k in start..segment.len {
            // SAFETY: the caller's.
            unsafe {
                let w = load(simd, weights);
                add_products(simd, &from, k, w, &mut totals);
                weights = weights.add(VECTORS * S::LANES);
            }
        }
    }
    *sums = totals;
}

/// A row of weights.
///
/// # Safety
///
/// So many vectors can be read.
#[inline(always)]
unsafe fn load<S: Simd, const VECTORS: usize>(simd: S, weights: *const f32) -> [S::V; VECTORS] {
    let mut w = [simd.splat(0.0); VECTORS];
    for j in 0..VECTORS {
        // SAFETY: the caller's.
        w[j] = unsafe { simd.load(weights.add(j * S::LANES)) };
    }
    w
}

/// Adds the products of each row's value `k` with a row of weights.
///
/// # Safety
///
/// Each row has the value.
#[inline(always)]
unsafe fn add_products<S: Simd, const ROWS: usize, const VECTORS: usize>(
    simd: S,
    from: &[*const f32; ROWS],
    k: usize,
    w: [S::V; VECTORS],
    totals: &mut [[S::V; VECTORS]; ROWS],
) {
    for r in 0..ROWS {
        // SAFETY: the caller's.
        let x = simd.splat(unsafe { *from[r].add(k) });
        for j in 0..VECTORS {
            totals[r][j] = simd.mul_add(x, w[j], totals[r][j]);
        }
    }
}
