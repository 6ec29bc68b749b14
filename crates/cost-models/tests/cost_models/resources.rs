//! Resources by name.

use cost_models::{Bytes, CostModel, Latency, Resource, Roofline};

use crate::support::{roofline, weighted};

#[test]
fn resources_are_named_like_their_models() {
    let names = Resource::PLAIN.map(|resource| resource.to_string());
    assert_eq!(names, ["flops", "macs", "params", "activations", "macts"]);
    let units = Resource::PLAIN.map(|resource| resource.unit());
    assert_eq!(units, ["FLOP/image", "MAC/image", "weights", "channels", "values/image"]);
    assert_eq!(Resource::Bytes(Bytes::of_batch(4)).to_string(), "bytes of batch 4");
    let latency = Resource::Latency(Latency::Roofline(roofline(None)));
    assert_eq!((latency.name(), latency.unit()), ("latency", "ns/batch"));
    assert_eq!(latency.to_string(), "latency on t4, batch 2");
    let sum = Resource::Weighted(weighted());
    assert!(sum.to_string().starts_with("0.5 x flops + 3 x params + 2 x latency on t4"), "{sum}");
}

#[test]
fn resources_survive_json() {
    let latency = |smooth| Resource::Latency(Latency::Roofline(roofline(smooth)));
    let mut all: Vec<Resource> = Resource::PLAIN.into();
    all.extend([
        Resource::Bytes(Bytes { batch: 2, counting: cost_models::Counting::ALL }),
        latency(None),
        latency(cost_models::Smooth::new(8.5)),
        Resource::Latency(Latency::Measured(crate::measured::example(3))),
        Resource::Weighted(weighted()),
    ]);
    for resource in all {
        let text = serde_json::to_string(&resource).unwrap();
        assert_eq!(serde_json::from_str::<Resource>(&text).unwrap(), resource, "{text}");
    }
}

// Plans that were written when there were these four only are read and hashed as before.
#[test]
fn plain_resources_are_one_word_in_json() {
    let texts = Resource::PLAIN.map(|resource| serde_json::to_string(&resource).unwrap());
    assert_eq!(texts[..4], ["\"flops\"", "\"macs\"", "\"params\"", "\"activations\""]);
}

#[test]
fn a_latency_holds_its_numbers_and_no_default_options() {
    let roofline = Roofline::new(cost_models::Device::named("p100").unwrap(), 1);
    let text = serde_json::to_string(&Resource::Latency(Latency::Roofline(roofline))).unwrap();
    assert_eq!(
        text,
        r#"{"latency":{"roofline":{"device":{"name":"p100","precision":"fp32","bytes_per_value":4,"peak_gflops":9300.0,"bandwidth_gbs":732.0},"batch":1}}}"#
    );
}
