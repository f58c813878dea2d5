// How values read. The same is in format.go: a value reads the same with and without this script.

const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB', 'EiB'];
const unknown = '–';

// bytes is a size with three digits or so.
export function bytes(size) {
  if (size == null) return unknown;
  let value = size;
  let unit = 0;
  while (value >= 999.5 && unit < units.length - 1) {
    value /= 1024;
    unit++;
  }
  if (unit === 0 || value >= 99.95) return `${Math.floor(value + 0.5)} ${units[unit]}`;
  return `${(Math.floor(value * 10 + 0.5) / 10).toFixed(1)} ${units[unit]}`;
}

export const rate = (bytesPerSecond) => `${bytes(bytesPerSecond)}/s`;

// count is a number with a comma between thousands.
export function count(n) {
  if (n == null) return unknown;
  return String(n).replace(/\B(?=(\d{3})+$)/g, ',');
}

// span is a length of time in its largest unit.
export function span(seconds) {
  const s = Math.trunc(Math.max(0, seconds));
  if (s < 90) return `${s} s`;
  if (s < 90 * 60) return `${Math.trunc(s / 60)} min`;
  if (s < 48 * 3600) return `${Math.trunc(s / 3600)} h`;
  return `${count(Math.trunc(s / 86400))} d`;
}

// ago is how long before now something was; both are as the daemon says them, since the clock
// of the browser may be another.
export function ago(then, now) {
  if (then == null) return unknown;
  return `${span((Date.parse(now) - Date.parse(then)) / 1000)} ago`;
}

// clock is the time of day, in UTC as in the logs.
export const clock = (time) => new Date(time).toISOString().slice(11, 19);

// when is the time of day, with the day instead of seconds where that is not today.
export function when(time, now) {
  const text = new Date(time).toISOString();
  return text.slice(0, 10) === new Date(now).toISOString().slice(0, 10) ? text.slice(11, 19) : text.slice(5, 16).replace('T', ' ');
}

// share is a part of a whole in per cent, 0 to 100; 0 where either is not known.
export function share(part, whole) {
  if (part == null || !(whole > 0)) return 0;
  return Math.round(1000 * Math.min(1, Math.max(0, part / whole))) / 10;
}

// plain is a foreign text without what does not show: control characters, and those that turn
// the direction of the text around them, become the sign for what cannot be shown.
export const plain = (text) => String(text ?? '').replace(/[\p{Cc}\p{Bidi_Control}\u2028\u2029]/gu, '\ufffd');
