//! Network families as tables of stages, built into graphs
