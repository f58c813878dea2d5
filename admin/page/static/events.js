// The events, the latest first.

import { plain, when } from './format.js';
import { at, copy, setHidden, setText } from './dom.js';
import { times, who } from './words.js';

const shown = 300; // the oldest go beyond this

export class EventsView {
  constructor() {
    this.list = at('events');
    this.events = []; // the latest first, each with its element
    this.bySequence = new Map();
    this.terms = [];
    this.now = new Date().toISOString(); // of the node, once it has said so
    this.list.replaceChildren();
    at('grave').addEventListener('change', () => this.choose());
  }

  // clear forgets all: those of a new process are counted anew.
  clear() {
    this.events = [];
    this.bySequence.clear();
    this.list.replaceChildren();
    this.choose();
  }

  // add takes events, the oldest first. One that is there already was said again since.
  add(events) {
    const grave = at('grave').checked;
    for (const event of events) {
      this.remove(this.bySequence.get(event.sequence));
      if (again(this.events[0]?.event, event)) this.remove(this.events[0]);
      const entry = { event, text: [who(event), plain(event.message), event.reason, event.level].join(' ').toLowerCase() };
      entry.element = element(event, this.now);
      entry.element.hidden = !this.matches(entry, grave);
      this.bySequence.set(event.sequence, entry);
      this.events.unshift(entry);
      this.list.prepend(entry.element);
    }
    while (this.events.length > shown) this.remove(this.events.at(-1));
    this.tell();
  }

  remove(entry) {
    if (!entry) return;
    entry.element.remove();
    this.bySequence.delete(entry.event.sequence);
    this.events.splice(this.events.indexOf(entry), 1);
  }

  search(terms) {
    this.terms = terms;
    this.choose();
  }

  choose() {
    const grave = at('grave').checked;
    for (const entry of this.events) setHidden(entry.element, !this.matches(entry, grave));
    this.tell();
  }

  matches(entry, grave) {
    return !(grave && entry.event.level === 'info') && this.terms.every((term) => entry.text.includes(term));
  }

  tell() {
    const some = this.events.some((entry) => !entry.element.hidden);
    setHidden(this.list, !some);
    setHidden(at('events-none'), some);
    setText(at('events-none'), this.events.length ? 'No event matches.' : 'Nothing has happened that is worth a line.');
  }
}

// again is whether an event is the one before it, which was said once more.
const again = (before, event) =>
  before && event.count > before.count && before.level === event.level && before.message === event.message && who(before) === who(event);

function element(event, now) {
  const parts = copy('event');
  parts.root.dataset.level = event.level;
  parts.time.textContent = when(event.time, now);
  parts.time.dateTime = event.time;
  parts.time.title = event.time;
  parts.level.textContent = plain(event.level);
  parts.who.textContent = who(event);
  parts.message.textContent = plain(event.message);
  parts.count.textContent = times(event.count);
  parts.reason.textContent = plain(event.reason);
  return parts.root;
}
