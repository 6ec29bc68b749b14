//! The closed set of families.

use graph::{Graph, Shape};
use serde::{Deserialize, Serialize};

use crate::{
    ArchitectureError, CifarResNet, DenseNet, InceptionV2, InceptionV3, ResNet, Vgg, family::Family,
};

/// A network family with its options; in an experiment file `{ resnet: { depth: 50 } }`.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", expecting = "a network, such as `{ inception-v2: {} }`")]
pub enum Architecture {
    /// Batch-normalised Inception (Ioffe and Szegedy 2015).
    InceptionV2(InceptionV2),
    /// Residual networks for `ImageNet` (He et al. 2015 and 2016).
    #[serde(rename = "resnet")]
    ResNet(ResNet),
    /// Residual networks for CIFAR (He et al. 2015 and 2016).
    #[serde(rename = "cifar-resnet")]
    CifarResNet(CifarResNet),
    /// Densely connected networks (Huang et al. 2016).
    #[serde(rename = "densenet")]
    DenseNet(DenseNet),
    /// Inception with rectangular windows (Szegedy et al. 2015).
    InceptionV3(InceptionV3),
    /// Plain networks of 3x3 convolutions (Simonyan and Zisserman 2014).
    Vgg(Vgg),
}

impl Architecture {
    /// Names of all families, as they stand in experiment files.
    pub fn families() -> &'static [&'static str] {
        &[
            InceptionV2::FAMILY,
            ResNet::FAMILY,
            CifarResNet::FAMILY,
            DenseNet::FAMILY,
            InceptionV3::FAMILY,
            Vgg::FAMILY,
        ]
    }

    /// Name of the family.
    pub fn family(&self) -> &'static str {
        self.of_family().name()
    }

    /// Shape of the images that the network was made for.
    pub fn natural_input(&self) -> Shape {
        self.of_family().natural_input()
    }

    /// Number of classes that the network was published for: those of `ImageNet`, or 10.
    pub fn natural_classes(&self) -> usize {
        self.of_family().natural_classes()
    }

    /// The network for images of shape `input` and this number of classes. Its only output, `Logits`, has shape
    /// `1 x 1 x classes`.
    ///
    /// Errors if an option is outside its range, if there are no classes, if the image is smaller than the network can
    /// take, or if a layer exceeds the limits of a graph ([`graph::MAX_WIDTH`], [`graph::MAX_ELEMENTS`]). Nothing is
    /// allocated in proportion to widths or images.
    pub fn build(&self, input: Shape, classes: usize) -> Result<Graph, ArchitectureError> {
        if classes == 0 {
            return Err(ArchitectureError::NoClasses { family: self.family() });
        }
        self.of_family().build(input, classes)
    }

    fn of_family(&self) -> &dyn Family {
        match self {
            Self::InceptionV2(family) => family,
            Self::ResNet(family) => family,
            Self::CifarResNet(family) => family,
            Self::DenseNet(family) => family,
            Self::InceptionV3(family) => family,
            Self::Vgg(family) => family,
        }
    }
}
