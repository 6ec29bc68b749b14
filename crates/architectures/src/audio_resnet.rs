//! `AudioResNet`: residual networks for sound (Hershey et al. 2016, arXiv 1609.09430), which read log-mel patches of 96 frames and
//! 64 bands. One of the seeds of Gordon et al. 2018.
//!
//! | stage | output | 18 | 34 | 50 | 101 | 152 |
//! |---|---|---|---|---|---|---|
//! | `stem` 7x7 | 96x64x64 | | | | | |
//! | `stem/pool` 3x3 by 2 | 48x32x64 | | | | | |
//! | `stage1` | 48x32x64, x256 | 2 basic | 3 basic | 3 bottleneck | 3 bottleneck | 3 bottleneck |
//! | `stage2` by 2 | 24x16x128, x512 | 2 | 4 | 4 | 4 | 8 |
//! | `stage3` by 2 | 12x8x256, x1024 | 2 | 6 | 6 | 23 | 36 |
//! | `stage4` by 2 | 6x4x512, x2048 | 2 | 3 | 3 | 3 | 3 |
//!
//! They are the networks of [`crate::resnet`] but for the stem, which keeps the size of the patch. A sound has several labels,
//! so each logit is that of a sigmoid: `training::Trainer::multi_label` trains it. The paper has depth 50 alone.

use graph::{Activation::Relu, Graph, Shape};
use serde::{Deserialize, Serialize};

use crate::{
    ArchitectureError, Version,
    assembly::{Names, centred, conv, max_pool, norm_of_torch},
    family::{Family, Request, row},
    residual::{Residual, Shortcut},
    resnet::{TABLE, WIDTHS},
    scaling::Rounding,
};

/// Classes of `AudioSet` (Gemmeke et al. 2017).
const AUDIO_SET_CLASSES: usize = 527;

/// Options of the family.
///
/// | key | default | purpose | range |
/// |---|---|---|---|
/// | `depth` | 50 | number of layers with weights on the longest path | 18, 34, 50, 101, 152 |
/// | `width_multiplier` | 1 | scales every width, to the nearest whole number | positive, finite |
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields, expecting = "a map of settings, such as `{ depth: 50 }`")]
pub struct AudioResNet {
    /// Number of layers with weights on the longest path.
    pub depth: usize,
    /// Scales every width but those of patch and logits.
    pub width_multiplier: f64,
}

impl Default for AudioResNet {
    fn default() -> Self {
        Self { depth: 50, width_multiplier: 1.0 }
    }
}

impl AudioResNet {
    pub(crate) const FAMILY: &str = "audio-resnet";
}

impl Family for AudioResNet {
    fn name(&self) -> &'static str {
        Self::FAMILY
    }

    fn natural_input(&self) -> Shape {
        Shape::new(96, 64, 1)
    }

    fn natural_classes(&self) -> usize {
        AUDIO_SET_CLASSES
    }

    fn build(&self, input: Shape, classes: usize) -> Result<Graph, ArchitectureError> {
        let (block, blocks) = *row(Self::FAMILY, self.depth, TABLE)?;
        let residual = Residual { version: Version::V1, block, shortcut: Shortcut::Projection };
        let request = Request {
            family: Self::FAMILY,
            input,
            classes,
            width_multiplier: self.width_multiplier,
            dropout: None,
            smallest: 16,
            remedy: "use longer patches with more bands",
            rounding: Rounding::Nearest,
            norm: norm_of_torch(),
            names: Names::PLAIN,
        };
        request.assemble(|assembly, patch| {
            let width = assembly.width(64);
            let mut wire = assembly.normalized("stem", conv(width, 7, 1), Some(Relu), patch)?;
            wire = assembly.node("stem/pool", max_pool(centred(3, 2)), wire)?;
            let stages: Vec<_> = blocks.into_iter().zip(WIDTHS).collect();
            wire = residual.stages(assembly, &stages, wire)?;
            assembly.head(wire)
        })
    }
}
