// The chart of points: accuracy against a cost.

const QUALITIES = ["test", "validation"];

/** Puts the chart into an element; `select` is told the position of the point that is chosen. */
function makeChart(root, data, select) {
  const state = { resource: data.resources[0], logarithmic: true, quality: "test", selected: null };
  const plot = html("div", { class: "plot" });
  const tip = html("div", { class: "tip", "aria-hidden": "true", hidden: "" });
  const change = (key, values) => (position) => {
    state[key] = values[position];
    draw();
  };
  const names = data.resources.map((resource) => resource.name);
  const controls = html("div", { class: "controls" },
    choice("Cost", names, change("resource", data.resources)),
    choice("Scale", ["logarithmic", "linear"], change("logarithmic", [true, false])),
    choice(`By ${data.metric} in`, QUALITIES, change("quality", QUALITIES)));
  const hint = html("p", { class: "note" },
    "Hover over a point, or reach it with Tab and the arrow keys, to read it; click it or press Enter to see its structure below.");
  root.replaceChildren(controls, plot, legend(data), hint);

  /** Positions of the points that have this cost, in order of it. */
  function shown() {
    const known = data.points.map((_, at) => at).filter((at) => cost(at) !== null);
    return known.sort((a, b) => cost(a) - cost(b));
  }

  const cost = (at) => data.points[at].costs[state.resource.cost];
  const quality = (at) => data.points[at][state.quality];

  function draw() {
    const width = Math.max(plot.clientWidth || 720, 260);
    const height = Math.min(400, 180 + width / 3);
    const box = { left: 58, right: width - 16, top: 10, bottom: height - 46 };
    const order = shown();
    const ends = order.flatMap((at) => {
      const [mean, deviation] = quality(at);
      return [mean - (deviation ?? 0), mean + (deviation ?? 0)];
    });
    const x = axis(order.map(cost), state.logarithmic, [box.left, box.right], Math.floor((box.right - box.left) / 62));
    const y = axis(ends, false, [box.bottom, box.top], Math.floor((box.bottom - box.top) / 36));
    const place = (at) => [x.at(cost(at)), y.at(quality(at)[0])];

    const titles = [`${state.resource.title}${state.logarithmic ? " (logarithmic)" : ""}`, `${state.quality} ${data.metric} in %`];
    const label = `${titles[1]} against ${titles[0]}, ${order.length} points`;
    const picture = svg("svg", { viewBox: `0 0 ${width} ${height}`, role: "group", "aria-label": label },
      frame(x, y, box, titles, evenly(y.ticks)));
    picture.append(...lines(order, place));
    for (const at of order) picture.append(errorBar(at, x, y));
    const markers = new Map(order.map((at) => [at, pointOf(at, place(at))]));
    picture.append(...markers.values());
    arrowKeys(markers, order);
    pointer(picture, order.map((at) => [at, place(at)]));
    plot.replaceChildren(picture, tip);
    tip.hidden = true;
  }

  /** The lines of joined series, and the steps of the front. */
  function lines(order, place) {
    const front = state.resource.front.map(place);
    const steps = front.flatMap(([x, y], i) => (i > 0 ? [[x, front[i - 1][1]], [x, y]] : [[x, y]]));
    const joined = data.series.map((series, at) => {
      const of = order.filter((point) => data.points[point].series === at);
      return series.joined && of.length > 1
        ? svg("polyline", { points: points(of.map(place)), class: "joined", stroke: series.color })
        : null;
    });
    return [svg("polyline", { points: points(steps), class: "front" }), ...joined.filter((line) => line !== null)];
  }

  function errorBar(at, x, y) {
    const [mean, deviation] = quality(at);
    if (deviation === null) return svg("g");
    const [middle, low, high] = [x.at(cost(at)), y.at(mean - deviation), y.at(mean + deviation)];
    const path = `M${middle} ${low}V${high}M${middle - 4} ${low}h8M${middle - 4} ${high}h8`;
    return svg("path", { d: path, class: "error", stroke: data.series[data.points[at].series].color });
  }

  function pointOf(at, place) {
    const point = data.points[at];
    const selected = at === state.selected;
    const group = svg("g", {
      class: selected ? "point selected" : "point", role: "button", tabindex: selected ? 0 : -1,
      "aria-pressed": selected, "aria-label": point.text, "data-point": at,
    }, svg("circle", { cx: place[0], cy: place[1], r: 11, class: "halo" }), marker(data.series[point.series], place));
    group.addEventListener("focus", () => showTip(at, place));
    group.addEventListener("blur", () => { tip.hidden = true; });
    return group;
  }

  /** Of points that lie on each other, the pointer means the one whose middle is nearest. */
  function pointer(picture, places) {
    const nearest = (event) => {
      const at = new DOMPoint(event.clientX, event.clientY).matrixTransform(picture.getScreenCTM().inverse());
      const distance = ([, [x, y]]) => Math.hypot(x - at.x, y - at.y);
      const best = places.reduce((a, b) => (distance(b) < distance(a) ? b : a), places[0]);
      return best !== undefined && distance(best) < 16 ? best : null;
    };
    const hover = (found) => {
      picture.style.cursor = found === null ? "" : "pointer";
      for (const point of picture.querySelectorAll(".point")) {
        point.classList.toggle("hovered", found !== null && Number(point.dataset.point) === found[0]);
      }
      if (found === null) tip.hidden = true;
      else showTip(...found);
    };
    picture.addEventListener("pointermove", (event) => hover(nearest(event)));
    picture.addEventListener("pointerleave", () => hover(null));
    picture.addEventListener("click", (event) => {
      const found = nearest(event);
      if (found !== null) select(found[0]);
    });
  }

  /** One point at a time is reached by Tab; arrows, Home and End go on from it in order of cost. */
  function arrowKeys(markers, order) {
    const first = markers.get(state.selected) ?? markers.get(order[0]);
    first?.setAttribute("tabindex", 0);
    for (const [rank, at] of order.entries()) {
      markers.get(at).addEventListener("keydown", (event) => {
        const last = order.length - 1;
        const next = { ArrowRight: rank + 1, ArrowUp: rank + 1, ArrowLeft: rank - 1, ArrowDown: rank - 1, Home: 0, End: last }[event.key];
        if (event.key === "Enter" || event.key === " ") {
          select(at);
          focus(at);
        } else if (event.key === "Escape") {
          tip.hidden = true;
        } else if (next !== undefined) {
          markers.get(order[Math.min(Math.max(next, 0), last)]).focus();
        } else {
          return;
        }
        event.preventDefault();
      });
    }
  }

  function showTip(at, [x, y]) {
    const point = data.points[at];
    const spread = ([mean, deviation]) => `${mean.toFixed(2)}${deviation === null ? "" : ` ± ${deviation.toFixed(2)}`} %`;
    const costs = data.resources
      .filter((resource) => point.costs[resource.cost] !== null)
      .map((resource) => html("div", {}, `${readable(point.costs[resource.cost])} ${resource.unit} ${resource.name}`));
    tip.replaceChildren(html("b", {}, point.name), ...costs,
      html("div", {}, `validation ${spread(point.validation)}`), html("div", {}, `test ${spread(point.test)}`));
    tip.hidden = false;
    const scale = plot.clientWidth / plot.querySelector("svg").viewBox.baseVal.width;
    const left = Math.min(Math.max(x * scale + 12, 0), plot.clientWidth - tip.offsetWidth - 4);
    const above = y * scale - tip.offsetHeight - 10;
    tip.style.left = `${left}px`;
    tip.style.top = `${above < 0 ? y * scale + 14 : above}px`;
  }

  const focus = (at) => plot.querySelector(`[data-point="${at}"]`)?.focus();
  new ResizeObserver(() => draw()).observe(root);
  draw();
  return { select: (at) => { state.selected = at; draw(); } };
}

/** What the markers mean. */
function legend(data) {
  const items = data.series.map((series) => {
    const sample = svg("svg", { width: 30, height: 16, "aria-hidden": "true" });
    if (series.joined) sample.append(svg("polyline", { points: "0,8 30,8", class: "joined", stroke: series.color }));
    sample.append(marker(series, [15, 8]));
    return html("li", {}, sample, ` ${series.label}`);
  });
  const front = svg("svg", { width: 30, height: 16, "aria-hidden": "true" }, svg("polyline", { points: "0,12 15,12 15,4 30,4", class: "front" }));
  return html("ul", { class: "legend" }, html("li", {}, front, " front by this cost, chosen by validation"), ...items);
}
