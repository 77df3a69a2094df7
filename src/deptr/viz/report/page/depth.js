// Depth of each identity over time, with one standard deviation as a band where it is known.
let plot = null;
const startDepth = () => {
  const card = $("depth");
  if (!reach) { card.hidden = true; return; }
  const banded = all.some((track) => track.hasStd);
  $("depth-note").textContent = `${kind.unit ? "metres" : "up to scale"}${kind.nearer ? ", larger is nearer" : ""}${banded ? " · bands are one standard deviation" : ""}`;
  const canvas = $("chart");
  canvas.addEventListener("pointermove", (event) => { hover(event); });
  canvas.addEventListener("pointerleave", () => { state.hovered = null; drawDepth(); });
  canvas.addEventListener("click", (event) => {
    hover(event);
    if (state.hovered) choose(state.hovered.track, event.shiftKey || event.ctrlKey || event.metaKey);
    else { setPlaying(false); seek(frameOf(event)); }
  });
  on("frame filter choice theme", drawDepth);
  new ResizeObserver(drawDepth).observe(canvas);
};
const gutter = () => parseFloat(themeColor("--gutter"));
const frameOf = (event) => {
  const box = $("chart").getBoundingClientRect(), left = gutter();
  return Math.floor(((event.clientX - box.left - left) / (box.width - left)) * data.length) + 1;
};
const hover = (event) => {
  if (!plot) return;
  const scale = window.devicePixelRatio || 1, y = event.offsetY * scale, frame = frameOf(event);
  let best = null;
  for (const track of passing) {
    const k = track.at(frame);
    if (k < 0 || !Number.isFinite(track.depth[k])) continue;
    const off = Math.abs(plot.y(track.depth[k]) - y) / scale;
    if (off < 12 && (!best || off < best.off)) best = { track, k, off };
  }
  state.hovered = best;
  drawDepth();
};
const shownReach = () => {
  const tracks = state.chosen.size ? [...passing].filter(isChosen) : [...passing];
  const values = tracks.flatMap((track) => [...track.depth].filter(Number.isFinite)).sort((a, b) => a - b);
  if (!values.length) return reach;
  const low = quantile(values, 0.005), high = quantile(values, 0.995), pad = Math.max((high - low) * 0.12, Math.abs(high) * 0.02, 1e-6);
  return [kind.unit && !state.chosen.size ? 0 : Math.max(kind.nearer ? -Infinity : 0, low - pad), high + pad];
};
const drawDepth = () => {
  const canvas = $("chart"), scale = fit(canvas), pen = canvas.getContext("2d"), { width, height } = canvas;
  const left = gutter() * scale, top = 8 * scale, bottom = height - 22 * scale, [low, high] = shownReach();
  const x = (frame) => left + ((frame - 0.5) / data.length) * (width - left), y = (value) => bottom - ((value - low) / (high - low)) * (bottom - top);
  plot = { y };
  pen.clearRect(0, 0, width, height);
  pen.font = `${11.5 * scale}px system-ui, sans-serif`; pen.fillStyle = themeColor("--soft"); pen.strokeStyle = themeColor("--line");
  pen.lineWidth = scale; pen.textBaseline = "middle"; pen.textAlign = "right";
  const step = niceStep((high - low) / 5);
  for (let value = Math.ceil(low / step) * step; value <= high; value += step) {
    pen.beginPath(); pen.moveTo(left, y(value)); pen.lineTo(width, y(value)); pen.stroke();
    pen.fillText(`${+value.toFixed(4)}${kind.unit ? ` ${kind.unit}` : ""}`, left - 8 * scale, y(value));
  }
  const total = data.timed ? secondOf(data.length) : data.length, every = niceStep(total / 9);
  pen.textAlign = "center"; pen.textBaseline = "alphabetic";
  for (let value = 0; value < total * 0.98; value += every) {
    pen.textAlign = value ? "center" : "left";
    pen.fillText(data.timed ? `${+value.toFixed(2)} s` : String(Math.max(1, value)), x(data.timed ? frameAt(value) : value + 1), height - 6 * scale);
  }
  pen.save(); pen.beginPath(); pen.rect(left, top - 4 * scale, width - left, bottom - top + 8 * scale); pen.clip();
  const order = [...passing].sort((a, b) => isChosen(a) - isChosen(b));
  for (const track of order) if (track.hasStd && (isChosen(track) || (!state.chosen.size && passing.size <= 40))) drawBand(pen, track, x, y);
  for (const track of order) drawCurve(pen, track, x, y, scale);
  pen.strokeStyle = themeColor("--warn"); pen.lineWidth = 2 * scale; pen.globalAlpha = 1; pen.setLineDash([]);
  pen.beginPath(); pen.moveTo(x(state.frame), top); pen.lineTo(x(state.frame), bottom); pen.stroke();
  pen.restore();
  readOut(canvas);
};
const drawBand = (pen, track, x, y) => {
  pen.fillStyle = paperColor(track); pen.globalAlpha = isChosen(track) ? 0.26 : 0.13;
  for (const [first, last] of track.stretches) {
    const upper = [], lower = [];
    for (let k = track.at(first); k <= track.at(last); k += 1) {
      if (!Number.isFinite(track.std[k])) continue;
      upper.push([x(track.frames[k]), y(track.depth[k] + track.std[k])]);
      lower.unshift([x(track.frames[k]), y(track.depth[k] - track.std[k])]);
    }
    pen.beginPath();
    [...upper, ...lower].forEach(([px, py], k) => (k ? pen.lineTo(px, py) : pen.moveTo(px, py)));
    pen.fill();
  }
  pen.globalAlpha = 1;
};
const drawCurve = (pen, track, x, y, scale) => {
  const strong = isChosen(track) || state.hovered?.track === track;
  pen.strokeStyle = paperColor(track); pen.globalAlpha = strong ? 1 : state.chosen.size ? 0.18 : 0.85;
  pen.lineWidth = (strong ? 3 : 1.6) * scale; pen.lineJoin = "round"; pen.setLineDash(two && track.run.index ? [6 * scale, 3 * scale] : []);
  pen.beginPath();
  let open = false;
  for (let k = 0; k < track.frames.length; k += 1) {
    const known = Number.isFinite(track.depth[k]), joined = k > 0 && track.frames[k] - track.frames[k - 1] === 1;
    if (known) { if (open && joined) pen.lineTo(x(track.frames[k]), y(track.depth[k])); else pen.moveTo(x(track.frames[k]), y(track.depth[k])); }
    open = known;
  }
  pen.stroke(); pen.setLineDash([]); pen.globalAlpha = 1;
};
const readOut = (canvas) => {
  const words = (track, k) => [make("b", { textContent: `${track.id}${two ? ` (${track.run.label})` : ""}` }), ` ${depthWords(track.depth[k])}${Number.isFinite(track.std[k]) ? ` ± ${depthWords(track.std[k]).replace("~", "")}` : ""}`];
  const picked = state.hovered ? [state.hovered] : [...passing].filter(isChosen).map((track) => ({ track, k: track.at(state.frame) })).filter(({ k }) => k >= 0 && true);
  const parts = picked.slice(0, 6).flatMap(({ track, k }, place) => [place ? " · " : "", ...words(track, k)]);
  if (state.hovered) parts.push(` in frame ${state.hovered.track.frames[state.hovered.k]}`);
  $("reading").replaceChildren(...(parts.length ? parts : ["Choose an identity to see its depth alone; the noise of each stands in the table of identities."]));
  canvas.setAttribute("aria-label", `Depth over time of ${passing.size} identities. ${$("reading").textContent}`);
};
