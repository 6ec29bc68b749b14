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

/** The marker of a series around a place. */
function marker(series, [x, y], reach = 5) {
  const look = { class: "marker", fill: series.filled ? series.color : "var(--paper)" };
  if (!series.filled) Object.assign(look, { stroke: series.color, "stroke-width": 2 });
  if (series.corners.length === 0) return svg("circle", { cx: x, cy: y, r: reach, ...look });
  const corners = series.corners.map(([dx, dy]) => [x + reach * dx, y + reach * dy]);
  return svg("polygon", { points: points(corners), ...look });
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
