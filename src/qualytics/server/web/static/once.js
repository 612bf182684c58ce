// A form that is sent by a double click is sent once; later it may be sent again, as after a navigation that was stopped.
const PAUSE_MS = 1_000;
const sent = new WeakMap();

addEventListener("submit", (event) => {
  if (event.defaultPrevented) return;
  if (event.timeStamp - (sent.get(event.target) ?? -PAUSE_MS) < PAUSE_MS) event.preventDefault();
  else sent.set(event.target, event.timeStamp);
});
