//! Average precision: how well scores put the images of a class before the others.

/// Sum over images of the class, from the highest score down, of the share of the class among all images with at least that
/// score, divided by their number. Images of equal scores count together, as in scikit-learn's `average_precision_score`.
///
/// None if no image is of the class, or a score is not a number.
pub fn average_precision(scores: &[f32], of_class: &[bool]) -> Option<f64> {
    let all = of_class.iter().filter(|of_class| **of_class).count();
    if all == 0 || scores.iter().any(|score| score.is_nan()) {
        return None;
    }
    let mut order: Vec<usize> = (0..scores.len().min(of_class.len())).collect();
    order.sort_by(|a, b| scores[*b].total_cmp(&scores[*a]));
    let (mut sum, mut found, mut seen) = (0.0, 0, 0);
    for equals in order.chunk_by(|a, b| scores[*a] == scores[*b]) {
        let hits = equals.iter().filter(|image| of_class[**image]).count();
        found += hits;
        seen += equals.len();
        sum += hits as f64 * found as f64 / seen as f64;
    }
    Some(sum / all as f64)
}
