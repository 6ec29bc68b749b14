//! Channel strengths, the price-weighted penalty and its proximal step
