//! Latency on a device, computed or measured.

use graph::{Graph, NodeId};
use serde::{Deserialize, Serialize};

use crate::{Calibration, CostModel, Device, Measured, NodeCost, Roofline};

/// Time of a batch on a device, in nanoseconds.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Latency {
    /// From the peaks of a device.
    Roofline(Roofline),
    /// From measurements on a device.
    Measured(Measured),
}

/// What a device file holds.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", expecting = "a device, `roofline` or `measured`")]
pub enum DeviceFile {
    /// The peaks of a device.
    Roofline(Device),
    /// What was measured on a device.
    Measured(Box<Calibration>),
}

impl Latency {
    /// The latency of a batch on a device, without a smooth maximum and in the convention of the original.
    pub fn new(device: DeviceFile, batch: usize) -> Self {
        match device {
            DeviceFile::Roofline(device) => Self::Roofline(Roofline::new(device, batch)),
            DeviceFile::Measured(calibration) => {
                Self::Measured(Measured { table: calibration.table, batch })
            }
        }
    }

    /// Name of the device.
    pub fn device(&self) -> &str {
        match self {
            Self::Roofline(roofline) => &roofline.device.name,
            Self::Measured(measured) => &measured.table.name,
        }
    }

    /// Images in a batch.
    pub fn batch(&self) -> usize {
        match self {
            Self::Roofline(roofline) => roofline.batch,
            Self::Measured(measured) => measured.batch,
        }
    }

    fn model(&self) -> &dyn CostModel {
        match self {
            Self::Roofline(roofline) => roofline,
            Self::Measured(measured) => measured,
        }
    }
}

impl CostModel for Latency {
    fn name(&self) -> &'static str {
        self.model().name()
    }

    fn unit(&self) -> &'static str {
        self.model().unit()
    }

    fn node(&self, graph: &Graph, id: NodeId) -> NodeCost {
        self.model().node(graph, id)
    }
}
