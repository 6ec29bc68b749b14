//! Instructions on dense tensors and the devices that execute them; knows no graph
