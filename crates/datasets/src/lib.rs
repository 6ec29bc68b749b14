//! Image data sets from bytes: readers, splits, augmentation, batches, named random streams
