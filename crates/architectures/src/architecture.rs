//! The closed set of families.

use graph::{Graph, Shape};
use serde::{Deserialize, Serialize};

use crate::{
    ArchitectureError, AudioResNet, CifarResNet, DenseNet, EfficientNetB0, InceptionV1,
    InceptionV2, InceptionV3, Layers, LeNet5, MobileNetV1, MobileNetV2, MobileNetV3, ResNet,
    ShuffleNetV2, SqueezeNet, Vgg, Xception, family::Family,
};

/// A network family with its options; in an experiment file `{ resnet: { depth: 50 } }`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", expecting = "a network, such as `{ inception-v2: {} }`")]
pub enum Architecture {
    /// Inception with batch norm (Szegedy et al. 2014).
    InceptionV1(InceptionV1),
    /// Batch-normalised Inception (Ioffe and Szegedy 2015).
    InceptionV2(InceptionV2),
    /// Inception with rectangular windows (Szegedy et al. 2015).
    InceptionV3(InceptionV3),
    /// Residual networks for `ImageNet` (He et al. 2015 and 2016).
    #[serde(rename = "resnet")]
    ResNet(ResNet),
    /// Residual networks for CIFAR (He et al. 2015 and 2016).
    #[serde(rename = "cifar-resnet")]
    CifarResNet(CifarResNet),
    /// Residual networks for log-mel patches of sound (Hershey et al. 2016).
    #[serde(rename = "audio-resnet")]
    AudioResNet(AudioResNet),
    /// Filters per channel and 1x1 convolutions (Howard et al. 2017).
    #[serde(rename = "mobilenet-v1")]
    MobileNetV1(MobileNetV1),
    /// Inverted residual blocks (Sandler et al. 2018).
    #[serde(rename = "mobilenet-v2")]
    MobileNetV2(MobileNetV2),
    /// Inverted residual blocks with squeeze and excitation (Howard et al. 2019).
    #[serde(rename = "mobilenet-v3")]
    MobileNetV3(MobileNetV3),
    /// The baseline of `EfficientNet` (Tan and Le 2019).
    #[serde(rename = "efficientnet-b0")]
    EfficientNetB0(EfficientNetB0),
    /// Split and shuffled channels (Ma et al. 2018).
    #[serde(rename = "shufflenet-v2")]
    ShuffleNetV2(ShuffleNetV2),
    /// Fire modules (Iandola et al. 2016).
    #[serde(rename = "squeezenet")]
    SqueezeNet(SqueezeNet),
    /// Densely connected networks (Huang et al. 2016).
    #[serde(rename = "densenet")]
    DenseNet(DenseNet),
    /// Residual blocks of separable convolutions (Chollet 2016).
    Xception(Xception),
    /// Plain networks of 3x3 convolutions (Simonyan and Zisserman 2014).
    Vgg(Vgg),
    /// LeNet-5 (LeCun et al. 1998).
    #[serde(rename = "lenet-5")]
    LeNet5(LeNet5),
    /// A network of one's own, layer by layer.
    Layers(Layers),
}

impl Architecture {
    /// Name of a network that is written layer by layer.
    pub const LAYERS: &str = Layers::FAMILY;

    /// Names of all families, as they stand in experiment files. [`Architecture::LAYERS`] is none of them.
    pub fn families() -> &'static [&'static str] {
        &[
            InceptionV1::FAMILY,
            InceptionV2::FAMILY,
            InceptionV3::FAMILY,
            ResNet::FAMILY,
            CifarResNet::FAMILY,
            AudioResNet::FAMILY,
            MobileNetV1::FAMILY,
            MobileNetV2::FAMILY,
            MobileNetV3::FAMILY,
            EfficientNetB0::FAMILY,
            ShuffleNetV2::FAMILY,
            SqueezeNet::FAMILY,
            DenseNet::FAMILY,
            Xception::FAMILY,
            Vgg::FAMILY,
            LeNet5::FAMILY,
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

    /// Number of classes that the network was published for: those of `ImageNet` or `AudioSet`, or 10.
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
            Self::InceptionV1(family) => family,
            Self::InceptionV2(family) => family,
            Self::InceptionV3(family) => family,
            Self::ResNet(family) => family,
            Self::CifarResNet(family) => family,
            Self::AudioResNet(family) => family,
            Self::MobileNetV1(family) => family,
            Self::MobileNetV2(family) => family,
            Self::MobileNetV3(family) => family,
            Self::EfficientNetB0(family) => family,
            Self::ShuffleNetV2(family) => family,
            Self::SqueezeNet(family) => family,
            Self::DenseNet(family) => family,
            Self::Xception(family) => family,
            Self::Vgg(family) => family,
            Self::LeNet5(family) => family,
            Self::Layers(layers) => layers,
        }
    }
}
