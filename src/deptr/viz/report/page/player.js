// Time: the video's where there is one, else a clock of our own.
let video = null, ticking = 0, clockStart = null;
const seek = (frame, fromVideo = false) => {
  state.frame = Math.min(data.length, Math.max(1, Math.round(frame)));
  if (video && !fromVideo) video.currentTime = Math.min(secondOf(state.frame) + 0.4 / data.fps, Math.max(0, (video.duration || Infinity) - 0.01));
  if (!fromVideo) clockStart = null;
  tell("frame");
};
const showClock = () => {
  const scrub = $("scrub");
  scrub.value = state.frame;
  const words = data.timed ? `${clock(secondOf(state.frame))} · frame ${state.frame}` : `frame ${state.frame}`;
  scrub.setAttribute("aria-valuetext", words);
  $("clock").replaceChildren(make("b", { textContent: data.timed ? clock(secondOf(state.frame)) : state.frame }), ` · frame ${state.frame} / ${data.length}`);
};
const setPlaying = (playing) => {
  state.playing = playing;
  if (playing && state.frame >= data.length) seek(1);
  clockStart = null;
  if (video) { video.playbackRate = state.speed; if (playing) video.play().catch(() => setPlaying(false)); else video.pause(); }
  const button = $("play");
  button.setAttribute("aria-label", playing ? "Pause" : "Play");
  button.querySelector("path").setAttribute("d", playing ? "M6 5h4v14H6zM14 5h4v14h-4z" : "M7 5v14l12-7z");
  cancelAnimationFrame(ticking);
  if (playing) ticking = requestAnimationFrame(tick);
};
const tick = (now) => {
  if (!state.playing) return;
  if (video) {
    if (!video.requestVideoFrameCallback) { const frame = frameAt(video.currentTime); if (frame !== state.frame) seek(frame, true); }
    if (video.ended) { seek(data.length, true); setPlaying(false); return; }
  } else {
    clockStart ??= { now, second: secondOf(state.frame) };
    const frame = frameAt(clockStart.second + ((now - clockStart.now) / 1000) * state.speed);
    if (frame !== state.frame) seek(frame, true);
    if (frame >= data.length) { setPlaying(false); return; }
  }
  ticking = requestAnimationFrame(tick);
};
const followVideo = () => {
  const step = (_, shown) => {
    const frame = frameAt(shown.mediaTime);
    if (frame !== state.frame && (state.playing || video.seeking === false)) { if (state.playing) seek(frame, true); else tell("picture"); }
    else tell("picture");
    video.requestVideoFrameCallback(step);
  };
  if (video.requestVideoFrameCallback) video.requestVideoFrameCallback(step);
  for (const name of ["seeked", "loadeddata"]) video.addEventListener(name, () => tell("picture"));
};
const eventsShown = () => runs.flatMap((run) => run.events).filter((event) => state.kinds[event.kind]
  && (passing.has(event.run.byId.get(event.after)) || passing.has(event.run.byId.get(event.before))))
  .sort((a, b) => a.frame - b.frame);
const jump = (direction) => {
  const frames = eventsShown().map((event) => event.frame);
  const target = direction > 0 ? frames.find((frame) => frame > state.frame) : frames.reverse().find((frame) => frame < state.frame);
  if (target) { setPlaying(false); seek(target); }
};
const startPlayer = () => {
  const scrub = $("scrub");
  scrub.max = data.length;
  scrub.addEventListener("input", () => { setPlaying(false); seek(Number(scrub.value)); });
  $("play").addEventListener("click", () => setPlaying(!state.playing));
  $("back").addEventListener("click", () => { setPlaying(false); seek(state.frame - 1); });
  $("forward").addEventListener("click", () => { setPlaying(false); seek(state.frame + 1); });
  $("speed").addEventListener("change", (event) => { state.speed = Number(event.target.value); if (video) video.playbackRate = state.speed; clockStart = null; });
  const second = Math.max(1, Math.round(data.fps));
  const keys = {
    " ": () => setPlaying(!state.playing), "[": () => jump(-1), "]": () => jump(1), Escape: clearChoice,
    ArrowLeft: (event) => seek(state.frame - (event.shiftKey ? second : 1)), ArrowRight: (event) => seek(state.frame + (event.shiftKey ? second : 1)),
    Home: () => seek(1), End: () => seek(data.length),
  };
  $("stages").addEventListener("keydown", (event) => {
    if (!keys[event.key] || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    if (event.key.startsWith("Arrow") || event.key === "Home" || event.key === "End") setPlaying(false);
    keys[event.key](event);
  });
  on("frame", showClock);
};
