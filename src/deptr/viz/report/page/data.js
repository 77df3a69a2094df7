// What the page holds, unpacked: tracks as typed arrays, frames and seconds, colours.
const unpack = async (text) => {
  const bytes = Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
  return JSON.parse(await new Response(stream).text());
};
const $ = (id) => document.getElementById(id);
const make = (tag, properties = {}, ...children) => {
  const { dataset, ...rest } = properties;
  const node = Object.assign(document.createElement(tag), rest);
  Object.assign(node.dataset, dataset);
  node.append(...children);
  return node;
};
const SVG = "http://www.w3.org/2000/svg";
const shape = (tag, attributes, ...children) => {
  const node = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  node.append(...children);
  return node;
};

const palette = $("palette").textContent.split(",");
const data = await unpack($("data").textContent.trim());
const nan = (values, count) => Float64Array.from({ length: count }, (_, k) => values?.[k] ?? NaN);
const summed = (steps, scale = 1) => {
  let total = 0;
  return Float64Array.from(steps, (step) => (total += step) / scale);
};

class Track {
  constructor(raw, run) {
    Object.assign(this, { run, id: raw.id, color: raw.color, class: raw.class, summary: raw.summary });
    this.key = `${run.index}:${raw.id}`;
    this.frames = summed(raw.frames);
    for (const side of ["left", "top", "right", "bottom"]) this[side] = summed(raw[side], 100);
    this.score = raw.score.map((value) => value / 1000);
    this.depth = nan(raw.depth, this.frames.length);
    this.std = nan(raw.std, this.frames.length);
    this.hasDepth = raw.depth !== null;
    this.hasStd = raw.std !== null;
    this.alone = raw.alone ?? [];
    this.first = this.frames[0];
    this.last = this.frames[this.frames.length - 1];
    this.stretches = [];
    let start = 0;
    for (let k = 1; k <= this.frames.length; k += 1) {
      if (k === this.frames.length || this.frames[k] > this.frames[k - 1] + 1) {
        this.stretches.push([this.frames[start], this.frames[k - 1]]);
        start = k;
      }
    }
  }
  // place in the arrays of the last row at or before a frame, -1 before the first
  before(frame) {
    let low = 0, high = this.frames.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.frames[middle] <= frame) low = middle + 1; else high = middle;
    }
    return low - 1;
  }
  at(frame) {
    const place = this.before(frame);
    return place >= 0 && this.frames[place] === frame ? place : -1;
  }
  isAlone(frame) {
    return this.alone.some(([first, last]) => first <= frame && frame <= last);
  }
  get seconds() { return secondOf(this.last) - secondOf(this.first) + 1 / data.fps; }
}

const secondOf = (frame) => data.times?.[frame - 1] ?? (frame - 1) / data.fps;
const frameAt = (second) => {
  if (!data.times) return Math.min(data.length, Math.max(1, Math.floor(second * data.fps + 1e-3) + 1));
  let frame = 1;
  while (frame < data.length && data.times[frame] <= second + 1e-4) frame += 1;
  return frame;
};
const runs = data.runs.map((raw, index) => {
  const run = { ...raw, index };
  run.tracks = raw.tracks.map((track) => new Track(track, run));
  run.byId = new Map(run.tracks.map((track) => [track.id, track]));
  const found = run.tracks.flatMap((track) => track.stretches.slice(1).map(([frame], k) => ({
    kind: "found", frame, before: track.id, after: track.id, alone: false,
    told: `${track.id} found again after ${(secondOf(frame) - secondOf(track.stretches[k][1])).toFixed(1)} s`,
  })));
  run.events = [...raw.events, ...found].sort((a, b) => a.frame - b.frame).map((event) => ({ ...event, run }));
  return run;
});
const two = runs.length > 1;
const all = runs.flatMap((run) => run.tracks);
const kind = runs.find((run) => run.depth)?.depth ?? null;

const clock = (second) => {
  const minutes = Math.floor(second / 60);
  return `${minutes}:${(second - 60 * minutes).toFixed(2).padStart(5, "0")}`;
};
const depthWords = (value) => {
  if (!Number.isFinite(value) || !kind) return "";
  const digits = Math.abs(value) >= 100 ? 0 : Math.abs(value) >= 2 ? 1 : 2;
  return `${kind.kind === "pseudo" ? "~" : ""}${value.toFixed(digits)}${kind.unit ? ` ${kind.unit}` : ""}`;
};

// colours: the identity's own on video; on paper darkened or lightened until it stands out (3:1, WCAG 1.4.11)
const rgb = (hex) => [1, 3, 5].map((k) => parseInt(hex.slice(k, k + 2), 16));
const luminance = (color) => {
  const [r, g, b] = color.map((v) => (v / 255 <= 0.03928 ? v / 3294.6 : ((v / 255 + 0.055) / 1.055) ** 2.4));
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
};
const contrast = (a, b) => {
  const [high, low] = [luminance(a), luminance(b)].sort((x, y) => y - x);
  return (high + 0.05) / (low + 0.05);
};
const colorOf = (track) => palette[(track.color - 1 + 16 * 99) % palette.length];
const paperCache = new Map();
const paperColor = (track) => {
  const surface = themeColor("--surface"), hex = colorOf(track), key = surface + hex;
  if (!paperCache.has(key)) {
    const ground = rgb(surface), ink = luminance(ground) > 0.5 ? 0 : 255;
    let color = rgb(hex);
    while (contrast(color, ground) < 3) color = color.map((v) => Math.round(v + (ink - v) * 0.08));
    paperCache.set(key, `rgb(${color.join(" ")})`);
  }
  return paperCache.get(key);
};
const inkOn = (hex) => { const [r, g, b] = rgb(hex); return 0.299 * r + 0.587 * g + 0.114 * b > 120 ? "#10131a" : "#f5f6f8"; };
const themeColor = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
