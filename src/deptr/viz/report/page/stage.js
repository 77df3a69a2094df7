// The picture of each run: the video, and boxes, labels and trails on it.
const stages = [];
const fit = (canvas) => {
  const scale = window.devicePixelRatio || 1, box = canvas.getBoundingClientRect();
  const width = Math.max(1, Math.round(box.width * scale)), height = Math.max(1, Math.round(box.height * scale));
  if (canvas.width !== width || canvas.height !== height) Object.assign(canvas, { width, height });
  return scale;
};
const startStages = () => {
  for (const run of runs) {
    const canvas = make("canvas");
    canvas.setAttribute("role", "img");
    const holder = make("div", { className: "stage" }, canvas);
    holder.style.aspectRatio = `${data.size[0]} / ${data.size[1]}`;
    if (data.video && !run.index) {
      video = make("video", { src: data.video.src, muted: true, playsInline: true, preload: "auto" });
      video.setAttribute("aria-hidden", "true");
      video.tabIndex = -1;
      video.addEventListener("error", () => {
        holder.append(make("p", { className: "missing", textContent: `The video ${data.video.name} is not where this page looks for it (${data.video.src.slice(0, 80)}).` }));
        video.remove(); video = null; draw();
      });
      holder.prepend(video);
    }
    const figure = make("figure", {}, holder);
    if (two) figure.prepend(make("figcaption", {}, `${"AB"[run.index]}: ${run.label}`, make("span", { textContent: `${run.tracks.length} identities` })));
    $("stages").append(figure);
    const stage = { run, canvas, places: [] };
    canvas.addEventListener("click", (event) => {
      const track = trackAt(stage, event);
      if (track) choose(track, event.shiftKey || event.ctrlKey || event.metaKey);
    });
    stages.push(stage);
  }
  if (video) followVideo();
  for (const [name, word] of [["boxes", "Boxes"], ["labels", "Labels"], ["trails", "Trails"]]) {
    const chip = make("button", { textContent: word, type: "button" });
    chip.setAttribute("aria-pressed", "true");
    chip.addEventListener("click", () => { state.shown[name] = !state.shown[name]; chip.setAttribute("aria-pressed", state.shown[name]); draw(); });
    $("shown").append(chip);
  }
  on("frame filter choice picture", draw);
  new ResizeObserver(draw).observe($("stages"));
};
const trackAt = (stage, event) => {
  const box = stage.canvas.getBoundingClientRect();
  const x = ((event.clientX - box.left) / box.width) * data.size[0], y = ((event.clientY - box.top) / box.height) * data.size[1];
  const inside = stage.places.filter(({ track, k }) => track.left[k] <= x && x <= track.right[k] && track.top[k] <= y && y <= track.bottom[k]);
  return inside.at(-1)?.track ?? null; // the nearest is drawn last
};
const draw = () => stages.forEach(drawStage);
const farFirst = (a, b) => {
  const away = ({ track, k }) => (Number.isFinite(track.depth[k]) ? (kind?.nearer ? -track.depth[k] : track.depth[k]) : -track.bottom[k] / 1e6);
  return away(b) - away(a);
};
const drawStage = (stage) => {
  const { canvas, run } = stage, scale = fit(canvas), pen = canvas.getContext("2d");
  const sx = canvas.width / data.size[0], sy = canvas.height / data.size[1];
  pen.setTransform(1, 0, 0, 1, 0, 0);
  pen.clearRect(0, 0, canvas.width, canvas.height);
  if (!video) drawGrid(pen, canvas, scale);
  else if (run.index && video.readyState >= 2) pen.drawImage(video, 0, 0, canvas.width, canvas.height);
  stage.places = run.tracks.filter((track) => passing.has(track)).map((track) => ({ track, k: track.at(state.frame) })).filter(({ k }) => k >= 0).sort(farFirst);
  if (state.shown.trails) for (const track of run.tracks) if (passing.has(track)) drawTrail(pen, track, sx, sy, scale);
  if (state.shown.boxes) for (const place of stage.places) drawBox(pen, place, sx, sy, scale);
  if (state.shown.labels) {
    const taken = [];
    for (const place of [...stage.places].reverse()) drawLabel(pen, place, sx, sy, scale, taken, canvas);
  }
  canvas.setAttribute("aria-label", `${two ? `${run.label}: ` : ""}frame ${state.frame}, ${stage.places.length} identities seen: ${stage.places.map(({ track }) => track.id).sort((a, b) => a - b).join(", ") || "none"}`);
};
const drawGrid = (pen, canvas, scale) => {
  pen.strokeStyle = "#1d232c"; pen.lineWidth = scale; pen.beginPath();
  for (let k = 1; k < 8; k += 1) {
    pen.moveTo((canvas.width * k) / 8, 0); pen.lineTo((canvas.width * k) / 8, canvas.height);
    pen.moveTo(0, (canvas.height * k) / 8); pen.lineTo(canvas.width, (canvas.height * k) / 8);
  }
  pen.stroke();
};
const drawTrail = (pen, track, sx, sy, scale) => {
  const now = secondOf(state.frame), end = track.before(state.frame);
  if (end < 0 || now - secondOf(track.frames[end]) > 1.5) return;
  pen.strokeStyle = colorOf(track); pen.lineCap = "round";
  for (let k = end; k > 0; k -= 1) {
    const age = (now - secondOf(track.frames[k])) / 3;
    if (age > 1) break;
    pen.globalAlpha = (faded(track) ? 0.2 : 0.9) * (1 - age);
    pen.lineWidth = (3.4 - 2.2 * age) * scale;
    pen.setLineDash(track.frames[k] - track.frames[k - 1] > 1 ? [3 * scale, 5 * scale] : []);
    pen.beginPath();
    pen.moveTo(((track.left[k] + track.right[k]) / 2) * sx, track.bottom[k] * sy);
    pen.lineTo(((track.left[k - 1] + track.right[k - 1]) / 2) * sx, track.bottom[k - 1] * sy);
    pen.stroke();
  }
  pen.globalAlpha = 1; pen.setLineDash([]);
};
const drawBox = (pen, { track, k }, sx, sy, scale) => {
  const box = [track.left[k] * sx, track.top[k] * sy, (track.right[k] - track.left[k]) * sx, (track.bottom[k] - track.top[k]) * sy];
  const width = isChosen(track) ? 3.2 : 2;
  pen.globalAlpha = faded(track) ? 0.35 : 1;
  pen.setLineDash(track.isAlone(state.frame) ? [7 * scale, 5 * scale] : []);
  pen.strokeStyle = "#10131a"; pen.lineWidth = (width + 2) * scale; pen.strokeRect(...box);
  pen.strokeStyle = colorOf(track); pen.lineWidth = width * scale; pen.strokeRect(...box);
  pen.setLineDash([]); pen.globalAlpha = 1;
};
const nearEvent = (track) => track.run.events.find((event) => event.after === track.id && event.kind !== "found" && state.kinds[event.kind]
  && state.frame >= event.frame && secondOf(state.frame) - secondOf(event.frame) < 1.2);
