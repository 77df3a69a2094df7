// Files made here: the rows that pass the filters, the summary of identities, the events.
const HEAD = ["run", "frame", "seconds", "track_id", "class", "left", "top", "right", "bottom", "score", "depth", "depth_std"];
const rowsOf = () => [...passing].flatMap((track) => [...track.frames].map((frame, k) => [
  track.run.label, frame, +secondOf(frame).toFixed(4), track.id, track.class, track.left[k], track.top[k], track.right[k], track.bottom[k], track.score[k],
  Number.isFinite(track.depth[k]) ? track.depth[k] : null, Number.isFinite(track.std[k]) ? track.std[k] : null,
])).sort((a, b) => a[1] - b[1] || a[3] - b[3]);
const csvOf = (head, rows) => [head, ...rows].map((row) => row.map((value) => {
  const text = value === null || value === undefined ? "" : String(value);
  return /[",\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}).join(",")).join("\n") + "\n";
const give = (name, text, type) => {
  const address = URL.createObjectURL(new Blob([text], { type }));
  make("a", { href: address, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(address), 10000);
};
const startDownload = () => {
  const button = $("download"), list = $("downloads"), stem = data.title.replace(/\.\w+$/, "").replace(/[^\w.-]+/g, "-");
  const choices = [
    ["Tracks as CSV", "a row for each box", () => give(`${stem}.csv`, csvOf(HEAD, rowsOf()), "text/csv")],
    ["Tracks as JSON", "the same rows", () => give(`${stem}.json`, JSON.stringify(rowsOf().map((row) => Object.fromEntries(HEAD.map((name, k) => [name, row[k]])))), "application/json")],
    ["Identities as CSV", "one row for each, with depth, noise and path", () => {
      const head = Object.keys(all[0]?.summary ?? {});
      give(`${stem}-identities.csv`, csvOf(["run", ...head], [...passing].map((track) => [track.run.label, ...head.map((name) => track.summary[name])])), "text/csv");
    }],
    ["Events as CSV", "switches, differences, found again", () => give(`${stem}-events.csv`, csvOf(["run", "kind", "frame", "seconds", "before", "after", "only_here", "told"], eventsShown().map((event) => [event.run.label, event.kind, event.frame, secondOf(event.frame), event.before, event.after, event.alone, event.told])), "text/csv")],
  ];
  const open = (shown) => { list.hidden = !shown; button.setAttribute("aria-expanded", shown); };
  for (const [words, told, act] of choices) {
    const item = make("button", { type: "button" }, words, make("small", { textContent: told }));
    item.addEventListener("click", () => { act(); open(false); button.focus(); });
    list.append(make("li", {}, item));
  }
  button.addEventListener("click", () => open(list.hidden));
  button.parentElement.addEventListener("keydown", (event) => { if (event.key === "Escape" && !list.hidden) { open(false); button.focus(); } });
  document.addEventListener("click", (event) => { if (!button.parentElement.contains(event.target)) open(false); });
};
