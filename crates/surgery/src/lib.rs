//! Shrink, expand, the width multiplier under a budget, and structure files
