//! FLOPs, parameters and activations as cost forms in the widths of a graph
