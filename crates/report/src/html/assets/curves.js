// Training curves: every search or every retraining, with those of the selected point in front.

const MEASURES = [
  ["loss", "training loss"],
  ["accuracy", "training accuracy"],
  ["learning_rate", "learning rate"],
  ["penalty", "penalty"],
  ["alive_cost", "share of the cost that is alive"],
];
const PHASES = [["retrain", "retrainings"], ["search", "searches"]];

/** Puts the curves into an element. */
function makeCurves(root, data) {
  const phases = PHASES.filter(([phase]) => data.curves.some((curve) => curve.phase === phase));
  const state = { phase: phases[0][0], measure: MEASURES[0], selected: null };
  const plot = html("div", { class: "plot" });
  const caption = html("p", { class: "note" });
  const measures = html("div");
  root.replaceChildren(html("div", { class: "controls" },
    choice("Training", phases.map(([, words]) => words), (at) => { state.phase = phases[at][0]; offer(); draw(); }), measures),
  plot, caption);

  /** What there is to show of a phase: whatever is not always nothing. */
  function offer() {
    const of = data.curves.filter((curve) => curve.phase === state.phase);
    const known = MEASURES.filter(([key]) => of.some((curve) => curve[key]?.some((value) => value !== null && value !== 0)));
    state.measure = known[0] ?? MEASURES[0];
    measures.replaceChildren(choice("Measure", known.map(([, words]) => words), (at) => { state.measure = known[at]; draw(); }));
  }

  function draw() {
    const [key, title] = state.measure;
    const curves = data.curves.filter((curve) => curve.phase === state.phase && curve[key]);
    const width = Math.max(plot.clientWidth || 720, 260);
    const box = { left: 62, right: width - 16, top: 10, bottom: 240 };
    const values = curves.flatMap((curve) => curve[key].filter((value) => value !== null));
    const x = axis(curves.flatMap((curve) => curve.epoch), false, [box.left, box.right], 12);
    x.ticks = x.ticks.filter(Number.isInteger);
    const y = axis(values, false, [box.bottom, box.top], 6);
    const names = new Set((data.points[state.selected]?.networks ?? []).map((network) => network[state.phase]));
    const path = (curve, kind) => {
      const known = curve.epoch.map((epoch, at) => [epoch, curve[key][at]]).filter(([, value]) => value !== null);
      const places = known.map(([epoch, value]) => [x.at(epoch), y.at(value)]);
      const shape = places.length === 1
        ? svg("circle", { cx: places[0][0], cy: places[0][1], r: 3, class: kind })
        : svg("polyline", { points: points(places), class: kind });
      shape.append(svg("title", {}, curve.name));
      return shape;
    };
    const inFront = curves.filter((curve) => names.has(curve.name));
    const label = `${title} against epochs, ${curves.length} trainings`;
    plot.replaceChildren(svg("svg", { viewBox: `0 0 ${width} 286`, role: "img", "aria-label": label },
      frame(x, y, box, ["epoch", title], evenly(y.ticks)),
      ...curves.filter((curve) => !names.has(curve.name)).map((curve) => path(curve, "curve")),
      ...inFront.map((curve) => path(curve, "curve chosen"))));
    const point = data.points[state.selected]?.name;
    caption.textContent = inFront.length > 0 ? `The heavy line belongs to ${point}.` : `No line here belongs to ${point}.`;
  }

  offer();
  new ResizeObserver(() => draw()).observe(root);
  return { select: (at) => { state.selected = at; draw(); } };
}
