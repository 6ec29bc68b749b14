// Axes: the range that holds the data, and ticks at numbers people would choose.

const PREFIXES = [[1e12, " T"], [1e9, " G"], [1e6, " M"], [1e3, " k"]];

/** A number of a tick: `0.5`, `90`, `500 k`, `2 M`. */
function tickLabel(value) {
  const size = Math.abs(value);
  if (size !== 0 && (size < 1e-3 || size >= 1e15)) return value.toExponential();
  const [unit, prefix] = PREFIXES.find(([unit]) => size >= unit) ?? [1, ""];
  return `${Number((value / unit).toPrecision(9))}${prefix}`;
}

/** A number as people read it: four significant digits with a prefix. */
const readable = (value) => tickLabel(Number(value.toPrecision(4)));

/** Multiples of 1, 2 or 5 times a power of ten between two values: at most `most` of them. */
function linearTicks(low, high, most) {
  for (let exponent = Math.floor(Math.log10((high - low) / most)); ; exponent += 1) {
    for (const digit of [1, 2, 5]) {
      const count = (value) => value / digit / 10 ** exponent;
      const [first, last] = [Math.ceil(count(low)), Math.floor(count(high))];
      if (last - first < most) {
        return Array.from({ length: last - first + 1 }, (_, i) =>
          Number(`${(first + i) * digit}e${exponent}`));
      }
    }
  }
}

/** Powers of ten and digits of them between two positive values, or multiples where the range is short. */
function logarithmicTicks(low, high, most) {
  const decades = [Math.floor(Math.log10(low)), Math.ceil(Math.log10(high))];
  for (const digits of [[1, 2, 3, 4, 5, 6, 7, 8, 9], [1, 2, 5], [1]]) {
    const ticks = [];
    for (let exponent = decades[0]; exponent <= decades[1]; exponent += 1) {
      ticks.push(...digits.map((digit) => Number(`${digit}e${exponent}`)));
    }
    const inside = ticks.filter((tick) => tick >= low && tick <= high);
    if (inside.length <= most) return inside.length >= 3 ? inside : linearTicks(low, high, most);
  }
  return linearTicks(low, high, most);
}

/**
 * An axis around some values that runs from the pixel `start` to the pixel `end`: `at` places a value, `ticks` are the values to
 * label.
 */
function axis(values, logarithmic, [start, end], most) {
  const forward = logarithmic ? Math.log10 : (value) => value;
  const backward = logarithmic ? (place) => 10 ** place : (place) => place;
  const places = values.length > 0 ? values.map(forward) : [0, 1];
  let [low, high] = [Math.min(...places), Math.max(...places)];
  const narrowest = logarithmic ? 0.04 : Math.abs(high) * 0.01 || 1;
  const margin = 0.07 * Math.max(high - low, narrowest);
  const spare = Math.max(0, (narrowest - (high - low)) / 2);
  [low, high] = [low - margin - spare, high + margin + spare];
  const ticks = (logarithmic ? logarithmicTicks : linearTicks)(backward(low), backward(high), most);
  return { at: (value) => start + ((forward(value) - low) / (high - low)) * (end - start), ticks };
}

/** Grid, ticks and titles around a plot with the corners `[left, top]` and `[right, bottom]`. */
function frame(x, y, { left, right, top, bottom }, [xTitle, yTitle], pad = (value) => tickLabel(value)) {
  const line = (x1, y1, x2, y2, kind) => svg("line", { x1, y1, x2, y2, class: kind });
  const text = (x, y, anchor, words) => svg("text", { x, y, "text-anchor": anchor }, words);
  const parts = [];
  for (const tick of x.ticks) {
    parts.push(line(x.at(tick), top, x.at(tick), bottom, "grid"));
    parts.push(text(x.at(tick), bottom + 17, "middle", tickLabel(tick)));
  }
  for (const tick of y.ticks) {
    parts.push(line(left, y.at(tick), right, y.at(tick), "grid"));
    parts.push(text(left - 7, y.at(tick) + 4, "end", pad(tick)));
  }
  parts.push(line(left, top, left, bottom, "frame"), line(left, bottom, right, bottom, "frame"));
  parts.push(text((left + right) / 2, bottom + 36, "middle", xTitle));
  const middle = (top + bottom) / 2;
  const upright = { x: 13, y: middle, "text-anchor": "middle", transform: `rotate(-90 13 ${middle})` };
  parts.push(svg("text", upright, yTitle));
  return svg("g", { "aria-hidden": "true" }, ...parts);
}

/** The values with as many decimals each as the longest has. */
function evenly(ticks) {
  const decimals = Math.max(0, ...ticks.map((tick) => (String(tick).split(".")[1] ?? "").length));
  return (value) => (Math.abs(value) < 1e3 ? value.toFixed(Math.min(decimals, 6)) : tickLabel(value));
}
