//! Convolutional networks as graphs of operators: shapes, channel groups, widths; no weights
