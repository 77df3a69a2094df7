// Who is seen when: a lane for each identity, gaps dotted, marks where something happened.
const LANES = 400;
const laneOf = new Map();
const share = (frame) => ((frame - 1) / Math.max(1, data.length)) * 100;
const startTimeline = () => {
  const rows = $("rows");
  rows.append(make("div", { className: "now", id: "now" }));
  rows.addEventListener("click", (event) => {
    const lane = event.target.closest("svg.lane-bar");
    if (!lane) return;
    const box = lane.getBoundingClientRect();
    setPlaying(false);
    seek(Math.floor(((event.clientX - box.left) / box.width) * data.length) + 1);
  });
  const legend = [["M0 6H26", "seen", "stroke:currentColor;stroke-width:8"], ["M0 6H26", "lost, found again", "stroke:currentColor;stroke-width:2;stroke-dasharray:2 4"]];
  if (two) legend.push(["M0 6H26", "only in this run", "stroke:var(--warn);stroke-width:3"]);
  for (const [path, words, style] of legend) $("time-legend").append(make("span", {}, shape("svg", { viewBox: "0 0 26 12", "aria-hidden": "true" }, shape("path", { d: path, style, fill: "none" })), words));
  if (all.some((track) => track.run.events.some((event) => event.kind !== "found"))) {
    $("time-legend").append(make("span", {}, shape("svg", { viewBox: "0 0 26 12", "aria-hidden": "true" }, shape("path", { d: "M13 0l5 6-5 6-5-6z", style: "fill:var(--warn)" })), "identity changes"));
  }
  on("filter theme kinds", fillTimeline);
  on("choice", markLanes);
  on("frame", moveNow);
};
// of two runs, lanes that share a colour stand together: what one run calls 3 and the other 4, then 9
const laneOrder = () => [...passing].sort((a, b) => (two ? firstOf(a) - firstOf(b) || a.color - b.color : 0) || a.run.index - b.run.index || a.first - b.first || a.id - b.id);
const firstOf = (track) => runs[0].byId.get(track.color)?.first ?? track.first;
const fillTimeline = () => {
  const rows = $("rows"), shown = laneOrder();
  laneOf.clear();
  rows.querySelectorAll(".lane, .axis, .empty").forEach((node) => node.remove());
  rows.append(axis());
  for (const track of shown.slice(0, LANES)) {
    const button = idButton(track), lane = make("div", { className: `lane${two && track.run.index ? " inset" : ""}` }, button, bar(track));
    laneOf.set(track.key, lane);
    rows.append(lane);
  }
  if (shown.length > LANES) rows.append(make("p", { className: "empty", textContent: `${shown.length - LANES} more; filter to see them.` }));
  if (!shown.length) rows.append(make("p", { className: "empty", textContent: "No identity passes the filters." }));
  markLanes();
  moveNow();
};
const idButton = (track) => {
  const button = make("button", { className: "id", type: "button" }, make("i"), String(track.id));
  if (two) button.append(make("small", { textContent: "AB"[track.run.index] }));
  button.style.setProperty("--c", colorOf(track));
  button.setAttribute("aria-label", `Identity ${track.id}${two ? ` of ${track.run.label}` : ""}`);
  button.dataset.key = track.key;
  button.addEventListener("click", (event) => choose(track, event.shiftKey || event.ctrlKey || event.metaKey));
  button.setAttribute("aria-pressed", isChosen(track));
  return button;
};
const axis = () => {
  const inner = make("div", { className: "ticks" }), total = data.timed ? secondOf(data.length) : data.length, step = niceStep(total / 9);
  for (let value = 0; value < total * 0.98; value += step) {
    const mark = make("span", { textContent: data.timed ? `${+value.toFixed(2)} s` : String(Math.max(1, value)) });
    mark.style.left = `${data.timed ? share(frameAt(value)) : share(value)}%`;
    inner.append(mark);
  }
  return make("div", { className: "lane axis" }, make("div"), inner);
};
const bar = (track) => {
  const svg = shape("svg", { class: "lane-bar", viewBox: "0 0 100 22", preserveAspectRatio: "none", role: "img", style: `color:${paperColor(track)}` });
  const title = `Identity ${track.id}: ${track.stretches.map(([a, b]) => data.timed ? `${secondOf(a).toFixed(1)} to ${secondOf(b).toFixed(1)} s` : `frames ${a} to ${b}`).join(", ")}`;
  svg.append(shape("title", {}, title));
  const line = (a, b, y, style) => svg.append(shape("line", { x1: share(a), x2: share(b + 1), y1: y, y2: y, style: `stroke:currentColor;vector-effect:non-scaling-stroke;${style}` }));
  if (track.stretches.length > 1) line(track.first, track.last, 11, "stroke-width:2;stroke-dasharray:2 4");
  for (const [a, b] of track.stretches) line(a, b, 11, "stroke-width:9");
  for (const [a, b] of track.alone) line(a, b, 19.5, "stroke:var(--warn);stroke-width:2.5");
  const marks = track.run.events.filter((event) => event.kind !== "found" && event.after === track.id && state.kinds[event.kind]);
  if (!marks.length) return svg;
  const holder = make("div");
  holder.style.position = "relative";
  holder.append(svg);
  for (const event of marks) {
    const mark = shape("svg", { viewBox: "0 0 12 14", "aria-hidden": "true", style: `position:absolute;top:4px;width:11px;height:14px;left:calc(${share(event.frame)}% - 5px);pointer-events:none` });
    mark.append(shape("path", { d: "M6 0l6 7-6 7-6-7z", style: "fill:var(--warn);stroke:var(--surface);stroke-width:1.4" }));
    holder.append(mark);
  }
  return holder;
};
const markLanes = () => {
  for (const [key, lane] of laneOf) {
    const chosen = state.chosen.has(key);
    lane.classList.toggle("chosen", chosen);
    lane.style.opacity = state.chosen.size && !chosen ? 0.75 : 1;
    lane.querySelector(".id").setAttribute("aria-pressed", chosen);
  }
};
const moveNow = () => {
  const rows = $("rows"), now = $("now"), inner = rows.querySelector(".ticks");
  if (!inner) return;
  now.style.left = `${inner.offsetLeft + (inner.offsetWidth * share(state.frame + 0.5)) / 100}px`;
  now.style.height = `${rows.scrollHeight}px`;
};
new ResizeObserver(() => moveNow()).observe($("rows"));
