// Elements of the page.

const SVG = "http://www.w3.org/2000/svg";

/** Gives an element attributes and children; children that are texts become text nodes. */
function fill(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children);
  return element;
}

const svg = (name, attributes = {}, ...children) =>
  fill(document.createElementNS(SVG, name), attributes, children);

const html = (name, attributes = {}, ...children) =>
  fill(document.createElement(name), attributes, children);

const points = (places) => places.map((place) => place.map((x) => x.toFixed(2)).join(",")).join(" ");

/**
 * The marker of a series around a place: filled for the first cycle and mode, hollow for the next, then with a dot or a bar in it,
 * so that they are told apart in grey.
 */
function marker(series, [x, y], reach = 5) {
  const { color, corners, later } = series;
  const look = later === 0 ? { class: "marker", fill: color } : { class: "marker hollow", stroke: color };
  const places = points(corners.map(([dx, dy]) => [x + reach * dx, y + reach * dy]));
  const shape = corners.length === 0 ? svg("circle", { cx: x, cy: y, r: reach, ...look }) : svg("polygon", { points: places, ...look });
  if (later < 2) return shape;
  const half = later === 2 ? 1 : 3;
  const inside = svg("rect", { x: x - half, y: y - 1, width: 2 * half, height: 2, fill: color });
  return svg("g", {}, shape, inside);
}

/** A choice of one among several, each with a label; `change` is told the position of the one that is chosen. */
function choice(legend, labels, change) {
  const name = legend.replace(/\W/g, "-");
  const options = labels.map((label, position) => {
    const input = html("input", { type: "radio", name, value: position });
    input.checked = position === 0;
    input.addEventListener("change", () => change(position));
    return html("label", {}, input, ` ${label}`);
  });
  return html("fieldset", {}, html("legend", {}, legend), ...options);
}
