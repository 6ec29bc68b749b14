//! Measuring a device: a grid of made-up networks is timed node by node, and a table is fitted to the times.

mod chain;
mod grid;

use cost_models::{Calibration, Grid, MeasuredTable, Measurement, Sample, fit_classes};
use datasets::Streams;
use graph::Graph;
use tensor_ops::Device;
use training::Network;

use crate::measure;

/// Who was measured, and when.
#[derive(Clone, Debug)]
pub(crate) struct Identity {
    /// Name of the device.
    pub(crate) name: String,
    /// Processor, threads, program.
    pub(crate) host: String,
    /// Day of the measurement.
    pub(crate) date: String,
}

/// Times all networks of a grid on a device, and fits a table.
pub(crate) fn calibrate<D: Device>(
    device: &D,
    identity: Identity,
    grid: Grid,
    progress: &mut dyn FnMut(usize),
) -> anyhow::Result<Calibration> {
    let graphs = grid::networks(grid);
    let mut data = Vec::new();
    for (number, graph) in graphs.iter().enumerate() {
        let network = Network::init(graph.clone(), Streams::new(grid.seed));
        for (id, nanoseconds) in measure::by_node(&network, grid.batch, device)? {
            let node = graph.node(id);
            let input = node.inputs.first().map(|input| graph.node(*input).shape.to_string());
            data.push(Measurement {
                network: number,
                node: node.name.clone(),
                op: node.op.to_string(),
                input: input.unwrap_or_default(),
                output: node.shape.to_string(),
                nanoseconds: nanoseconds.round(),
            });
        }
        progress(number + 1);
    }
    let classes = fit_classes(&samples(&graphs, &data)?, grid.batch);
    let Identity { name, host, date } = identity;
    let table = MeasuredTable::new(name, host, date, classes).map_err(anyhow::Error::msg)?;
    Ok(Calibration { table, grid, data })
}

/// The measurements on the networks that they are of.
fn samples<'a>(graphs: &'a [Graph], data: &[Measurement]) -> anyhow::Result<Vec<Sample<'a>>> {
    let sample = |row: &Measurement| {
        let graph = graphs.get(row.network)?;
        let node = graph.find(&row.node)?;
        Some(Sample { graph, node, nanoseconds: row.nanoseconds.max(1.0) })
    };
    let found: Option<Vec<Sample<'a>>> = data.iter().map(sample).collect();
    found.ok_or_else(|| anyhow::anyhow!("the data are not of this grid: calibrate the device anew"))
}

/// Fits the table of a calibration again, from its data.
pub fn refit(calibration: &Calibration) -> anyhow::Result<MeasuredTable> {
    let graphs = grid::networks(calibration.grid);
    let classes = fit_classes(&samples(&graphs, &calibration.data)?, calibration.grid.batch);
    Ok(MeasuredTable { classes, ..calibration.table.clone() })
}
