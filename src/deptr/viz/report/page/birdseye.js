// The scene from above: image column against depth, the camera at the bottom; bars are one standard deviation.
const birds = [];
let reach = null;
const niceStep = (step) => {
  const power = 10 ** Math.floor(Math.log10(Math.max(step, 1e-12)));
  return [1, 2, 5, 10].map((factor) => factor * power).find((value) => value >= step * 0.999);
};
const quantile = (values, share) => values[Math.min(values.length - 1, Math.floor(share * values.length))];
const startBirds = () => {
  const depths = all.flatMap((track) => [...track.depth].filter(Number.isFinite)).sort((a, b) => a - b);
  if (!depths.length || !kind) {
    $("birds").append(make("p", { className: "empty", textContent: "These tracks carry no depth." }));
    return;
  }
  const high = quantile(depths, 0.99) * 1.08, low = quantile(depths, 0.01);
  reach = kind.unit ? [0, high] : [low - 0.06 * (high - low), high];
  $("above-note").textContent = kind.unit ? "metres from the camera" : "up to scale";
  for (const run of runs) {
    const canvas = make("canvas");
    canvas.setAttribute("role", "img");
    canvas.style.aspectRatio = two ? "1.5" : "1.16";
    if (two) $("birds").append(make("span", { className: "note", textContent: run.depth ? run.label : `${run.label}: no depth` }));
    if (!run.depth) continue;
    $("birds").append(canvas);
    birds.push({ run, canvas });
  }
  on("frame filter choice theme", drawBirds);
  new ResizeObserver(drawBirds).observe($("birds"));
};
const drawBirds = () => birds.forEach(drawBird);
const drawBird = ({ run, canvas }) => {
  const scale = fit(canvas), pen = canvas.getContext("2d"), { width, height } = canvas;
  const margin = 16 * scale, label = kind.unit ? 34 * scale : 0, bottom = height - 1.7 * margin, up = height - 3 * margin, spread = width - 2 * margin - label;
  const share = (depth) => { const s = (depth - reach[0]) / (reach[1] - reach[0]); return Math.min(1.03, Math.max(0, kind.nearer ? 1 - s : s)); };
  const at = (side, s) => [margin + label + spread / 2 + side * spread * (0.3 + 0.7 * s), bottom - s * up];
  const line = (a, b) => { pen.beginPath(); pen.moveTo(...a); pen.lineTo(...b); pen.stroke(); };
  pen.clearRect(0, 0, width, height);
  pen.lineWidth = scale; pen.strokeStyle = themeColor("--line"); pen.fillStyle = themeColor("--soft");
  pen.font = `${11.5 * scale}px system-ui, sans-serif`; pen.textBaseline = "middle";
  line(at(-0.5, 0), at(-0.5, 1)); line(at(0.5, 0), at(0.5, 1));
  if (kind.unit) {
    const step = niceStep((reach[1] - reach[0]) / 5);
    for (let value = step; value < reach[1]; value += step) {
      line(at(-0.5, share(value)), at(0.5, share(value)));
      pen.fillText(`${+value.toFixed(3)} ${kind.unit}`, 6 * scale, at(0, share(value))[1]);
    }
  } else {
    for (const s of [0.25, 0.5, 0.75, 1]) line(at(-0.5, s), at(0.5, s));
    pen.fillText("near", 8 * scale, at(0, 0)[1] - 8 * scale); pen.fillText("far", 8 * scale, at(0, 1)[1]);
  }
  const camera = at(0, 0);
  pen.beginPath(); pen.moveTo(camera[0], camera[1] + scale); pen.lineTo(camera[0] - 8 * scale, camera[1] + 12 * scale); pen.lineTo(camera[0] + 8 * scale, camera[1] + 12 * scale); pen.fill();
  const side = (track, k) => (track.left[k] + track.right[k]) / 2 / data.size[0] - 0.5;
  const now = secondOf(state.frame), seen = [];
  for (const track of run.tracks) {
    const end = passing.has(track) ? track.before(state.frame) : -1;
    if (end < 0 || now - secondOf(track.frames[end]) > 1) continue;
    pen.strokeStyle = paperColor(track); pen.lineWidth = 2 * scale;
    for (let k = end; k > 0 && now - secondOf(track.frames[k]) < 3; k -= 1) {
      if (!Number.isFinite(track.depth[k]) || !Number.isFinite(track.depth[k - 1])) continue;
      pen.globalAlpha = (faded(track) ? 0.15 : 0.75) * (1 - (now - secondOf(track.frames[k])) / 3);
      line(at(side(track, k), share(track.depth[k])), at(side(track, k - 1), share(track.depth[k - 1])));
    }
    if (track.frames[end] === state.frame && Number.isFinite(track.depth[end])) seen.push({ track, k: end });
  }
  pen.globalAlpha = 1; pen.textAlign = "center";
  for (const { track, k } of seen.sort(farFirst)) {
    const [x, y] = at(side(track, k), share(track.depth[k])), hex = colorOf(track);
    pen.globalAlpha = faded(track) ? 0.3 : 1;
    if (Number.isFinite(track.std[k])) {
      pen.strokeStyle = paperColor(track); pen.lineWidth = 2 * scale;
      line(at(side(track, k), share(track.depth[k] - track.std[k])), at(side(track, k), share(track.depth[k] + track.std[k])));
    }
    const name = String(track.id), size = (isChosen(track) ? 12 : 10) * scale;
    pen.font = `600 ${(name.length > 2 ? 9.5 : 11) * scale}px system-ui, sans-serif`;
    pen.fillStyle = "#10131a"; pen.beginPath(); pen.arc(x, y, size + 1.5 * scale, 0, 7); pen.fill();
    pen.fillStyle = hex; pen.beginPath(); pen.arc(x, y, size, 0, 7); pen.fill();
    pen.fillStyle = inkOn(hex); pen.fillText(name, x, y + 0.5 * scale);
  }
  pen.globalAlpha = 1; pen.textAlign = "left";
  canvas.setAttribute("aria-label", `${two ? `${run.label}, ` : ""}from above: ${seen.map(({ track, k }) => `${track.id} at ${depthWords(track.depth[k])}`).join(", ") || "no depth known in this frame"}`);
};