const drawLabel = (pen, { track, k }, sx, sy, scale, taken, canvas) => {
  const event = nearEvent(track), color = colorOf(track), name = String(track.id), pad = 5 * scale, height = 19 * scale;
  const reading = event ? `was ${event.before}` : depthWords(track.depth[k]);
  pen.font = `600 ${12.5 * scale}px system-ui, sans-serif`; pen.textBaseline = "middle";
  const nameWidth = pen.measureText(name).width + 2 * pad, extra = reading ? pen.measureText(reading).width + 2 * pad : 0;
  for (const width of extra ? [nameWidth + extra, nameWidth] : [nameWidth]) {
    const x = Math.max(0, Math.min(track.left[k] * sx - scale, canvas.width - width));
    const above = track.top[k] * sy - height - scale, y = above >= 0 ? above : Math.min(track.bottom[k] * sy + 2 * scale, canvas.height - height);
    if (taken.some(([l, t, r, b]) => x < r && l < x + width && y < b && t < y + height)) continue;
    taken.push([x, y, x + width, y + height]);
    pen.globalAlpha = faded(track) ? 0.4 : 1;
    if (width > nameWidth) {
      pen.fillStyle = event ? "#b3261e" : "rgb(16 19 26 / 82%)"; pen.beginPath(); pen.roundRect(x, y, width, height, 4 * scale); pen.fill();
      pen.fillStyle = "#fff"; pen.fillText(reading, x + nameWidth + pad, y + height / 2);
    }
    pen.fillStyle = color; pen.beginPath(); pen.roundRect(x, y, nameWidth, height, 4 * scale); pen.fill();
    pen.fillStyle = inkOn(color); pen.fillText(name, x + pad, y + height / 2);
    pen.globalAlpha = 1;
    return;
  }
};
