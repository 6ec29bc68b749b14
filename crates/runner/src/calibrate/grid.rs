//! The networks that are measured: chains of blocks over a grid of image sizes, with widths drawn for each block.

use cost_models::Grid;
use datasets::Streams;
use graph::Graph;

use super::chain::Chain;

/// Height and width of the images, in turn.
const SIZES: [usize; 6] = [112, 56, 28, 14, 7, 28];

/// Blocks of each network.
const BLOCKS: usize = 6;

/// All networks of a grid; the same grid gives the same networks.
pub(super) fn networks(grid: Grid) -> Vec<Graph> {
    (0..grid.networks).map(|number| network(grid.seed, number)).collect()
}

fn network(seed: u64, number: usize) -> Graph {
    let random = Streams::new(seed).indexed("calibrate/grid", &[number as u64]);
    let mut chain = Chain::new(SIZES[number % SIZES.len()], random);
    for block in 0..BLOCKS {
        chain.block(number + block);
    }
    chain.finish()
}
