// The widths of one network, layer by layer.

/** Puts the diagram into an element. */
function makeWidths(root, data) {
  let seed = 0;

  /** Shows the network of a point under the seed at a position among those that it has. */
  function draw(at) {
    const { name, text, networks } = data.points[at];
    const network = networks[Math.min(seed, networks.length - 1)];
    const lines = [html("p", { role: "status" }, html("b", {}, name), ` ${text}`)];
    if (networks.length > 1) {
      lines.push(choice("Seed", networks.map((each) => each.seed), (position) => { seed = position; draw(at); }));
      lines.at(-1).querySelectorAll("input")[networks.indexOf(network)].checked = true;
    }
    lines.push(html("p", { class: "note" }, `structure ${network.structure}, seed ${network.seed}`));
    lines.push(network.widths === null ? html("p", {}, "The widths of this network are not known.") : table(network.widths));
    root.replaceChildren(...lines);
  }

  function table(widths) {
    const most = Math.max(1, ...widths, ...data.layers.map((layer) => layer.width));
    const share = (width) => `${(100 * width) / most}%`;
    const rows = data.layers.map((layer, at) => {
      const before = html("div", { class: "before", style: `width: ${share(layer.width)}` });
      const after = html("div", { class: "after", style: `width: ${share(widths[at])}` });
      const bars = html("div", { class: "bars", "aria-hidden": "true" }, after, before);
      return html("tr", {}, html("th", { scope: "row" }, layer.name), html("td", { class: "bar" }, bars),
        html("td", {}, `${layer.width} → ${widths[at]}`));
    });
    return html("table", { class: "widths" },
      html("caption", {}, "Channels of every layer: outlined in the seed → filled in this network."), html("tbody", {}, ...rows));
  }

  return { select: draw };
}
