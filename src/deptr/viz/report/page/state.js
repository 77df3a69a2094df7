// What the reader has chosen; each part listens to what concerns it.
const state = {
  frame: 1, playing: false, speed: 1, chosen: new Set(), hovered: null,
  shown: { boxes: true, labels: true, trails: true },
  filters: { ids: null, class: "", seconds: 0, event: "" },
  kinds: { switch: true, differs: true, found: true },
};
const listeners = new Map();
const on = (names, listener) => names.split(" ").forEach((name) => {
  if (!listeners.has(name)) listeners.set(name, []);
  listeners.get(name).push(listener);
});
const tell = (name) => (listeners.get(name) ?? []).forEach((listener) => listener());

const idsOf = (text) => {
  const wanted = new Set();
  for (const part of text.split(/[,\s]+/).filter(Boolean)) {
    const match = /^(\d+)(?:-(\d+))?$/.exec(part);
    if (!match) return null;
    const last = Math.min(Number(match[2] ?? match[1]), Number(match[1]) + 10000);
    for (let id = Number(match[1]); id <= last; id += 1) wanted.add(id);
  }
  return wanted.size ? wanted : null;
};
const hasEvent = (track, kind) => kind === "gap"
  ? track.stretches.length > 1
  : kind === "alone" ? track.alone.length > 0
  : track.run.events.some((event) => event.kind === kind && (event.before === track.id || event.after === track.id));
let passing = new Set(all);
const filter = () => {
  const { ids, class: name, seconds, event } = state.filters;
  passing = new Set(all.filter((track) => (!ids || ids.has(track.id)) && (!name || track.class === name)
    && track.seconds >= seconds && (!event || hasEvent(track, event))));
  for (const key of state.chosen) if (![...passing].some((track) => track.key === key)) state.chosen.delete(key);
  tell("filter");
};
// of two runs the same object is chosen in both: tracks that share its colour
const choose = (track, add = false) => {
  const keys = [...passing].filter((other) => other === track || (two && other.run !== track.run && other.color === track.color)).map((other) => other.key);
  const was = state.chosen.has(track.key);
  if (!add) state.chosen.clear();
  for (const key of keys) if (was) state.chosen.delete(key); else state.chosen.add(key);
  tell("choice");
};
const clearChoice = () => { state.chosen.clear(); tell("choice"); };
const isChosen = (track) => state.chosen.has(track.key);
const faded = (track) => state.chosen.size > 0 && !isChosen(track);
